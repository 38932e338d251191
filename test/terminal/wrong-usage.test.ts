import {mkdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {guideVocabulary, tinyDense} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {guidePath, type Home, makeHome, testTimeout} from './program.ts';
import {runProgram} from './run-program.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

const stackTrace = /\n\s+at |node:internal|file:\/\//;

describe('wrong usage ends with 2 and says what is wrong', () => {
	test.each([
		[['-c', '0'], /--ctx-size .*not "0"/],
		[['-c', 'banana'], /--ctx-size .*not "banana"/],
		[['-c', '-5'], /--ctx-size .*not "-5"/],
		[['-c', '2.5'], /--ctx-size .*not "2\.5"/],
		[['-c', ''], /--ctx-size .*not ""/],
		[['-t', '0'], /--threads .*not "0"/],
		[['-b', '0'], /--batch-size .*not "0"/],
		[['-ngl', '-1'], /--gpu-layers .*not "-1"/],
		[['-n', '0'], /--predict .*not "0"/],
		[['--temp', 'hot'], /--temp .*not "hot"/],
		[['--temp', '-1'], /--temp .*not "-1"/],
		[['--cache-type-k', 'q9_9'], /--cache-type-k takes one of .*q8_0.*not "q9_9"/],
		[['--gpu', 'tpu'], /--gpu takes one of .*vulkan.*not "tpu"/],
		[['-fa', 'maybe'], /--flash-attn takes one of .*not "maybe"/],
		[['--ctx-sise', '5'], /Unknown flag --ctx-sise\. Did you mean --ctx-size\?/],
		[['--xyzzy'], /Unknown flag --xyzzy\.\n/],
		[['-c'], /-c needs a value|--ctx-size needs a value/],
		[['--json=yes'], /--json takes no value/],
		[['another.gguf'], /One model at a time.*another\.gguf/],
	])('%j', async (args, phrase) => {
		const {code, stdout, stderr} = await runProgram(home, [guidePath, '-p', 'hi', ...args]);
		expect({code, stdout}).toEqual({code: 2, stdout: ''});
		expect(stderr).toMatch(/^vramble: /);
		expect(stderr).toMatch(phrase);
		expect(stderr).not.toMatch(stackTrace);
	});

	test.each([
		['nothing', ''],
		['only white space', ' \n\n'],
	])('a standard input with %s', async (_what, input) => {
		const {code, stdout, stderr} = await runProgram(home, [guidePath], {input});
		expect({code, stdout}).toEqual({code: 2, stdout: ''});
		expect(stderr).toMatch(/^vramble: there is nothing to answer/);
	});
});

describe('a model that cannot be used ends with 1 and says why', () => {
	const write = (name: string, content: string | Buffer) => {
		const path = join(home.folder, name);
		writeFileSync(path, content);
		return path;
	};

	const kinds: ReadonlyArray<readonly [string, () => string | Promise<string>, RegExp]> = [
		['no such file', () => join(home.folder, 'missing.gguf'), /There is no file ".*missing\.gguf"/],
		[
			'a folder',
			() => mkdirSync(join(home.folder, 'folder.gguf'), {recursive: true}) ?? join(home.folder, 'folder.gguf'),
			/folder\.gguf" is a folder/,
		],
		[
			'a dangling link',
			() => {
				symlinkSync('gone.gguf', join(home.folder, 'link.gguf'));
				return join(home.folder, 'link.gguf');
			},
			/link\.gguf" is a link to .*gone\.gguf/,
		],
		['an empty file', () => write('empty.gguf', ''), /empty\.gguf" is empty/],
		['a text file', () => write('text.gguf', 'Once upon a time\n'), /text\.gguf" is not a GGUF model/],
		['a cut header', () => write('header.gguf', readFileSync(guidePath).subarray(0, 2000)), /header\.gguf" .*cut off/],
		[
			'cut data',
			() => write('data.gguf', readFileSync(guidePath).subarray(0, 3_000_000)),
			/data\.gguf" was cut off: it has 3\.0 MB, its header promises 5\.9 MB/,
		],
		[
			'an architecture that llama.cpp does not know',
			async () => {
				const {metadata, tensors} = tinyDense(await guideVocabulary());
				const renamed = Object.entries(metadata).map(([key, value]) => [key.replace(/^llama\./, 'foo.'), value] as const);
				const path = join(home.folder, 'foo.gguf');
				writeGguf(path, {metadata: {...Object.fromEntries(renamed), 'general.architecture': 'foo'}, tensors});
				return path;
			},
			/architecture "foo" is not known/,
		],
		[
			'a missing tensor',
			async () => {
				const {metadata, tensors} = tinyDense(await guideVocabulary());
				const path = join(home.folder, 'hole.gguf');
				writeGguf(path, {metadata, tensors: tensors.filter(({name}) => name !== 'blk.2.ffn_up.weight')});
				return path;
			},
			/tensor "blk\.2\.ffn_up\.weight" is missing/,
		],
	];

	test.each(kinds)('%s', async (_kind, make, phrase) => {
		const {code, stdout, stderr} = await runProgram(home, [await make(), '-p', 'hi']);
		expect({code, stdout}).toEqual({code: 1, stdout: ''});
		expect(stderr).toMatch(/^vramble: /);
		expect(stderr).toMatch(phrase);
		expect(stderr).not.toMatch(stackTrace);
	});

	test('settings that llama.cpp refuses', async () => {
		const {code, stdout, stderr} = await runProgram(home, [guidePath, '-p', 'hi', '-ctv', 'q8_0', '-fa', 'off']);
		expect({code, stdout}).toEqual({code: 1, stdout: ''});
		expect(stderr).toContain('A quantized V cache needs flash attention.');
	});
});
