import {describe, expect, test} from 'vitest';
import {toBenchOptions} from '../../source/commands/bench-options.js';
import {readArguments, UsageError} from '../../source/commands/flags.js';
import {toOptions} from '../../source/commands/options.js';

const read = (...argv: readonly string[]) => {
	const {given, positional} = readArguments(argv);
	return toBenchOptions(given, positional);
};

const pp = (promptTokens: number) => ({promptTokens, generatedTokens: 0});
const tg = (generatedTokens: number) => ({promptTokens: 0, generatedTokens});

test('without flags: the tests of llama-bench, one combination, Markdown', () => {
	const {combinations, shown, ...options} = read();
	expect(options).toMatchObject({command: 'bench', model: undefined, gpu: 'auto', repetitions: 5, format: 'md', tests: [pp(512), tg(128)]});
	expect(combinations).toMatchObject([{gpuLayers: 'auto', contextSize: 'usual', threads: 'auto', mmap: true}]);
	expect(shown.size).toBe(0);
});

test.each([
	[
		['-p', '16,32', '-n', '0'],
		[pp(16), pp(32)],
	],
	[['--n-prompt', '0', '--n-gen', '8'], [tg(8)]],
	[
		['-p=4', '-n', '1,2'],
		[pp(4), tg(1), tg(2)],
	],
	[
		['-p', '4-16*2', '-n', '0'],
		[pp(4), pp(8), pp(16)],
	],
])('%j', (argv, tests) => {
	expect(read(...argv).tests).toEqual(tests);
});

test.each([
	[['-ngl', '0,8,16'], 'gpuLayers', [0, 8, 16]],
	[['-ngl', '0-16+8'], 'gpuLayers', [0, 8, 16]],
	[['-ngl', 'auto, 4'], 'gpuLayers', ['auto', 4]],
	[['-ncmoe', '0,4'], 'cpuExpertLayers', [0, 4]],
	[['-t', '1-8*2'], 'threads', [1, 2, 4, 8]],
	[['-t', '1-3'], 'threads', [1, 2, 3]],
	[['-c', '512,auto'], 'contextSize', [512, 'auto']],
	[['-b', '64,128'], 'batchSize', [64, 128]],
	[['-ctk', 'f16,q8_0'], 'cacheTypeK', ['f16', 'q8_0']],
	[['-ctv', 'f16,q8_0'], 'cacheTypeV', ['f16', 'q8_0']],
	[['-fa', 'on,off,auto'], 'flashAttention', ['on', 'off', 'auto']],
	[['-mmp', '0,1'], 'mmap', [false, true]],
] as const)('%j', (argv, name, values) => {
	const {combinations, shown} = read(...argv);
	expect(combinations.map(settings => settings[name])).toEqual(values);
	expect(shown.size).toBe(1);
});

test('several lists: every combination', () => {
	const {combinations} = read('model.gguf', '-ngl', '0,8', '-t', '1,2', '-c', '512');
	expect(combinations.map(({gpuLayers, threads}) => [gpuLayers, threads])).toEqual([
		[0, 1],
		[0, 2],
		[8, 1],
		[8, 2],
	]);
});

test.each([
	[['-o', 'csv'], 'csv'],
	[['-o', 'JSON'], 'json'],
	[['--json'], 'json'],
])('%j: %s', (argv, format) => {
	expect(read(...argv).format).toBe(format);
});

test('--tune: shorter runs; what is given restricts the search', () => {
	expect(read('--tune')).toMatchObject({tests: [pp(512), tg(64)], repetitions: 3, tune: {values: {}, yes: false}});
	expect(read('--tune', '-y', '-t', '4,2', '-b', '256', '-ngl', 'auto', '-c', '4096').tune).toEqual({
		values: {threads: [2, 4], batchSize: [256]},
		yes: true,
	});
	expect(read('-t', '1,2').tune).toBeUndefined();
});

describe('wrong usage', () => {
	test.each([
		[['-p', 'hello'], /--n-prompt takes whole numbers of at least 0, .*not "hello"/],
		[['-n', '1.5'], /--n-gen .*not "1\.5"/],
		[['-p', '0', '-n', '0'], /nothing to measure/],
		[['-r', '0'], /--repetitions .*at least 1.*not "0"/],
		[['-r', '1,2'], /--repetitions takes one number/],
		[['-o', 'xml'], /--output takes one of md, json, csv, not "xml"/],
		[['-o', 'md', '--json'], /one of them/],
		[['-ngl', '0,many'], /--gpu-layers .*not "many"/],
		[['-ngl', '8-0'], /The range "8-0" is empty/],
		[['-t', '1-8*1'], /has no end/],
		[['-c', '0-10+0'], /has no end/],
		[['-t', '1-1001'], /has more than 1000 values/],
		[['-t', '1-100', '-b', '1-100'], /combinations/],
		[['-mmp', '2'], /--mmap takes 0, 1 or 0,1, not "2"/],
		[
			['--tune', '-c', '512,1024'],
			/--tune searches threads, gpu-layers, n-cpu-moe, batch-size; of the other settings it takes one value each/,
		],
		[['--tune', '-p', '1,2'], /--tune takes one --n-prompt and one --n-gen/],
		[['--yes'], /--yes belongs to --tune/],
		[['--forget', '--tune'], /--forget measures nothing/],
		[['--temp', '0'], /--temp is about answers/],
		[['--print-command'], /belongs to vramble plan/],
		[['a.gguf', 'b.gguf'], /One model at a time: what is "b\.gguf"/],
	])('%j', (argv, phrase) => {
		expect(() => read(...argv)).toThrow(UsageError);
		expect(() => read(...argv)).toThrow(phrase);
	});

	test.each([['-r'], ['-o'], ['--n-gen'], ['--mmap']])('%s belongs to bench', flag => {
		const {given, positional} = readArguments([flag, '1']);
		expect(() => toOptions(given, positional)).toThrow(/belongs to vramble bench/);
	});
});
