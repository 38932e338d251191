import {PassThrough} from 'node:stream';
import {describe, expect, test} from 'vitest';
import {readArguments} from '../../source/commands/flags.js';
import {toOptions} from '../../source/commands/options.js';
import {plan} from '../../source/commands/plan.js';
import {createStatusLine} from '../../source/commands/status-line.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import type {Engine, ModelFacts} from '../../source/engine/types.js';
import type {Measurements} from '../../source/planner/measurement-store.js';
import type {Speeds} from '../../source/planner/types.js';
import {baseSettings, cpuDevice, createFakeEngine, gib, gpuDevice} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const collect = () => {
	const stream = new PassThrough({encoding: 'utf8'});
	let text = '';
	stream.on('data', chunk => {
		text += chunk;
	});
	return {stream, text: () => text};
};

type Scene = {
	readonly fake?: ReturnType<typeof createFakeEngine>;
	readonly model?: Partial<ModelFacts>;
	readonly dryRun?: Engine['dryRun'];
	readonly speeds?: Speeds;
	readonly measurements?: Partial<Measurements>;
	readonly mlockLimitBytes?: number;
	readonly signal?: AbortSignal;
	/** Of the terminal; undefined: a pipe. */
	readonly columns?: number;
	readonly ramGib?: number;
};

const withExperts = {
	...bigModel.weights.sizes,
	blocks: bigModel.weights.sizes.blocks.map(({bytes}) => ({bytes, expertBytes: bytes * 0.9})),
};

/** A card of 12 GiB of which others hold 1, and 64 GiB of RAM of which they hold 4. */
const run = async (argv: readonly string[], {fake = createFakeEngine(), ramGib = 64, ...scene}: Scene = {}) => {
	const {given, positional} = readArguments(['plan', 'big.gguf', ...argv]);
	const [stdout, stderr] = [collect(), collect()];
	const memory = async () => {
		const read = await fake.engine.memory();
		return {...read, ownVramBytes: 0, vram: read.vram && {...read.vram, usedBytes: gib}};
	};
	const code = await plan(
		toOptions(given, positional),
		{facts: {...bigModel, ...scene.model}, tensors: []},
		{
			engine: {start: fake.engine.start, memory, dryRun: scene.dryRun ?? fake.engine.dryRun},
			ramAndSwap: async () => ({
				ram: {totalBytes: ramGib * gib, usedBytes: 4 * gib, availableBytes: (ramGib - 4) * gib},
				swap: {totalBytes: 0, usedBytes: 0},
			}),
			processMemory: async () => undefined,
			speeds: async () => scene.speeds ?? {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 40e9, overheadMs: 0.5},
			measurements: async () => ({measured: [], kept: undefined, ...scene.measurements}),
			driverBytes: async () => 0.25 * gib,
			mlockLimitBytes: async () => scene.mlockLimitBytes,
			threads: 4,
			stdout: Object.assign(stdout.stream, {isTTY: scene.columns !== undefined, columns: scene.columns}),
			stderr: stderr.stream,
			status: createStatusLine(stderr.stream),
			signal: scene.signal ?? new AbortController().signal,
		},
	);
	return {code, stdout: stdout.text(), stderr: stderr.text(), calls: fake.calls};
};

const json = async (argv: readonly string[], scene?: Scene) => {
	const {stdout, ...rest} = await run(['--json', ...argv], scene);
	const lines = stdout
		.trimEnd()
		.split('\n')
		.map(line => JSON.parse(line));
	return {...rest, lines, first: lines[0]};
};

type JsonPlan = {readonly gpuLayers: number; readonly verdict: string; readonly recommended: boolean};
const recommended = ({plans}: {readonly plans: readonly JsonPlan[]}) => plans.filter(one => one.recommended).map(one => one.gpuLayers);

describe('as text', () => {
	test('a table from no layer to all, the recommended row marked, what binds, the largest context', async () => {
		const {code, stdout, stderr, calls} = await run([]);
		expect({code, stderr}).toEqual({code: 0, stderr: ''});
		expect(calls).not.toContain('loadModel');
		// How fast is the planner's business.
		expect(
			stdout
				.replaceAll(/≈ \d\.\d\d/g, '≈ #.##')
				.split('\n')
				.slice(0, 17),
		).toEqual([
			'big · llama · Q4_K_M · 81 layers · 42.5 GB',
			'VRAM 12.0 GiB, 11.0 GiB free  (CUDA, RTX 3060)',
			'RAM  64.0 GiB, 60.0 GiB free',
			'context 8,192 · KV cache f16 · batch 512 · flash attention auto · 4 threads',
			'Weights mapped from the file (mmap): nothing is copied, and the system may take',
			'back the RAM of what lies on the GPU.',
			'',
			' layers      VRAM       RAM  context  pp t/s  tg t/s  verdict',
			'      0     0 MiB  42.5 GiB    8,192       —  ≈ #.##  fits',
			'     14   7.6 GiB  35.2 GiB    8,192       —  ≈ #.##  fits',
			'▸    20  10.7 GiB  32.0 GiB    8,192       —  ≈ #.##  fits',
			'     27  14.4 GiB  28.3 GiB    8,192       —  ≈ #.##  does not fit (VRAM)',
			'     41  21.8 GiB  21.0 GiB    8,192       —  ≈ #.##  does not fit (VRAM)',
			'     54  28.6 GiB  14.2 GiB    8,192       —  ≈ #.##  does not fit (VRAM)',
			'     68  35.9 GiB   6.8 GiB    8,192       —  ≈ #.##  does not fit (VRAM)',
			'     81  42.8 GiB     0 MiB    8,192       —  ≈ #.##  does not fit (VRAM)',
			'',
		]);
		expect(stdout).toContain('▸ recommended: most layers that the VRAM takes.\nVRAM binds: 20 layers; the 21st needs ');
		expect(stdout).toContain(
			'Largest context with 20 layers: 8,192 tokens, what the model was trained for.\n≈ tok/s: with 1,000 tokens in the context.\n',
		);
	});

	test('no line is wider than 80 cells, and nothing but text', async () => {
		for (const argv of [[], ['-c', '1000000', '--mlock'], ['--vram', '8G,12G,24G,48G,80G'], ['-ngl', '5']]) {
			const {stdout} = await run(argv, {mlockLimitBytes: 8 * 1024 ** 2});
			for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
			expect(stdout).toMatch(/^[\P{Cc}\n]*$/u);
		}
	});

	test('nothing but ASCII where it is asked for', async () => {
		for (const argv of [['--ascii'], ['--ascii', '--vram', '8G,24G']]) {
			const {stdout} = await run(argv);
			expect(stdout).toMatch(/^[\x20-\x7E\n]*$/);
		}
	});

	const kept = {...baseSettings, gpuLayers: 18, contextSize: 4096, threads: 3};
	const measurements = {kept, measured: [{settings: kept, tokensPerSecond: 18.4, generatedTokens: 128}]};
	const flags = '--gpu-layers 18 --threads 3 --batch-size 512 --ctx-size 4096';
	const named = `Kept by bench --tune: ${flags} (tg128: 18.4 tok/s). The model is opened with these settings`;
	test.each<[string, readonly string[], Scene, string]>([
		['what loading takes', [], {measurements}, named],
		['not measured', [], {measurements: {kept}}, `Kept by bench --tune: ${flags}. The model is opened with these`],
		['beside a command line', ['--print-command'], {measurements}, `vramble: ${named}`],
		[
			'no room',
			[],
			{measurements: {...measurements, kept: {...kept, gpuLayers: 81}}},
			'They do not fit now: the model is opened as if nothing',
		],
	])('kept settings: %s', async (_what, argv, scene, expected) => {
		const {stdout, stderr} = await run(argv, scene);
		expect(`${stdout}${stderr}`.replaceAll(/\s+/g, ' ')).toContain(expected);
	});

	test.each([[['-ngl', '5']], [['-t', '2']], [['--vram', '12G']], [['--vram', '24G']]])(
		'kept settings are not named with %j',
		async argv => {
			expect((await run(argv, {measurements})).stdout).not.toContain('Kept');
			expect((await json(argv, {measurements})).first.kept).toBeNull();
		},
	);

	test('a recurrent state has a line of its own, and its field', async () => {
		const {engine} = createFakeEngine();
		const dryRun: Engine['dryRun'] = async request => ({
			...(await engine.dryRun(request)),
			recurrent: {vramBytes: 20 * 1024 ** 2, ramBytes: 10 * 1024 ** 2},
		});
		const {stdout} = await run(['-ngl', '20'], {dryRun});
		expect(stdout).toContain('\nrecurrent state: 20 MiB of VRAM, 10 MiB of RAM, whatever the context\n');
		const [{breakdown}] = (await json(['-ngl', '20'], {dryRun})).first.plans;
		expect([breakdown.vram.recurrent, breakdown.ram.recurrent]).toEqual([20 * 1024 ** 2, 10 * 1024 ** 2]);
		expect((await run(['-ngl', '20'])).stdout).not.toContain('recurrent');
	});

	test('kept settings in JSON', async () => {
		expect((await json([], {measurements})).first.kept).toEqual({settings: kept, tokensPerSecond: 18.4, generatedTokens: 128, fits: true});
	});

	test('without a GPU: it says so, and plans without layers', async () => {
		const {stdout} = await run([], {fake: createFakeEngine({device: cpuDevice})});
		expect(stdout).toContain('llama.cpp uses no GPU here: all layers stay on the CPU.');
		expect(stdout).toMatch(/▸ {5}0 {5}— {2}42\.5 GiB {4}8,192 {7}— {2}≈ \d\.\d\d {2}fits\n\nLargest context without GPU layers: /);
		expect(stdout).not.toContain('binds');
	});

	test('what does not fit is not recommended', async () => {
		const {stdout} = await run(['--ram', '1G', '--no-mmap', '-c', '2048']);
		expect(stdout).not.toContain('▸');
		expect(stdout).toMatch(/RAM binds: [\d.]+ GiB more of it would be needed\./);
		expect(stdout).toContain('Weights copied into RAM (--no-mmap): nothing is read from the disk again');
	});

	const answered = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 40e9, overheadMs: 0.5, promptPerSecond: {gpu: 10e12, cpu: 1e12}};

	test.each([
		['a table', []],
		['one setting', ['-ngl', '10']],
		['several cards', ['--vram', '8G,12G', '--gpu-bandwidth', '360']],
	])('the speed of a prompt beside that of the answer: %s', async (_what, argv) => {
		const {stdout} = await run(argv, {speeds: answered});
		expect(stdout).toMatch(/ pp t\/s {2}tg t\/s {2}verdict\n/);
		if (argv[0] !== '--vram') expect(stdout).toMatch(/ +8,192 +≈ [\d.]+ +≈ [\d.]+ {2}fits\n/);
	});

	test.each([
		[60, / layers +VRAM +RAM +pp t\/s +tg t\/s +verdict\n/],
		[80, / layers +VRAM +RAM +context +pp t\/s +tg t\/s +verdict\n/],
		[120, / layers +VRAM +RAM +context +pp t\/s +tg t\/s +verdict\n/],
	])('a terminal of %d columns: no line is wider, and each table is whole', async (columns, header) => {
		const scene = {columns, speeds: answered};
		const experts = {...scene, model: {expertLayers: 80, weights: {...bigModel.weights, sizes: withExperts}}};
		for (const argv of [[], ['-c', '131072'], ['--vram', '24G', '--ram', '32G', '--gpu-bandwidth', '360'], ['--vram', '8G,24G,48G']]) {
			for (const on of [scene, experts]) {
				const {stdout} = await run(argv, on);
				expect(stdout.split('\n').filter(line => line.length > columns)).toEqual([]);
			}
		}

		expect((await run([], scene)).stdout).toMatch(header);
	});

	test('rows at which the machine pages say so, and promise no speed', async () => {
		const {stdout} = await run(['-c', '65536'], {ramGib: 24});
		const verdicts = stdout.split('\n').flatMap(line => /^[▸ ] +(\d+) .* (—|≈ [\d.]+) {2}(\S.*)$/.exec(line)?.slice(1) ?? []);
		const rows = Array.from({length: verdicts.length / 3}, (_, row) => verdicts.slice(row * 3, row * 3 + 3));
		expect(rows[0]).toEqual(['0', '—', expect.stringMatching(/^(?:will page|does not fit) \(RAM\)$/)]);
		expect(rows.some(([, , verdict]) => verdict === 'does not fit, pages')).toBe(true);
		for (const [, speed, verdict] of rows) if (verdict?.includes('page')) expect(speed).toBe('—');
	});

	test('why the weights are mapped, copied or locked', async () => {
		const why = async (argv: readonly string[], scene?: Scene) =>
			/Weights [^.]+\./.exec((await run(argv, scene)).stdout)?.[0].replaceAll('\n', ' ');
		expect(await why([])).toBe(
			'Weights mapped from the file (mmap): nothing is copied, and the system may take back the RAM of what lies on the GPU.',
		);
		expect(await why([], {ramGib: 16})).toBe('Weights mapped from the file (mmap): copied, they would not fit into RAM at all.');
		const cards = (await run(['--vram', '8G,24G'], {ramGib: 32})).stdout.replaceAll('\n', ' ');
		expect(cards).toMatch(/ 8\.0 GiB: Weights [^:]+: copied, they would .* 24\.0 GiB: Weights [^:]+: nothing is copied/);
		expect(await why(['--no-mmap'])).toBe(
			'Weights copied into RAM (--no-mmap): nothing is read from the disk again, but all of them must fit.',
		);
		expect(await why(['--mlock'])).toBe(
			'Weights copied into RAM and locked (--mlock): the system may not take them out of RAM again, so all of them must fit.',
		);
		expect(await why(['--mlock', '-ngl', '0'])).toBe(
			'Weights copied into RAM and locked (--mlock): all of them must fit, but what the CPU wants in another layout is not locked.',
		);
	});

	test('a KV cache that the driver gives no buffer for: a row like the others, in a table and alone', async () => {
		const {engine} = createFakeEngine();
		const dryRun: Engine['dryRun'] = async request => {
			if (request.settings.gpuLayers > 40) throw new EngineError('out-of-memory', 'The KV cache is too large for the GPU.');
			return engine.dryRun(request);
		};

		const {stdout, code} = await run([], {dryRun});
		expect(code).toBe(0);
		expect(stdout).toMatch(/^ {5}81 {2}≈ [\d.]+ GiB .* does not fit \(VRAM\)$/m);
		expect(stdout).toMatch(/^▸ {4}20 {4}[\d.]+ GiB /m);
		expect(stdout.replaceAll('\n', ' ')).toContain('the driver of the GPU gives no buffer for such a KV cache.');
		expect((await run(['-ngl', '81', '-c', '8192'], {dryRun})).stdout).toContain('- GPU layers 81 → 20: then it fits');
	});

	test('the placement of tensors and cache is in the head, and patterns that no tensor has are told', async () => {
		const {stdout} = await run(['-nkvo', '-ot', 'zzz=CPU']);
		expect(stdout.replaceAll('\n', ' ')).toContain(' KV cache f16 in RAM · batch 512 · flash attention auto · 4 threads · zzz=CPU ');
		expect(stdout).toContain('--override-tensor zzz=CPU changes nothing: no tensor has such a name.\n');
	});

	test.each<[string, readonly string[], number, string | undefined]>([
		['most of them', [], 0.1, 'This device does not take 35.2 GiB of the weights of 81 layers: they stay in RAM'],
		['of one layer', ['-ngl', '1'], 0.1, 'of the weights of 1 layer: they stay in RAM'],
		['no more than rounding', [], 0.99, undefined],
		['none without layers', ['-ngl', '0'], 0.1, undefined],
	])('weights that the device leaves in RAM: %s', async (_what, argv, taken, expected) => {
		const fake = createFakeEngine();
		const dryRun: Engine['dryRun'] = async asked => {
			const said = await fake.engine.dryRun(asked);
			const left = said.weights.vramBytes * (1 - taken);
			const weights = {vramBytes: said.weights.vramBytes - left, ramBytes: said.weights.ramBytes + left};
			return {...said, weights};
		};
		const given = ['--vram', '100%', ...argv];
		const {stdout} = await run(given, {fake, dryRun, columns: 400});
		expect(/This device does not take|All layers fit/.exec(stdout)?.[0]).toBe(expected && 'This device does not take');
		if (expected) expect(stdout).toContain(expected);
		if (expected) expect((await run([...given, '--json'], {fake, dryRun})).stderr).toContain(expected);
	});

	test.each([
		['a GPU that is faster', 300, 81, 'most layers that the VRAM takes'],
		['a GPU that is slower', 1, 0, 'no layers on the GPU: the GPU leaves so much of its layers in RAM that the CPU alone is faster'],
	])('most weights of the layers stay in RAM, with %s', async (_what, gpuGb, layers, way) => {
		const fake = createFakeEngine();
		const dryRun: Engine['dryRun'] = async asked => {
			const said = await fake.engine.dryRun(asked);
			return {...said, weights: {vramBytes: said.weights.vramBytes * 0.1, ramBytes: said.weights.ramBytes + said.weights.vramBytes * 0.9}};
		};
		const speeds = {gpuBytesPerSecond: gpuGb * 1e9, cpuBytesPerSecond: 40e9, overheadMs: 0.5};
		const {stdout} = await run([], {fake, dryRun, speeds, columns: 400});
		expect(stdout).toMatch(new RegExp(`^▸ +${layers} `, 'm'));
		expect(stdout).toContain(`▸ recommended: ${way}.\n`);
		expect(stdout).not.toContain('All layers fit');
	});

	test('weights that may not be locked are refused, row by row', async () => {
		const {lines} = await json(['--mlock'], {mlockLimitBytes: 20 * gib});
		type Row = {readonly ramBytes: number; readonly verdict: string; readonly refused: string | null};
		const verdicts = lines[0].plans.map(({ramBytes, verdict, refused}: Row) => [ramBytes > 20 * gib, verdict, refused]);
		expect(verdicts).toContainEqual([true, 'does not fit', 'mlock']);
		expect(verdicts).toContainEqual([false, 'does not fit', null]);
		expect(verdicts).not.toContainEqual([true, 'fits', null]);
		expect(lines[0].advice[0]).toMatchObject({text: 'mlock off', verdict: 'fits'});
		expect((await run(['--mlock'], {mlockLimitBytes: 20 * gib})).stdout).toContain('  refused (mlock)\n');
	});

	test.each([[], ['--json'], ['--print-command'], ['-ngl', '3']])(
		'of what llama.cpp refuses anywhere only that is said, and why: %j',
		async (...more) => {
			const fake = createFakeEngine();
			const {code, stdout, stderr} = await run(['-ctv', 'q8_0', '-fa', 'off', ...more], {fake});
			expect([code, stdout, fake.calls]).toEqual([1, '', []]);
			expect(stderr).toBe(
				'vramble: A quantized V cache needs flash attention. llama.cpp refuses q8_0 without it. Use --flash-attn auto or on, or an f16 V cache.\n',
			);
		},
	);

	test.each([
		['1', 256],
		['300', 512],
		['1000', 1024],
	])('a context of %s tokens is one of %i, as llama.cpp makes it', async (given, contextSize) => {
		const {stdout} = await run(['-c', given, '-ngl', '3']);
		expect(stdout).toContain(`context ${contextSize.toLocaleString('en-US')} · KV cache f16 · batch ${Math.min(512, contextSize)} ·`);
		const {first} = await json(['-c', given, '-ngl', '3']);
		expect(first.plans).toMatchObject([{contextSize, batchSize: Math.min(512, contextSize)}]);
	});

	test('experts on the CPU of a model that has none', async () => {
		for (const argv of [['-cmoe'], ['-ncmoe', '3', '-ngl', '2']]) {
			expect((await run(argv)).stdout).toContain('The model has no experts: --n-cpu-moe and --cpu-moe change nothing.\n');
		}

		expect((await run(['-ncmoe', '0'])).stdout).not.toContain('experts');
	});

	test('a card that is too small even without layers: what it is for, and that it can be left alone', async () => {
		const {stdout} = await run(['--vram', '200M', '--ram', '64G'], {
			fake: createFakeEngine({device: cpuDevice}),
			dryRun: async ({settings}) => ({
				exact: true,
				weights: {vramBytes: 0, ramBytes: 42.5e9},
				context: {vramBytes: 0, ramBytes: settings.contextSize * 320 * 1024 + 0.3 * gib},
				compute: {vramBytes: 0, ramBytes: 0.3 * gib},
			}),
		});
		expect(stdout).not.toContain('Not even the smallest context');
		expect(stdout).toMatch(/Without GPU layers llama\.cpp still takes ≈ \d+ MiB of VRAM to read prompts; with\n--gpu off it takes none\./);
		expect(stdout).toMatch(/- without the GPU \(--gpu off\): then it fits, frees \d+ MiB of VRAM, ≈ [\d.]+ tok\/s\n/);
	});

	test('several cards side by side', async () => {
		const {stdout} = await run(['--vram', '8G', '--vram', '24G,48G', '--gpu-bandwidth', '360', '--ram-bandwidth', '80']);
		const rows = stdout.split('\n').filter(line => / {2}fits$/.test(line));
		expect(rows.map(row => row.trim().split(/ {2,}/).slice(0, 2))).toEqual([
			['8.0 GiB', expect.stringMatching(/^1\d$/)],
			['24.0 GiB', expect.stringMatching(/^4\d$/)],
			['48.0 GiB', '81'],
		]);
		expect(stdout).toMatch(/\n8\.0 GiB: VRAM binds: 1\d layers; the 1\dth needs /);
	});

	test('RAM that nobody has named is as free as it is here', async () => {
		expect((await run(['--vram', '48G'])).stdout).toMatch(/Another machine: 48\.0 GiB of VRAM, \d+\.\d GiB of RAM \(\d+\.\d GiB free\)/);
		expect((await run(['--vram', '48G', '--ram', '64G'])).stdout).toMatch(/64\.0 GiB of RAM(?: at|\n)/);
	});

	test('several cards say what one alone says, each once', async () => {
		const scene = {model: {trainedContext: 131_072}};
		const rates = ['--ram', '64G', '--gpu-bandwidth', '360', '--ram-bandwidth', '80'];
		const cards = (await run(['--vram', '8G,12G,48G', ...rates], scene)).stdout.replaceAll(/\n +|(?<=\S)\n(?=\S)/g, ' ');
		expect(cards).toContain('Other machines, side by side: VRAM at 360 GB/s, 64.0 GiB of RAM at 80 GB/s');
		for (const [size, margin] of [
			['8', '8.0 GiB, 12.0 GiB: 256 MiB'],
			['48', '48.0 GiB: 983 MiB'],
		]) {
			const alone = (await run(['--vram', `${size}G`, '--ram', '128G', ...rates.slice(2)], scene)).stdout.replaceAll('\n', ' ');
			const limit = /(?:VRAM binds: .*|All layers fit on the GPU\.) Largest context [^.]*\./.exec(alone)?.[0] ?? 'nothing';
			expect(cards).toContain(`${size}.0 GiB: ${limit}`);
			expect(cards).toContain(`${margin} of VRAM are a margin for the driver and other programs.`);
			expect(cards).toContain(`- ${size}.0 GiB: context 8,192 → 4,096: `);
		}

		expect(cards.split('with 1,000 tokens in the context')).toHaveLength(2);
	});

	test.each([
		['without a budget', ['-ngl', 'auto'], true],
		['of a budget nothing stays free', ['--vram', '8G'], false],
	])('the margin is named where it binds: %s', async (_what, argv, isNamed) => {
		const {stdout} = await run(argv);
		expect(stdout).toContain('VRAM binds');
		expect(stdout.includes('256 MiB of VRAM are a margin for the driver and other programs.')).toBe(isNamed);
	});
});

describe('--json', () => {
	test('what scripts rely on', async () => {
		const {code, first, lines} = await json([]);
		expect(code).toBe(0);
		expect(lines).toHaveLength(1);
		expect(Object.keys(first)).toEqual([
			'schema',
			'exact',
			'model',
			'devices',
			'ram',
			'plans',
			'bindingLimit',
			'largestContext',
			'kept',
			'advice',
		]);
		expect(first).toMatchObject({
			schema: 1,
			exact: true,
			model: {
				path: '/models/big-Q4_K_M.gguf',
				name: 'big',
				architecture: 'llama',
				sizeBytes: 42.5e9,
				layers: 81,
				expertLayers: 0,
				trainedContext: 8192,
			},
			devices: [{name: 'RTX 3060', backend: 'cuda', totalBytes: 12 * gib, freeBytes: 11 * gib, budgetBytes: null}],
			ram: {totalBytes: 64 * gib, availableBytes: 60 * gib, budgetBytes: null},
			bindingLimit: {limit: 'VRAM', nextGpuLayers: 21, missingBytes: expect.any(Number)},
			largestContext: 8192,
		});
		expect(recommended(first)).toEqual([20]);
		expect(first.plans.map((one: JsonPlan) => one.gpuLayers)).toEqual([0, 14, 20, 27, 41, 54, 68, 81]);
		expect(Object.keys(first.plans[0])).toEqual([
			'gpuLayers',
			'cpuExpertLayers',
			'contextSize',
			'cacheTypeK',
			'cacheTypeV',
			'batchSize',
			'vramBytes',
			'ramBytes',
			'breakdown',
			'tokensPerSecond',
			'promptTokensPerSecond',
			'verdict',
			'refused',
			'recommended',
		]);
		for (const {vramBytes, ramBytes, breakdown} of first.plans) {
			const sum = (part: Readonly<Record<string, number>>) => Object.values(part).reduce((all, bytes) => all + bytes, 0);
			expect(Math.abs(sum(breakdown.vram) - vramBytes)).toBeLessThan(4);
			expect(Math.abs(sum(breakdown.ram) - ramBytes)).toBeLessThan(4);
			expect(Number.isInteger(vramBytes) && Number.isInteger(breakdown.vram.cache)).toBe(true);
		}

		expect(first.plans[0].breakdown.vram.driver).toBe(0);
		expect(first.plans[1].breakdown.vram.driver).toBe(0.25 * gib);
	});

	test('null for what is not known', async () => {
		const {first} = await json(['--vram', '24G'], {model: {trainedContext: undefined}});
		expect(first.model.trainedContext).toBeNull();
		expect(first.devices).toEqual([{name: null, backend: null, totalBytes: 24 * gib, freeBytes: 24 * gib, budgetBytes: null}]);
		expect(first.plans.at(-1)).toMatchObject({tokensPerSecond: null, promptTokensPerSecond: null});
	});

	test('exactly that plan where the layers are given', async () => {
		const {first} = await json(['-ngl', '5', '-c', '2048', '-ctk', 'q8_0', '-ctv', 'q4_0', '-b', '256', '-fa', 'on']);
		expect(first.plans).toHaveLength(1);
		expect(first.plans[0]).toMatchObject({
			gpuLayers: 5,
			contextSize: 2048,
			cacheTypeK: 'q8_0',
			cacheTypeV: 'q4_0',
			batchSize: 256,
			verdict: 'fits',
			recommended: false,
		});
		expect((await json(['-ngl', 'all'])).first.plans).toMatchObject([{gpuLayers: 81, verdict: 'does not fit'}]);
		expect((await json(['-ngl', '5'], {fake: createFakeEngine({device: cpuDevice})})).first.plans).toMatchObject([{gpuLayers: 0}]);
	});

	test('-c auto: the layers of the usual context, and the largest context with them', async () => {
		const {first} = await json(['-c', 'auto', '-ngl', '15'], {model: {trainedContext: 131_072}});
		expect(first.plans).toMatchObject([{gpuLayers: 15, contextSize: first.largestContext}]);
		expect(first.largestContext).toBeGreaterThan(8192);
		const free = await json(['-c', 'auto'], {model: {trainedContext: 131_072}});
		expect(recommended(free.first)).toEqual([20]);
		expect(free.first.bindingLimit).toMatchObject({limit: 'VRAM', nextGpuLayers: 21});
	});

	test('a smaller context takes the place of the usual one that does not fit, not of one that was given', async () => {
		const {first, stderr} = await json(['-ngl', '21']);
		expect(stderr).toBe('vramble: The context is 1,536 tokens: the usual 8,192 do not fit.\n');
		expect(first.plans).toMatchObject([{gpuLayers: 21, contextSize: 1536, verdict: 'fits'}]);
		expect(first.bindingLimit).toBeNull();
		expect((await json(['-ngl', '21', '-c', '8192'])).first.plans).toMatchObject([{contextSize: 8192, verdict: 'does not fit'}]);
	});

	test('a size that the card has is a budget on it, and kept to the byte', async () => {
		const {first} = await json(['--vram', '8G']);
		expect(first.devices).toMatchObject([{totalBytes: 12 * gib, budgetBytes: 8 * gib}]);
		const chosen = first.plans.find((one: JsonPlan) => one.recommended);
		expect(chosen.gpuLayers).toBe(14);
		expect(chosen.vramBytes).toBeLessThanOrEqual(8 * gib);
		expect(first.bindingLimit.nextGpuLayers).toBe(15);
	});

	test('one line for each card', async () => {
		const {lines} = await json(['--vram', '8G,24G,48G']);
		expect(lines.map(line => line.devices[0].totalBytes)).toEqual([8 * gib, 24 * gib, 48 * gib]);
		expect(lines.map(line => recommended(line)[0])).toEqual([14, 44, 81]);
	});
});

describe('a card that is not here', () => {
	/** Without a device llama.cpp counts layers on a GPU twice or not at all. */
	const nonsense: Engine['dryRun'] = async ({settings}) => ({
		exact: true,
		weights: {vramBytes: settings.gpuLayers > 0 ? 39 * gib : 0, ramBytes: 40 * gib},
		context: {vramBytes: 0, ramBytes: settings.contextSize * 320 * 1024 + 0.3 * gib},
		compute: {vramBytes: 0, ramBytes: 0.3 * gib},
	});
	const elsewhere = {fake: createFakeEngine({device: cpuDevice}), dryRun: nonsense};

	test('is planned by the sizes of the layers, and says that it is not exact', async () => {
		const {first} = await json(['--vram', '12G', '--ram', '64G', '--gpu-bandwidth', '360', '--ram-bandwidth', '80'], elsewhere);
		expect(first.exact).toBe(false);
		const bytes = first.plans.map(({vramBytes}: {vramBytes: number}) => vramBytes);
		expect(bytes).toEqual([...bytes].sort((a: number, b: number) => a - b));
		// 0.52 GB of weights and 1/80 of 2.5 GiB of cache for each block.
		const [none, , , , , , , all] = first.plans;
		expect(all.breakdown.vram.weights / 1e9).toBeCloseTo(0.5 + 80 * 0.52, 1);
		expect(all.breakdown.vram.cache / gib).toBeCloseTo(2.5, 1);
		expect(none.breakdown.vram).toMatchObject({weights: 0, cache: 0});
		expect(recommended(first)).toEqual([22]);
		expect(first.plans.every(({tokensPerSecond}: {tokensPerSecond: number}) => tokensPerSecond > 0)).toBe(true);
	});

	test('≈ in the text, and why', async () => {
		const {stdout} = await run(['--vram', '12G'], elsewhere);
		expect(stdout).toContain('≈ VRAM and RAM: from the sizes of tensors, because there is no such card here to\nask llama.cpp about.');
		expect(stdout).toContain('--gpu-bandwidth 360');
		expect(stdout).toMatch(/▸ +22 +≈ 1\d\.\d GiB +≈ \d\d\.\d GiB +8,192 +— +— {2}fits/);
	});

	test('the engine is asked where it can tell', async () => {
		const {first} = await json(['--vram', '24G'], {
			async dryRun({settings}) {
				const share = settings.gpuLayers / 81;
				return {
					exact: true,
					weights: {vramBytes: 42.1e9 * share, ramBytes: 42.1e9 * (1 - share)},
					context: {vramBytes: gib * share, ramBytes: gib * (1 - share)},
					compute: undefined,
				};
			},
		});
		expect(first.exact).toBe(true);
	});
});

describe('--print-command', () => {
	test('of several cards each is named', async () => {
		const {stdout} = await run(['--print-command', '--vram', '12G,24G']);
		expect(stdout).toMatch(/^# 12\.0 GiB of VRAM\nllama-server .*\n# 24\.0 GiB of VRAM\nllama-server .*\n$/);
	});

	test('one line for a shell', async () => {
		const {code, stdout, stderr} = await run(['--print-command', '-t', '6']);
		expect({code, stderr}).toEqual({code: 0, stderr: ''});
		expect(stdout).toBe(
			'llama-server --model /models/big-Q4_K_M.gguf --gpu-layers 20 --ctx-size 8192 --cache-type-k f16 --cache-type-v f16 ' +
				'--batch-size 512 --ubatch-size 512 --flash-attn auto --threads 6 --parallel 1\n',
		);
	});

	test.each<[string, Scene, readonly string[], string | undefined]>([
		['as many as the engine takes', {fake: createFakeEngine({device: {...gpuDevice, autoThreads: 3}})}, [], '3'],
		['as many as this machine has', {}, ['-t', 'auto'], '4'],
		['not for a machine whose cores nobody knows', {}, ['--vram', '24G'], undefined],
	])('the threads that auto stands for: %s', async (_what, scene, argv, threads) => {
		const {stdout} = await run(['--print-command', ...argv], scene);
		expect(/ --threads (\d+) /.exec(stdout)?.[1]).toBe(threads);
	});

	test('doubts stand beside it', async () => {
		const {stdout, stderr} = await run(['--print-command', '-ngl', 'all', '--mlock', '-c', '9000'], {mlockLimitBytes: 8 * 1024 ** 2});
		expect(stdout).toMatch(/^llama-server [^\n]*\n$/);
		expect(stderr).toContain('vramble: The model was trained for 8,192 tokens of context.\n');
		expect(stderr).toContain('vramble: With these settings the verdict is: does not fit (VRAM).\n');
		const locked = await run(['--print-command', '--mlock'], {mlockLimitBytes: 8 * 1024 ** 2});
		expect(locked.stderr).toMatch(/^vramble: The weights cannot be locked in RAM: they take [\d.]+ GiB of it\. .*8\.0 MiB \(ulimit -l\)/);
	});
});

describe('what goes wrong', () => {
	test('a share of a card that is not here is wrong usage', async () => {
		const {code, stdout, stderr} = await run(['--vram', '90%'], {fake: createFakeEngine({device: cpuDevice})});
		expect({code, stdout}).toEqual({code: 2, stdout: ''});
		expect(stderr).toMatch(/^vramble: --vram takes a share only of what this machine has/);
	});

	test('no backend, and a model that the engine cannot load, end with 1', async () => {
		const refused = await run([], {fake: createFakeEngine({refuse: verb => (verb === 'start' ? 'no-backend' : undefined)})});
		expect(refused).toMatchObject({code: 1, stdout: '', stderr: 'vramble: No: start. It was told to.\n'});
		const broken = await run([], {
			async dryRun() {
				throw new EngineError('bad-model', 'llama.cpp cannot load this model.', {why: 'A tensor is missing.'});
			},
		});
		expect(broken).toMatchObject({code: 1, stdout: '', stderr: 'vramble: llama.cpp cannot load this model. A tensor is missing.\n'});
	});

	test('interrupted it ends with 130 and says nothing', async () => {
		const controller = new AbortController();
		const {engine} = createFakeEngine();
		const ended = await run([], {
			signal: controller.signal,
			async dryRun(request) {
				controller.abort();
				return engine.dryRun(request);
			},
		});
		expect(ended).toMatchObject({code: 130, stdout: '', stderr: ''});
	});

	test('contexts that the engine cannot make are too large, not the end', async () => {
		const {engine} = createFakeEngine();
		const {stdout, code} = await run(['-ngl', '1', '-c', '4096'], {
			model: {trainedContext: 131_072},
			async dryRun(request) {
				if (request.settings.contextSize > 40_000) throw new EngineError('failed', 'llama.cpp gave up on these settings.');
				return engine.dryRun(request);
			},
		});
		expect(code).toBe(0);
		expect(stdout).toContain('Largest context with 1 layer: 32,768 tokens; the device cannot hold 49,152.');
	});

	test('a rough formula says that it is one; one that answers with less than nothing is not believed', async () => {
		const {engine} = createFakeEngine();
		const rough = await run(['-ngl', '5'], {dryRun: async request => ({...(await engine.dryRun(request)), exact: false})});
		expect(rough.stdout).toContain('≈ VRAM and RAM: llama.cpp could not simulate this, a rough formula answered.');
		const negative = await run(['-ngl', '5'], {
			dryRun: async request => ({...(await engine.dryRun(request)), context: {vramBytes: 0, ramBytes: -1}}),
		});
		expect(negative).toMatchObject({code: 1, stdout: ''});
	});
});
