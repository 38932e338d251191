import {PassThrough} from 'node:stream';
import {describe, expect, test} from 'vitest';
import {bench} from '../../source/commands/bench.js';
import {toBenchOptions} from '../../source/commands/bench-options.js';
import {readArguments} from '../../source/commands/flags.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import {createMeasurementStore} from '../../source/planner/measurement-store.js';
import {isSameSettings} from '../../source/planner/settings.js';
import {baseSettings, cpuDevice, createFakeEngine} from '../support/fake-engine.js';
import {createFakeFile} from '../support/fake-file.js';
import {bigModel} from '../support/fake-services.js';

const collect = (isTTY = false) => {
	const stream = Object.assign(new PassThrough({encoding: 'utf8'}), {isTTY});
	let text = '';
	stream.on('data', chunk => {
		text += chunk;
	});
	return {stream, text: () => text};
};

/** `says`: what is answered to a question; undefined: nobody is there. */
type Person = {readonly isTTY?: boolean; readonly says?: boolean; readonly deaths?: () => number};

const start = (
	argv: readonly string[],
	fake: ReturnType<typeof createFakeEngine>,
	{isTTY = false, says, deaths = () => 0}: Person = {},
) => {
	const file = createFakeFile();
	const [stdout, stderr] = [collect(isTTY), collect(isTTY)];
	const controller = new AbortController();
	const {given, positional} = readArguments(argv);
	const code = bench(toBenchOptions(given, positional), bigModel, {
		engine: {...fake.engine, deaths},
		async settle(wanted) {
			const {gpuLayers, contextSize} = wanted;
			if (gpuLayers === 50) throw new EngineError('over-budget', 'Over the budget.');
			return {
				...wanted,
				gpuLayers: gpuLayers === 'auto' ? 20 : gpuLayers,
				contextSize: typeof contextSize === 'number' ? contextSize : 8192,
			};
		},
		fits: async ({gpuLayers}) => gpuLayers <= 20 || gpuLayers === 81,
		confirm: says === undefined ? undefined : async question => stderr.stream.write(question) && says,
		threads: 8,
		measurements: () => createMeasurementStore(file, 'here'),
		cpu: 'Some CPU',
		stdout: stdout.stream,
		stderr: stderr.stream,
		signal: controller.signal,
	});
	return {code, stdout, stderr, kept: () => createMeasurementStore(file, 'here').read(bigModel), interrupt: () => controller.abort()};
};

const run = async (argv: readonly string[], fakeOptions?: Parameters<typeof createFakeEngine>[0], person?: Person) => {
	const fake = createFakeEngine(fakeOptions);
	const {code, stdout, stderr, kept} = start(argv, fake, person);
	return {...fake, kept, code: await code, stdout: stdout.text(), stderr: stderr.text()};
};

/** Cells from the backend on. */
const cells = (stdout: string) =>
	stdout
		.trimEnd()
		.split('\n')
		.slice(2)
		.map(line =>
			line
				.split('|')
				.slice(5, -1)
				.map(cell => cell.trim()),
		);

test('the tests of llama-bench, each warmed up, with what the planner has chosen', async () => {
	const {code, stdout, stderr, measurements} = await run(['-r', '2']);
	expect([code, stderr]).toEqual([0, '']);
	expect(cells(stdout)).toEqual([
		['20', 'pp512', '1000.00 ± 0.00'],
		['20', 'tg128', '100.00 ± 0.00'],
	]);
	expect(measurements).toEqual([
		[512, 0],
		[512, 0],
		[512, 0],
		[0, 1],
		[0, 128],
		[0, 128],
	]);
});

test('weights are read once for each place they can have', async () => {
	const {stdout, calls} = await run(['-c', '512,1024', '-ngl', '0,8,999', '-p', '0', '-r', '1']);
	expect(cells(stdout).map(([layers, context]) => [layers, context])).toEqual([
		['0', '512'],
		['0', '1024'],
		['8', '512'],
		['8', '1024'],
		['81', '512'],
		['81', '1024'],
	]);
	expect(calls.filter(verb => verb === 'loadModel')).toHaveLength(3);
	expect(calls.filter(verb => verb === 'createContext')).toHaveLength(6);
});

test('without a device all layers stay on the CPU, and are measured once', async () => {
	const {stdout} = await run(['-ngl', '0,8', '-n', '0'], {device: cpuDevice});
	expect(cells(stdout)).toEqual([['0', '4', 'pp512', '1000.00 ± 0.00']]);
});

test('a context that does not fit is tried once, and the weights stay', async () => {
	const {stdout, calls} = await run(['-c', '512,1024,2048', '-r', '1'], {
		refuse: (verb, settings) => (verb === 'createContext' && settings?.contextSize === 1024 ? 'out-of-memory' : undefined),
	});
	expect(cells(stdout).map(row => row.slice(1))).toEqual([
		['512', 'pp512', '1000.00 ± 0.00'],
		['512', 'tg128', '100.00 ± 0.00'],
		['1024', 'pp512', 'out of memory'],
		['1024', 'tg128', 'out of memory'],
		['2048', 'pp512', '1000.00 ± 0.00'],
		['2048', 'tg128', '100.00 ± 0.00'],
	]);
	expect(calls.filter(verb => verb === 'loadModel')).toHaveLength(1);
	expect(calls.filter(verb => verb === 'createContext')).toHaveLength(3);
});

test('after the end of a process the weights are read again', async () => {
	let ended = 0;
	const {calls} = await run(
		['-c', '512,1024', '-p', '0', '-r', '1'],
		{
			refuse(verb, settings) {
				if (verb !== 'measure' || settings?.contextSize !== 512) return undefined;
				ended++;
				return 'failed';
			},
		},
		{deaths: () => ended},
	);
	expect(calls.filter(verb => verb === 'loadModel')).toHaveLength(2);
});

test('what does not fit is a row, and the next begins anew', async () => {
	const {code, stdout, stderr, calls} = await run(['-ngl', '0,40,8', '-p', '0', '-r', '1'], {
		refuse: (verb, settings) => (verb === 'createContext' && settings?.gpuLayers === 40 ? 'out-of-memory' : undefined),
	});
	expect(code).toBe(0);
	expect(cells(stdout)).toEqual([
		['0', 'tg128', '100.00 ± 0.00'],
		['40', 'tg128', 'out of memory'],
		['8', 'tg128', '100.00 ± 0.00'],
	]);
	expect(stderr).toBe('vramble: ngl 40, tg128: No: createContext. It was told to.\n');
	expect(calls.filter(verb => verb === 'freeModel')).toHaveLength(3);
});

test('what does not keep a budget is a row, and is not tried', async () => {
	const {code, stdout, stderr, calls} = await run(['-ngl', '50,8', '-p', '0', '-r', '1']);
	expect(code).toBe(0);
	expect(cells(stdout)).toEqual([
		['50', 'tg128', 'over budget'],
		['8', 'tg128', '100.00 ± 0.00'],
	]);
	expect(stderr).toBe('vramble: ngl 50, tg128: Over the budget.\n');
	expect(calls.filter(verb => verb === 'loadModel')).toHaveLength(1);
});

describe('the context of what is refused before it is loaded', () => {
	const contexts = (stdout: string) => JSON.parse(stdout).map(({n_ctx}: {readonly n_ctx: unknown}) => n_ctx);

	test.each<[string, readonly string[], readonly unknown[]]>([
		['is the one that is tried first', [], [8192, 8192]],
		['is the given one', ['-c', '1024'], [1024, 1024]],
		['is nothing where it is to be found', ['-c', 'auto'], [null, 8192]],
	])('%s', async (_what, flags, expected) => {
		const argv = ['-ngl', '50,8', '-p', '0', '-r', '1', ...flags];
		expect(contexts((await run([...argv, '-o', 'json'])).stdout)).toEqual(expected);
		const [header = '', ...rows] = (await run([...argv, '-o', 'csv'])).stdout.trim().split('\n');
		const at = header.split(',').indexOf('n_ctx');
		expect(rows.map(row => row.split('","')[at])).toEqual(expected.map(size => String(size ?? '')));
		const shown = cells((await run(argv)).stdout).map(row => row[1]);
		if (flags.length > 0) expect(shown).toEqual(expected.map(size => String(size ?? '')));
	});
});

test.each(['loadModel', 'createContext', 'measure'] as const)('nothing works (%s): 1', async verb => {
	const {code, stdout} = await run(['-p', '0'], {refuse: refused => (refused === verb ? 'failed' : undefined)});
	expect(code).toBe(1);
	expect(cells(stdout)).toEqual([['20', 'tg128', 'failed']]);
});

test('no backend: 1, and nothing on stdout', async () => {
	const {code, stdout, stderr} = await run([], {refuse: verb => (verb === 'start' ? 'no-backend' : undefined)});
	expect([code, stdout, stderr]).toEqual([1, '', 'vramble: No: start. It was told to.\n']);
});

test('interrupted: 130, what was measured is printed, JSON is whole', async () => {
	let runs = 0;
	const fake = createFakeEngine({
		measured() {
			runs++;
			if (runs === 2) fake.hold('measure'); // the first test is through: warm-up and one run
			return {promptMs: 1, generationMs: 1};
		},
	});
	const {code, stdout, interrupt} = start(['-o', 'json', '-p', '8', '-r', '1'], fake);
	await expect.poll(stdout.text).toMatch(/samples_ts/);
	interrupt();
	expect(await code).toBe(130);
	expect(JSON.parse(stdout.text())).toHaveLength(1);
});

test('progress on a terminal: what is measured, erased at the end', async () => {
	const {stderr} = await run(['-t', '1,2', '-p', '0', '-r', '1'], undefined, {isTTY: true});
	const erase = '\r\u001B[K';
	const [before, ...lines] = stderr.split(erase);
	expect([before, lines.at(-1)]).toEqual(['', '']);
	expect(lines).toContain('1/2 threads 1, tg128: loading 0 %');
	expect(lines.at(-2)).toMatch(/^2\/2 threads 2, tg128: /);
});

test('speeds are kept with the settings that were really got', async () => {
	const {kept} = await run(['-ngl', '8,40', '-r', '1'], undefined);
	expect(await kept()).toEqual({
		measured: [8, 40].map(gpuLayers => ({
			settings: {...baseSettings, gpuLayers, contextSize: 8192},
			tokensPerSecond: 100,
			generatedTokens: 128,
			promptTokensPerSecond: 1000,
		})),
		kept: undefined,
	});
});

test('what failed is not kept', async () => {
	const {kept} = await run(['-r', '1'], {refuse: verb => (verb === 'measure' ? 'out-of-memory' : undefined)});
	expect(await kept()).toEqual({measured: [], kept: undefined});
});

describe('--tune', () => {
	/** Two threads and ten layers are best, and large batches. */
	const measured: NonNullable<Parameters<typeof createFakeEngine>[0]>['measured'] = ({promptTokens, generatedTokens, settings}) => ({
		promptMs: (promptTokens / settings.batchSize) * 1000,
		generationMs: generatedTokens * (10 + Math.abs(settings.threads - 2) + Math.abs(settings.gpuLayers - 10)),
	});
	const best = {...baseSettings, gpuLayers: 10, threads: 2, batchSize: 2048, contextSize: 8192};

	test('finds the best, says what it gains, and asks', async () => {
		const {code, stdout, stderr, kept} = await run(['--tune'], {measured}, {says: true});
		expect(code).toBe(0);
		expect(stdout).toContain(
			[
				'',
				'Fastest: --gpu-layers 10 --threads 2 --batch-size 2048',
				"pp512 2048 tok/s (512 with the planner's choice), tg64 100 tok/s (40.0 with the planner's choice)",
				'',
			].join('\n'),
		);
		expect(stderr).toBe('Open this model with these settings from now on? [y/N] vramble: kept; flags about settings still win.\n');
		expect((await kept()).kept).toEqual(best);
		expect((await kept()).measured.at(-1)).toMatchObject({settings: {gpuLayers: 10}});
	});

	test('keeps the mean of the last runs, not the latest of them', async () => {
		let calls = 0;
		// One call to warm up, one that counts: 10, 12, 10 ms a token.
		const uneven: typeof measured = ({generatedTokens, settings}) => ({
			promptMs: 0,
			generationMs: generatedTokens * (settings.threads === 7 ? 20 : calls++ % 4 < 2 ? 10 : 12),
		});
		const argv = ['--tune', '-p', '0', '-r', '1', '-t', '2,7', '-ngl', '20', '--yes'];
		const {stdout, kept} = await run(argv, {measured: uneven});
		expect(stdout).toContain('tg64 91.7 tok/s');
		const {measured: known, kept: settings} = await kept();
		expect(known.find(measurement => isSameSettings(measurement.settings, settings ?? baseSettings))).toMatchObject({
			generatedTokens: 64,
			tokensPerSecond: expect.closeTo((1000 / 12 + 100) / 2),
		});
	});

	test.each([
		[['--tune'], {says: false}, undefined, /now on\? \[y\/N\] $/],
		[['--tune'], {}, undefined, /^vramble: not kept; --yes keeps them/],
		[['--tune', '--yes'], {}, best, /^vramble: kept/],
	] as const)('%j, %j', async (argv, person, expected, said) => {
		const {code, stderr, kept} = await run(argv, {measured}, person);
		expect(code).toBe(0);
		expect(stderr).toMatch(said);
		expect((await kept()).kept).toEqual(expected);
	});

	test('only what was given: a list is searched, one value stays', async () => {
		const {stdout, measurements} = await run(['--tune', '-t', '3', '-ngl', '10,12', '-p', '0', '-n', '8', '-r', '1'], {measured});
		expect(stdout).toContain('Fastest: --gpu-layers 10 --threads 3 --batch-size 512');
		expect(measurements.filter(([, tokens]) => tokens === 8)).toHaveLength(2 + 4);
	});

	test.each([
		[['-ngl', '0,8,16,24'], {gpuLayers: 16}],
		[['-t', '2,4'], {threads: 4}],
		[['-b', '64,1024'], {batchSize: 64}],
		[['-ngl', '3'], {gpuLayers: 3}],
		[['-ngl', '999', '-ncmoe', '5'], {gpuLayers: 81, cpuExpertLayers: 0}],
	] as const)('%j begins with what is closest to the planner', async (argv, expected) => {
		let first: unknown;
		await run(['--tune', '-p', '0', '-r', '1', ...argv], {
			measured({settings}) {
				first ??= settings;
				return {promptMs: 1, generationMs: 1};
			},
		});
		expect(first).toMatchObject(expected);
	});

	test('the planner was right', async () => {
		const {stdout, stderr, kept} = await run(['--tune', '-n', '0', '-r', '1', '--yes']);
		expect(stdout).toMatch(/\nFastest: --gpu-layers 20 --threads 7 --batch-size 512, the planner's choice\npp512 1000 tok\/s\n$/);
		expect(stderr).toBe("vramble: the planner's choice is as fast as any: nothing to keep.\n");
		expect((await kept()).kept).toBeUndefined();
	});

	test('JSON stays JSON', async () => {
		const {stdout, stderr} = await run(['--tune', '--json'], {measured});
		expect(JSON.parse(stdout).length).toBeGreaterThan(5);
		expect(stderr).toMatch(/^Fastest: --gpu-layers 10/);
	});

	test('nothing works: 1, and nobody is asked', async () => {
		const {code, stderr} = await run(['--tune'], {refuse: verb => (verb === 'loadModel' ? 'out-of-memory' : undefined)}, {says: true});
		expect(code).toBe(1);
		expect(stderr).not.toContain('from now on');
	});
});

test.each([
	[{isTTY: true}, ['-ngl', '0,8'], true],
	[{isTTY: true}, ['-ngl', '8'], false],
	[{isTTY: true}, ['-ngl', '0,8', '--json'], false],
	[{}, ['-ngl', '0,8'], false],
])('%j, %j: a chart: %s', async (person, argv, isDrawn) => {
	const {stdout} = await run([...argv, '-p', '0', '-r', '1'], undefined, person);
	expect(stdout.includes('tg128 tok/s over GPU layers\n')).toBe(isDrawn);
});
