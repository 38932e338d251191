import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import fc from 'fast-check';
import {afterAll, afterEach, beforeEach, describe, expect, test} from 'vitest';
import {describeError, EngineError, type EngineErrorCode} from '../../source/engine/engine-errors.ts';
import {layerSizes} from '../../source/models/model-facts.ts';
import {type CheckOptions, checkModelFile} from '../../source/models/model-file.ts';
import {enlarge, experts120b, guideVocabulary, llama70b, tinyExperts, tinySlidingWindow} from '../support/gguf-shapes.ts';
import {f32, type GgufMetadata, type GgufShape, headerBytes, type TensorShape, u16, writeGguf} from '../support/gguf-writer.ts';

const root = mkdtempSync(join(tmpdir(), 'vramble-models-'));
const posix = process.platform !== 'win32';
let folder: string;
let path: string;

beforeEach(() => {
	folder = mkdtempSync(join(root, 'case-'));
	path = join(folder, 'model.gguf');
});

afterEach(() => rmSync(folder, {recursive: true}));
afterAll(() => rmSync(root, {recursive: true}));

const tensor = (name: string, type = 'F32', ...dimensions: number[]): TensorShape => ({name, type, dimensions});

/** What the check asks for and no more; llama.cpp would ask for a vocabulary too. */
const small: GgufShape = {
	metadata: {
		'general.architecture': 'llama',
		'general.name': 'Small',
		'general.file_type': 7,
		'llama.block_count': 2,
		'llama.context_length': 4096,
		'tokenizer.ggml.tokens': ['a', 'b', 'c'],
		'llama.rope.freq_base': f32(10_000),
	},
	tensors: [
		tensor('token_embd.weight', 'Q8_0', 32, 3),
		tensor('blk.0.ffn_up.weight', 'Q8_0', 32, 64),
		tensor('blk.1.ffn_up.weight', 'Q8_0', 32, 64),
	],
};

const write = (metadata: GgufMetadata = {}, tensors = small.tensors) =>
	writeGguf(path, {metadata: {...small.metadata, ...metadata}, tensors});

/** The small file's header, changed at one place. */
const writeChanged = (change: (header: Buffer) => void) => {
	const header = Buffer.from(headerBytes(small.metadata, small.tensors));
	change(header);
	writeFileSync(path, Buffer.concat([header, Buffer.alloc(10_000)]));
};

const without = (key: string): GgufMetadata =>
	Object.fromEntries(Object.entries(small.metadata).filter(([candidate]) => candidate !== key));

const failure = async (file = path, options?: CheckOptions): Promise<EngineError> => {
	const error = await checkModelFile(file, options).then(
		() => new Error('It was accepted.'),
		(reason: unknown) => reason,
	);
	if (error instanceof EngineError) return error;
	throw error;
};

const expectFailure = (error: EngineError, code: EngineErrorCode, phrase: string) => {
	expect(describeError(error)).toContain(phrase);
	expect(error.code).toBe(code);
	expect(error.advice).toBeTruthy();
};

type Case = readonly [what: string, make: () => unknown, code: EngineErrorCode, phrase: string, options?: CheckOptions];

const version = 4;
const tensorCount = 8;
const pairCount = 16;
const firstKeyLength = 24;

const badFiles: readonly Case[] = [
	['no file', () => {}, 'no-such-file', 'There is no file "'],
	['a folder', () => mkdirSync(path), 'bad-model', 'is a folder'],
	['an empty file', () => writeFileSync(path, ''), 'bad-model', '"model.gguf" is empty'],
	['a text', () => writeFileSync(path, 'Entry not found'), 'bad-model', 'It is a text file that begins with "Entry not found"'],
	['a text that would colour the screen', () => writeFileSync(path, 'a\u001B[31m'), 'bad-model', 'It is a file of an unknown kind'],
	['random bytes', () => writeFileSync(path, Buffer.from('f3a1009c77e2d5bb', 'hex')), 'bad-model', 'is not a GGUF model'],
	['two bytes', () => writeFileSync(path, 'GG'), 'bad-model', 'is not a GGUF model'],
	['zeros', () => writeFileSync(path, Buffer.alloc(1000)), 'bad-model', 'an unfinished download'],
	['a web page', () => writeFileSync(path, '\n<!DOCTYPE html><html>'), 'bad-model', 'a web page'],
	['a Git LFS pointer', () => writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\n'), 'bad-model', 'git lfs pull'],
	['safetensors', () => writeFileSync(path, `\x40${'\0'.repeat(7)}{"__metadata__":{}}`), 'bad-model', 'a safetensors file'],
	['a PyTorch model', () => writeFileSync(path, 'PK\x03\x04'), 'bad-model', 'a PyTorch model'],
	['an old GGML model', () => writeFileSync(path, 'tjgg\x03\0\0\0'), 'bad-model', 'the old GGML format'],
	['a compressed file', () => writeFileSync(path, Buffer.from('1f8b0800', 'hex')), 'bad-model', 'Unpack it first'],
	['version 1', () => writeChanged(header => header.writeUInt32LE(1, version)), 'unsupported', 'of version 1'],
	['version 4', () => writeChanged(header => header.writeUInt32LE(4, version)), 'unsupported', 'of version 4'],
	['big-endian', () => writeChanged(header => header.writeUInt32BE(3, version)), 'unsupported', 'big-endian'],
	['a cut first line', () => writeFileSync(path, 'GGUF\x03\0\0'), 'bad-model', 'ends inside its header'],
	['very many tensors', () => writeChanged(header => header.writeBigUInt64LE(2n ** 63n, tensorCount)), 'bad-model', 'cannot be true'],
	['very many values', () => writeChanged(header => header.writeBigUInt64LE(2n ** 40n, pairCount)), 'bad-model', 'cannot be true'],
	[
		'a very long name',
		() => writeChanged(header => header.writeBigUInt64LE(2n ** 64n - 1n, firstKeyLength)),
		'bad-model',
		'cannot be true',
	],
	[
		'more tensors than fit',
		() => writeChanged(header => header.writeBigUInt64LE(10_000n, tensorCount)),
		'bad-model',
		'ends inside its header',
	],
	['an unknown value', () => writeChanged(header => header.writeUInt32LE(99, 32 + 'general.architecture'.length)), 'bad-model', 'type 99'],
	['a name of no letters', () => writeChanged(header => header.writeBigUInt64LE(0n, firstKeyLength)), 'bad-model', 'is empty or too long'],
	['an impossible alignment', () => write({'general.alignment': 33}), 'bad-model', 'alignment'],
	['a tensor elsewhere', () => write({'general.alignment': 4096}), 'bad-model', 'is not where it should be'],
	[
		'an unknown tensor type',
		() => writeChanged(header => header.writeUInt32LE(4, header.lastIndexOf('blk.1') + 39)),
		'unsupported',
		'tensors of type 4,',
	],
	[
		'an impossible row',
		() => writeChanged(header => header.writeBigUInt64LE(33n, header.lastIndexOf('blk.1') + 23)),
		'bad-model',
		'rows of an impossible length',
	],
	['five dimensions', () => write({}, [tensor('a', 'F32', 1, 1, 1, 1, 1)]), 'bad-model', 'has 5 dimensions'],
	['no architecture', () => writeGguf(path, {...small, metadata: without('general.architecture')}), 'bad-model', 'which architecture'],
	[
		'an unknown architecture',
		() => write({'general.architecture': 'qwen9'}),
		'unsupported',
		'"qwen9" is not known',
		{architectures: new Set(['llama'])},
	],
	['no layers', () => writeGguf(path, {...small, metadata: without('llama.block_count')}), 'bad-model', 'how many layers'],
	['more layers than llama.cpp takes', () => write({'llama.block_count': 513}), 'bad-model', 'something impossible'],
	['a vocabulary', () => write({}, []), 'bad-model', 'a vocabulary only'],
	['an embedding model', () => write({'general.architecture': 'nomic-bert'}), 'unsupported', 'an embedding or ranking model'],
	['an embedding model of a chat architecture', () => write({'llama.pooling_type': 3}), 'unsupported', 'an embedding or ranking model'],
	['an encoder', () => write({'general.architecture': 't5encoder'}), 'unsupported', 'an embedding or ranking model'],
	['an encoder-decoder model', () => write({'general.architecture': 't5'}), 'unsupported', 'encoder-decoder'],
	['a diffusion model', () => write({'general.architecture': 'llada'}), 'unsupported', 'by diffusion'],
	['a projector', () => write({'general.architecture': 'clip'}), 'unsupported', 'mmproj'],
	['an adapter', () => write({'general.type': 'adapter'}), 'unsupported', 'LoRA'],
	['a draft model', () => write({'general.architecture': 'eagle3'}), 'unsupported', 'a draft model'],
	['a speech model', () => write({'general.architecture': 'wavtokenizer-dec'}), 'unsupported', 'makes sound'],
];

describe('refuses with a reason', () => {
	for (const [what, make, code, phrase, options] of badFiles) {
		test(what, async () => {
			make();
			expectFailure(await failure(path, options), code, phrase);
		});
	}

	test('a file cut in its data, with what is missing', async () => {
		writeGguf(path, {...small, tensors: [tensor('blk.0.ffn_up.weight', 'F32', 1000, 3000)]}, {sparse: true});
		truncateSync(path, 5e6);
		expectFailure(await failure(), 'bad-model', 'was cut off: it has 5.0 MB, its header promises 12.0 MB');
		writeGguf(path, {...small, tensors: [tensor('blk.0.ffn_up.weight', 'F32', 1000, 3000)]}, {sparse: true});
		truncateSync(path, statSync(path).size - 3);
		expectFailure(await failure(), 'bad-model', 'was cut off: its last 3 bytes are missing');
	});

	test('a link to nowhere', async () => {
		symlinkSync('elsewhere.gguf', path);
		expectFailure(await failure(), 'no-such-file', `is a link to "${join(folder, 'elsewhere.gguf')}", which is not there`);
	});

	test('a link to itself', async () => {
		symlinkSync('model.gguf', path);
		expectFailure(await failure(), 'no-such-file', 'leads back to itself');
	});

	test('a path below a file', async () => {
		write();
		expectFailure(await failure(join(path, 'model.gguf')), 'no-such-file', 'There is no file');
	});

	test.runIf(posix)('a named pipe, without waiting for its other end', async () => {
		execFileSync('mkfifo', [path]);
		expectFailure(await failure(), 'bad-model', 'is a named pipe, not a file');
	});

	test.runIf(posix)('a socket', async () => {
		const server = createServer().listen(path);
		await once(server, 'listening');
		expectFailure(await failure(), 'bad-model', 'is a socket, not a file');
		server.close();
		await once(server, 'close');
	});

	test.runIf(posix)('a device', async () => {
		expectFailure(await failure('/dev/zero'), 'bad-model', 'is a device, not a file');
	});

	test.runIf(posix)('a file that may not be read, and one in such a folder', async () => {
		write();
		chmodSync(root, 0o755);
		chmodSync(folder, 0o755);
		chmodSync(path, 0o000);
		expectFailure(await asNobody(() => failure()), 'failed', 'You have no permission');
		chmodSync(folder, 0o000);
		expectFailure(await asNobody(() => failure()), 'failed', 'You have no permission');
		chmodSync(folder, 0o755);
	});
});

/** Root may read everything. */
const asNobody = async <T>(task: () => Promise<T>): Promise<T> => {
	if (process.getuid?.() !== 0) return task();
	process.seteuid?.(65_534);
	try {
		return await task();
	} finally {
		process.seteuid?.(0);
	}
};

describe('whatever happened to a file', () => {
	test('cut at any place, it is refused', async () => {
		write();
		const header = headerBytes(small.metadata, small.tensors);
		for (let length = header.length + 4000; length > 0; length -= 13) {
			truncateSync(path, length);
			expect((await failure()).code).toBe('bad-model');
		}
	});

	test('changed at any place, it is taken or refused', async () => {
		const header = headerBytes(small.metadata, small.tensors);
		const change = fc.record({at: fc.nat(header.length - 1), byte: fc.nat(255)});
		await fc.assert(
			fc.asyncProperty(fc.array(change, {minLength: 1, maxLength: 4}), async changes => {
				writeChanged(changed => {
					for (const {at, byte} of changes) changed[at] = byte;
				});
				const outcome = await checkModelFile(path).catch((error: unknown) => error);
				expect(outcome instanceof EngineError || (outcome as {parts: unknown}).parts).toBeTruthy();
			}),
			{numRuns: 300},
		);
	});
});

describe('a split model', () => {
	const partPath = (number: number) => join(folder, `big-0000${number}-of-00003.gguf`);
	const writeParts = (numbers: readonly number[]) => {
		for (const number of numbers) {
			const split = {'split.no': u16(number - 1), 'split.count': u16(3)};
			writeGguf(partPath(number), {
				metadata: number === 1 ? {...small.metadata, ...split} : split,
				tensors: [tensor(`blk.${number - 1}.ffn_up_exps.weight`, 'F32', 8, 8, 4)],
			});
		}
	};

	test('is taken with all its parts', async () => {
		writeParts([1, 2, 3]);
		const {facts, parts, sizeBytes, tensors} = await checkModelFile(partPath(1));
		expect(parts).toEqual([partPath(1), partPath(2), partPath(3)]);
		expect(tensors).toHaveLength(3);
		expect(facts).toMatchObject({path: partPath(1), expertLayers: 3, sizeBytes});
	});

	test.each([
		['lacks a part', [1, 3], 1, 'no-such-file', 'part 2 of 3 is missing. Download "big-00002-of-00003.gguf" into the same folder'],
		['lacks two parts', [1], 1, 'no-such-file', 'the parts 2, 3 of 3 are missing'],
		['is not opened at its start', [1, 2, 3], 2, 'bad-model', 'is part 2 of 3. Open the first part, "big-00001-of-00003.gguf"'],
	] as const)('%s', async (_, numbers, opened, code, phrase) => {
		writeParts(numbers);
		expectFailure(await failure(partPath(opened)), code, phrase);
	});

	test('has a part that was cut off', async () => {
		writeParts([1, 2, 3]);
		truncateSync(partPath(3), 500);
		expectFailure(await failure(partPath(1)), 'bad-model', '"big-00003-of-00003.gguf" was cut off');
	});

	test('was renamed', async () => {
		writeParts([1, 2, 3]);
		copyFileSync(partPath(1), path);
		expectFailure(await failure(), 'bad-model', 'its name does not say so');
	});

	test('that was merged again is no split model', async () => {
		write({'split.count': u16(0)});
		expect((await checkModelFile(path)).parts).toEqual([path]);
	});
});

describe('facts', () => {
	test('of the guide model', async () => {
		const {facts, parts} = await checkModelFile('models/guide.gguf', {architectures: new Set(['llama'])});
		expect(parts).toEqual(['models/guide.gguf']);
		expect(facts).toMatchObject({
			path: 'models/guide.gguf',
			name: 'guide',
			architecture: 'llama',
			quantization: 'Q8_0',
			sizeBytes: 5_856_160,
			layers: 13,
			trainedContext: 2048,
			expertLayers: 0,
			weights: {activeExperts: 1},
		});
		expect(facts.weights.parameters / 1e6).toBeCloseTo(5.4, 1);
		expect(facts.weights.sizes.blocks).toHaveLength(12);
	});

	test.each([
		['a mixture of experts', tinyExperts, {layers: 9, expertLayers: 8, quantization: 'Q8_0', architecture: 'qwen3moe'}],
		['a sliding window', tinySlidingWindow, {layers: 7, expertLayers: 0, quantization: 'Q8_0', architecture: 'gemma3'}],
		['Llama 70B', llama70b, {layers: 81, expertLayers: 0, quantization: 'Q4_K_M', trainedContext: 131_072}],
		['120B experts', experts120b, {layers: 37, expertLayers: 36, quantization: 'MXFP4', architecture: 'gpt-oss'}],
	])('of %s', async (_, shape, facts) => {
		writeGguf(path, shape(await guideVocabulary()), {sparse: true});
		expect((await checkModelFile(path)).facts).toMatchObject(facts);
	});

	test('that the file does not give come from its name and weights', async () => {
		const named = join(folder, 'My-Model-Q4_K_M-00001-of-00001.gguf');
		const {'general.architecture': architecture, 'llama.block_count': blocks} = small.metadata;
		writeGguf(
			named,
			{
				metadata: {'general.architecture': architecture ?? '', 'llama.block_count': blocks ?? 0},
				tensors: [tensor('output_norm.weight', 'F32', 256), tensor('blk.0.ffn_up.weight', 'Q4_K', 256, 64)],
			},
			{sparse: true},
		);
		const {facts} = await checkModelFile(named);
		expect(facts).toMatchObject({name: 'My-Model', quantization: 'Q4_K_M', trainedContext: undefined});
	});

	test('cannot write to the terminal', async () => {
		write({'general.architecture': 'evil\u001B[2J\n\u202Emodel', 'evil [2J model.block_count': 1});
		expect((await checkModelFile(path)).facts.architecture).toBe('evil [2J model');
	});

	test('are found behind a large vocabulary while other work goes on', async () => {
		write(enlarge(await guideVocabulary(), 262_144).metadata);
		let turns = 0;
		let running = true;
		const count = () => {
			turns++;
			if (running) setImmediate(count);
		};
		setImmediate(count);
		expect((await checkModelFile(path)).facts.layers).toBe(3);
		running = false;
		expect(turns).toBeGreaterThan(10);
	});
});

test('sizes of layers add up, with the embeddings again where the output shares them', () => {
	const sized = (name: string, sizeBytes: number) => ({name, sizeBytes, type: 'F32', dimensions: [], offset: 0});
	const tensors = [
		sized('token_embd.weight', 100),
		sized('blk.0.attn_q.weight', 7),
		sized('blk.0.ffn_gate_up_exps.weight', 40),
		sized('blk.0.ffn_up_shexp.weight', 3),
		sized('blk.2.attn_q.weight', 5),
		sized('output_norm.weight', 1),
	];
	const blocks = [
		{bytes: 50, expertBytes: 40},
		{bytes: 0, expertBytes: 0},
		{bytes: 5, expertBytes: 0},
	];
	expect(layerSizes(tensors)).toEqual({inputBytes: 100, blocks, outputBytes: 101, tiedBytes: 100});
	expect(layerSizes([...tensors, sized('output.weight', 90)])).toEqual({inputBytes: 100, blocks, outputBytes: 91, tiedBytes: 0});
	expect(layerSizes([])).toEqual({inputBytes: 0, blocks: [], outputBytes: 0, tiedBytes: 0});
});
