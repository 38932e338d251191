import {resolve} from 'node:path';
import {describe, expect, test} from 'vitest';
import {benchHelpText} from '../../source/commands/bench-help.js';
import {flagLines, flags, helpText, readArguments, UsageError} from '../../source/commands/flags.js';
import {toOptions} from '../../source/commands/options.js';

/** As the program reads its command line. */
const read = (...argv: readonly string[]) => {
	const {given, positional} = readArguments(argv);
	return {...toOptions(given, positional), help: given.help, version: given.version};
};

const complaint = (...argv: readonly string[]): string => {
	try {
		read(...argv);
	} catch (error) {
		expect(error).toBeInstanceOf(UsageError);
		return (error as Error).message;
	}

	return 'none';
};

test('without flags: llama.cpp chooses, its own sampling, no model, no prompt', () => {
	expect(read()).toMatchObject({
		model: undefined,
		gpu: 'auto',
		wanted: {
			gpuLayers: 'auto',
			cpuExpertLayers: 'auto',
			overrideTensor: undefined,
			kvOffload: undefined,
			contextSize: 'usual',
			cacheTypeK: 'f16',
			cacheTypeV: 'f16',
			batchSize: 512,
			threads: 'auto',
			flashAttention: 'auto',
			mmap: true,
			mlock: false,
		},
		system: undefined,
		prompt: undefined,
		maxTokens: undefined,
		temperature: undefined,
		sampling: {topK: 40, topP: 0.95, minP: 0.05, seed: undefined},
		json: false,
		ascii: false,
	});
});

describe('one meaning, several spellings', () => {
	test.each([
		[['-ngl', '12'], ['--gpu-layers', '12'], ['--n-gpu-layers=12'], ['--ngl', '12'], ['-ngl=12']],
		[['-c', '4096'], ['--ctx-size', '4096'], ['--ctx-size=4096'], ['-c=4096']],
		[['-ctk', 'q8_0'], ['--cache-type-k', 'Q8_0'], ['--cache-type-k=q8_0']],
		[
			['-ctv', 'q4_0'],
			['--cache-type-v', 'q4_0'],
		],
		[
			['-b', '256'],
			['--batch-size', '256'],
		],
		[
			['-t', '3'],
			['--threads', '3'],
		],
		[['-fa', 'on'], ['--flash-attn', 'ON'], ['--flash-attn=on']],
		[
			['-n', '5'],
			['--predict', '5'],
			['--n-predict', '5'],
		],
		[
			['--temp', '0.5'],
			['--temperature', '.5'],
		],
		[
			['-s', '7'],
			['--seed', '7'],
		],
		[['-sys', 'Be brief.'], ['--system', 'Be brief.'], ['--system=Be brief.']],
		[['-p', 'a b'], ['--prompt', 'a b'], ['--prompt=a b']],
		[['-h'], ['--help']],
	])('%j', (...spellings) => {
		const [first, ...others] = spellings.map(argv => read(...argv));
		expect(first).not.toEqual(read());
		for (const other of others) expect(other).toEqual(first);
	});
});

describe('values', () => {
	test.each<[readonly string[], object]>([
		[['x.gguf'], {model: 'x.gguf'}],
		[['x.gguf', '-ngl', 'all'], {model: 'x.gguf', wanted: {gpuLayers: 9999}}],
		[['-ngl', 'all', 'x.gguf'], {model: 'x.gguf', wanted: {gpuLayers: 9999}}],
		[['-ngl', '9999'], {wanted: {gpuLayers: 9999}}],
		[['-ngl', '0'], {wanted: {gpuLayers: 0}}],
		[['-ngl', 'auto', '-c', 'auto', '-t', 'auto'], {wanted: {gpuLayers: 'auto', contextSize: 'auto', threads: 'auto'}}],
		[['-c', '1000000'], {wanted: {contextSize: 1_000_000}}],
		[['--gpu', 'off'], {gpu: 'off'}],
		[['--gpu', 'Vulkan'], {gpu: 'vulkan'}],
		[['-ncmoe', '30'], {wanted: {cpuExpertLayers: 30}}],
		[['--n-cpu-moe', '0'], {wanted: {cpuExpertLayers: 0}}],
		[['-cmoe'], {wanted: {cpuExpertLayers: 9999}}],
		[['--lookup'], {wanted: {lookup: true}}],
		[['-md', 'small.gguf'], {wanted: {draftModel: resolve('small.gguf'), draftGpuLayers: 9999, lookup: undefined}}],
		[['--model-draft', 'small.gguf', '-ngld', '5'], {wanted: {draftModel: resolve('small.gguf'), draftGpuLayers: 5}}],
		[['--draft-model', 'small.gguf', '--gpu-layers-draft', 'auto'], {wanted: {draftGpuLayers: 9999}}],
		[['-nkvo', '-ot', 'exps=CPU', '-ot', 'blk\\.1\\.=CPU'], {wanted: {kvOffload: false, overrideTensor: 'exps=CPU,blk\\.1\\.=CPU'}}],
		[['-dev', 'CUDA1,CUDA0', '-sm', 'Layer', '-ts', '3/1'], {wanted: {device: 'CUDA1,CUDA0', splitMode: 'layer', tensorSplit: '3,1'}}],
		[['--split-mode', 'none', '--main-gpu', '1'], {wanted: {device: undefined, splitMode: 'none', mainGpu: 1, tensorSplit: undefined}}],
		[['--device', 'none'], {gpu: 'off', wanted: {device: undefined}}],
		[['--tensor-split', '0,.5,1.'], {wanted: {tensorSplit: '0,.5,1.'}}],
		[['--no-mmap', '--mlock'], {wanted: {mmap: false, mlock: true}}],
		[['-n', '-1'], {maxTokens: undefined}],
		[['--temp', '0'], {temperature: 0}],
		[['--seed', '-1'], {sampling: {seed: undefined}}],
		[['--seed', '0'], {sampling: {seed: 0}}],
		[['--top-k', '0', '--top-p', '1', '--min-p', '0'], {sampling: {topK: 0, topP: 1, minP: 0}}],
		[['--json', '--ascii'], {json: true, ascii: true}],
		[['--version'], {version: true}],
		[['-p', '-5 degrees?'], {prompt: '-5 degrees?'}],
		[['-p', '--help'], {prompt: '--help', help: undefined}],
		[['--prompt=a=b'], {prompt: 'a=b'}],
		[['-p', ''], {prompt: ''}],
		[['-p', 'two\nlines'], {prompt: 'two\nlines'}],
		[['--', '-odd.gguf'], {model: '-odd.gguf'}],
		[['--json', '--', '--json'], {model: '--json', json: true}],
		[['-'], {model: '-'}],
		[['-c', '1024', '-c', '2048'], {wanted: {contextSize: 2048}}],
	])('%j', (argv, expected) => {
		expect(read(...argv)).toMatchObject(expected);
	});
});

describe('wrong usage', () => {
	const types = 'f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl';
	test.each<[readonly string[], string]>([
		[['-c', '0'], '--ctx-size takes a whole number from 1 to 16777216, not "0".'],
		[['-c', 'banana'], '--ctx-size takes a whole number from 1 to 16777216, not "banana".'],
		[['-c', '-5'], '--ctx-size takes a whole number from 1 to 16777216, not "-5".'],
		[['-c', '1.5'], '--ctx-size takes a whole number from 1 to 16777216, not "1.5".'],
		[['-c', ''], '--ctx-size takes a whole number from 1 to 16777216, not "".'],
		[['--ctx-size='], '--ctx-size takes a whole number from 1 to 16777216, not "".'],
		[['-c', '9999999999'], '--ctx-size takes a whole number from 1 to 16777216, not "9999999999".'],
		[['-ngl', 'some'], '--gpu-layers takes a whole number of at least 0, not "some".'],
		[['-ngl', '-1'], '--gpu-layers takes a whole number of at least 0, not "-1".'],
		[['-t', '0'], '--threads takes a whole number from 1 to 512, not "0".'],
		[['-b', '0'], '--batch-size takes a whole number from 1 to 65536, not "0".'],
		[['-ncmoe', 'all'], '--n-cpu-moe takes a whole number of at least 0, not "all".'],
		[['-ngld', '5'], '--gpu-layers-draft is about the model of --draft-model, which was not given.'],
		[
			['-ot', 'exps=CUDA0'],
			'--override-tensor takes PATTERN=CPU, with a regular expression for the names of tensors (no counts, no repeated groups), not "exps=CUDA0".',
		],
		[
			['-ot', 'a=CPU,[=CPU'],
			'--override-tensor takes PATTERN=CPU, with a regular expression for the names of tensors (no counts, no repeated groups), not "[=CPU".',
		],
		[['-dev', 'CUDA0,CUDA0'], '--device takes names of devices, each once and separated by commas, or none, not "CUDA0,CUDA0".'],
		[['-dev', ''], '--device takes names of devices, each once and separated by commas, or none, not "".'],
		[['-dev', 'none,CUDA0'], '--device takes names of devices, each once and separated by commas, or none, not "none,CUDA0".'],
		[['-sm', 'row'], '--split-mode row: none of the backends here can do that.'],
		[['-sm', 'half'], '--split-mode takes one of none, layer, not "half".'],
		[['-mg', '-1'], '--main-gpu takes a whole number from 0 to 15, not "-1".'],
		...['3,x', '0,0', '-1,2', 'NaN', '1e9', '1,,2', ''].map(
			value => [['-ts', value], `--tensor-split takes one share for each GPU, such as 3,1, not "${value}".`] as [readonly string[], string],
		),
		[['-ts', '1,'.repeat(16).slice(0, -1)], '--tensor-split takes at most 15 shares.'],
		[['-ctk', 'q9_9'], `--cache-type-k takes one of ${types}, not "q9_9".`],
		[['-ctv', 'f64'], `--cache-type-v takes one of ${types}, not "f64".`],
		[['-fa', 'maybe'], '--flash-attn takes one of auto, on, off, not "maybe".'],
		[['--gpu', 'tpu'], '--gpu takes one of auto, cuda, vulkan, metal, off, not "tpu".'],
		[['-n', '0'], '--predict takes a whole number of at least 1, or -1 for no limit, not "0".'],
		[['-n', '-2'], '--predict takes a whole number of at least -1, not "-2".'],
		[['--temp', 'hot'], '--temp takes a number from 0 to 100, not "hot".'],
		[['--temp', '-0.1'], '--temp takes a number from 0 to 100, not "-0.1".'],
		[['--temp', 'Infinity'], '--temp takes a number from 0 to 100, not "Infinity".'],
		[['--temp', 'NaN'], '--temp takes a number from 0 to 100, not "NaN".'],
		[['--top-k', '-1'], '--top-k takes a whole number of at least 0, not "-1".'],
		[['--top-p', '1.1'], '--top-p takes a number from 0 to 1, not "1.1".'],
		[['--min-p', '2'], '--min-p takes a number from 0 to 1, not "2".'],
		[['--seed', '1.5'], '--seed takes a whole number from -1 to 4294967295, not "1.5".'],
		[['-c'], '-c needs a value: N|auto.'],
		[['-fa', '-p', 'hi'], '-fa needs a value: on|off|auto; "-p" behind it is a flag.'],
		[['-z'], 'Unknown flag -z.'],
		[['x.gguf', '--gpu-layers'], '--gpu-layers needs a value: N|auto|all.'],
		[['--json=yes'], '--json takes no value.'],
		[['a.gguf', 'b.gguf'], 'One model at a time: what is "b.gguf"? A prompt goes behind -p, in quotes.'],
		[['--gpu-layer', '3'], 'Unknown flag --gpu-layer. Did you mean --gpu-layers?'],
		[['--ctxsize=3'], 'Unknown flag --ctxsize. Did you mean --ctx-size?'],
		[['-ctz', 'f16'], 'Unknown flag -ctz. Did you mean -ctk?'],
		[['--foo'], 'Unknown flag --foo.'],
		[['--jsno'], 'Unknown flag --jsno. Did you mean --json?'],
		[['--completely-different'], 'Unknown flag --completely-different.'],
	])('%j', (argv, message) => {
		expect(complaint(...argv)).toBe(message);
	});
});

describe('budgets and other machines', () => {
	const gib = 1024 ** 3;

	test('budgets of the screen and of an answer', () => {
		expect(read().budgets).toEqual({vram: undefined, ram: undefined});
		expect(read('x.gguf', '--vram', '11.5G', '--ram=50%').budgets).toEqual({vram: {bytes: 11.5 * gib}, ram: {ratio: 0.5}});
		expect(read('x.gguf', '--vram', '90 %').budgets.vram).toEqual({ratio: 0.9});
	});

	test('plan: its model, several cards, bandwidths in bytes', () => {
		expect(read('plan')).toMatchObject({command: 'plan', model: undefined});
		expect(read('plan', 'x.gguf', '--vram', '8G,12G', '--vram', '24G', '--ram', '64G').plan).toEqual({
			vram: [{bytes: 8 * gib}, {bytes: 12 * gib}, {bytes: 24 * gib}],
			ram: {bytes: 64 * gib},
			gpuBytesPerSecond: undefined,
			ramBytesPerSecond: undefined,
			printCommand: false,
		});
		expect(read('plan', 'x.gguf', '--vram', '8G,8192M,12G').plan.vram).toEqual([{bytes: 8 * gib}, {bytes: 12 * gib}]);
		expect(read('--gpu-bandwidth', '360', '--ram-bandwidth=51.2', '--print-command', 'plan', 'x.gguf')).toMatchObject({
			command: 'plan',
			model: 'x.gguf',
			plan: {gpuBytesPerSecond: 360e9, ramBytesPerSecond: 51.2e9, printCommand: true},
		});
		expect(read('./plan')).toMatchObject({command: undefined, model: './plan'});
	});

	test.each<[readonly string[], string]>([
		[['--vram', '12'], '--vram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "12".'],
		[['--vram', '11,5G'], '--vram takes a decimal point: 11.5G; several sizes have a unit each.'],
		[['--vram', 'much'], '--vram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "much".'],
		[['--ram', '0G'], '--ram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "0G".'],
		[['--ram', '110%'], '--ram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "110%".'],
		[['--vram', '9999999G'], '--vram: "9999999G" is too large; it takes less than 8192T.'],
		[['--vram', '99999999999999999999G'], '--vram: "99999999999999999999G" is too large; it takes less than 8192T.'],
		[['--vram', '-1G'], '--vram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "-1G".'],
		[['--vram'], '--vram needs a value: SIZE.'],
		[['x.gguf', '--vram', '8G,12G'], '--vram takes one size, not 2.'],
		[['plan', '--vram', '8G,'], '--vram takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "".'],
		[['plan', '--ram', '8G,16G'], '--ram takes one size, not 2.'],
		[['plan', '--vram', '1G,2G,3G,4G,5G,6G,7G,8G,9G'], '--vram takes at most 8 sizes, not 9.'],
		[['plan', '--gpu-bandwidth', 'fast'], '--gpu-bandwidth takes a number from 0.1 to 1000000, not "fast".'],
		[['plan', '--ram-bandwidth', '0'], '--ram-bandwidth takes a number from 0.1 to 1000000, not "0".'],
		[['x.gguf', '--gpu-bandwidth', '360'], '--gpu-bandwidth belongs to vramble plan.'],
		[['x.gguf', '--print-command'], '--print-command belongs to vramble plan.'],
		[['plan', 'x.gguf', '-p', 'hi'], 'vramble plan loads nothing, so it cannot answer -p.'],
		[['plan', '--json', '--print-command'], '--json and --print-command: one of them, please.'],
		[['plan', 'a.gguf', 'b.gguf'], 'One model at a time: what is "b.gguf"?'],
	])('%j', (argv, message) => {
		expect(complaint(...argv)).toBe(message);
	});
});

test('the help lists every flag with its short name, and the exit codes', () => {
	const help = helpText() + benchHelpText();
	for (const {names} of flags) {
		const [long, ...others] = names;
		expect(help).toContain(`--${long}`);
		const short = others.find(name => name.length <= 3);
		if (short) expect(help).toContain(`-${short}, --${long}`);
	}

	expect(help).toMatch(/--ram SIZE +.*llama\.cpp; Node\.js and the GPU driver take some besides/);
	expect(help).toContain('Exit codes: 0, 1 failed, 2 wrong usage, 130 interrupted, 143 SIGTERM, 129 SIGHUP.');
});

test.each([
	[[], true],
	[['--gpu', 'off', '-p', 'hi', '-n', '5', '--temp', '0', '--json'], true],
	[['-t', '2'], false],
	[['-ngl', 'auto'], false],
	[['--vram', '8G'], false],
	[['--no-mmap'], false],
])('%j: settings that were kept are used: %s', (argv, usesKept) => {
	expect(read(...argv).usesKept).toBe(usesKept);
});

test('in the help every text begins in the same column', () => {
	const lines = flagLines(() => true).split('\n');
	expect(lines.length).toBeGreaterThan(40);
	for (const line of lines) expect(line).toMatch(/^(?: {4}-.{35} \S| {4}-\S.*$| {40}\S)/);
	expect(lines).toContain('    -ot, --override-tensor PATTERN=CPU,…');
});
