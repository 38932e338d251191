import {describe, expect, test} from 'vitest';
import {type DoctorOutside, doctor} from '../../source/commands/doctor.js';
import type {DoctorFacts} from '../../source/commands/doctor-facts.js';
import {problemsOf} from '../../source/commands/doctor-problems.js';
import {doctorText} from '../../source/commands/doctor-text.js';
import {createStatusLine} from '../../source/commands/status-line.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import type {Device, EngineFacts, GpuChoice} from '../../source/engine/types.js';
import {cpuDevice, createFakeEngine, gib, gpuDevice} from '../support/fake-engine.js';

const terminal = {columns: 120, rows: 32, colourBits: 24, isUtf8: true, bracketedPaste: true, kind: 'xterm', inside: undefined} as const;

const told: Awaited<ReturnType<DoctorOutside['tell']>> = {
	versions: {vramble: '0.1.0', node: '24.21.0', platform: 'linux x64'},
	cpu: {name: 'Some CPU', threads: 16},
	memory: {
		ram: {totalBytes: 64 * gib, usedBytes: 4 * gib, availableBytes: 60 * gib},
		swap: {totalBytes: 0, usedBytes: 0},
	},
	mlockLimitBytes: 8 * 1024 ** 2,
	terminal,
	folders: [{use: 'data', path: '/home/me/.local/share/vramble', freeBytes: 68e9, problem: undefined}],
};

type Fakes = {
	readonly gpu?: GpuChoice;
	readonly json?: boolean;
	/** Those that answer otherwise than with an error. */
	readonly works?: Readonly<Partial<Record<GpuChoice, Device>>>;
	readonly devices?: EngineFacts['devices'];
	readonly outside?: Partial<DoctorOutside>;
};

const run = async ({gpu = 'auto', json = false, works = {auto: gpuDevice}, devices = [], outside = {}}: Fakes = {}) => {
	let text = '';
	const asked: GpuChoice[] = [];
	let disposed = 0;
	const code = await doctor(
		{gpu, json},
		{
			createEngine() {
				const {engine} = createFakeEngine();
				return {
					...engine,
					deaths: () => 0,
					async start(request) {
						asked.push(request.gpu);
						const device = works[request.gpu];
						if (device) return device;
						throw new EngineError('no-backend', `No ${request.gpu}.`, {why: 'There is no such GPU.', advice: 'Use --gpu off.'});
					},
					describe: async () => ({...(await engine.describe()), devices}),
					async dispose() {
						disposed++;
					},
				};
			},
			patienceMs: 5000,
			backends: ['cuda', 'vulkan'],
			tell: async () => told,
			speeds: async () => ({ramBytesPerSecond: 48e9, gpuBytesPerSecond: undefined, answers: 3}),
			checkModel: undefined,
			modelPath: '/models/big.gguf',
			stdout: {write: written => (text += written)},
			status: createStatusLine({write() {}}),
			...outside,
		},
	);
	return {code, text, asked, disposed};
};

test('one page says what works', async () => {
	const devices = [{name: 'CUDA0', description: 'RTX 3060', isIntegrated: false, totalBytes: 12 * gib, freeBytes: 11 * gib}];
	const {code, text, asked, disposed} = await run({devices});
	expect({code, asked, disposed}).toEqual({code: 0, asked: ['auto', 'vulkan'], disposed: 2});
	expect(text).toBe(`vramble can run here, on CUDA.

Versions    vramble 0.1.0, Node.js 24.21.0, linux x64
            node-llama-cpp 3.22.1, llama.cpp v0.5.0
Backends    CUDA: works, and is used
              CUDA0: RTX 3060, 11.0 GiB of 12.0 GiB free
            Vulkan: There is no such GPU.
CPU         Some CPU, 16 threads, 4 math cores
            AVX AVX2
RAM         60.0 GiB of 64.0 GiB free, no swap
mlock       8.0 MiB may be locked (ulimit -l)
Hooks       on
Terminal    120 x 32, 16 million colours, UTF-8, bracketed paste, TERM=xterm
Folders     data: /home/me/.local/share/vramble, 68.0 GB free
Speeds      RAM 48.0 GB/s, GPU not known; learned from 3 answers

No problems.
`);
});

test('without the hooks a device is known by what it is, and they are a problem', async () => {
	const {code, text} = await run({works: {auto: {...gpuDevice, hooksOff: 'VRAMBLE_NATIVE=off'}}});
	expect(code).toBe(0);
	expect(text).toContain('\n              RTX 3060, 2.0 GiB of 12.0 GiB free\n');
	expect(text).toContain('\nHooks       off: VRAMBLE_NATIVE=off\n');
	expect(text).toMatch(
		/Problems\n- The native hooks are off: VRAMBLE_NATIVE=off\.\n {2}Take VRAMBLE_NATIVE=off out of the environment\.\n$/,
	);
});

describe('an engine that fails', () => {
	test.each<[string, Fakes, readonly GpuChoice[], string]>([
		['nothing works', {works: {}}, ['auto', 'cuda', 'vulkan'], 'Use --gpu off.'],
		['the CPU does', {gpu: 'cuda', works: {off: cpuDevice}}, ['cuda', 'vulkan', 'off'], 'llama.cpp works without a GPU: --gpu off.'],
		['even the CPU does not', {gpu: 'off', works: {}}, ['off'], 'Use --gpu off.'],
	])('%s: the page is there, and the exit code is 1', async (_what, fakes, asked, advice) => {
		const result = await run(fakes);
		expect(result).toMatchObject({code: 1, asked, disposed: asked.length});
		expect(result.text).toMatch(/^vramble cannot run here\.\n\nVersions {4}vramble 0\.1\.0, Node\.js 24\.21\.0, linux x64\nBackends/);
		expect(result.text).toContain('\nHooks       not known, because llama.cpp does not start\n');
		expect(result.text).toContain(`Problems\n- No ${fakes.gpu ?? 'auto'}. There is no such GPU.\n  ${advice}\n`);
	});

	test('that never answers is told after a while', async () => {
		const {engine} = createFakeEngine();
		const silent = {...engine, deaths: () => 0, start: () => new Promise<never>(() => {})};
		const {code, text} = await run({outside: {createEngine: () => silent, patienceMs: 20}});
		expect(code).toBe(1);
		expect(text).toContain('- llama.cpp did not answer within 0 s.\n  Look at the driver of the GPU.\n');
	});
});

test('a model: what it would be opened with, or why it cannot be', async () => {
	const remarks = ['It will page.'];
	const good = await run({outside: {checkModel: async () => ({text: 'big: 20 of 81 layers', remarks})}});
	expect(good).toMatchObject({code: 0, text: expect.stringMatching(/^This model can run here, on CUDA\./)});
	expect(good.text).toContain('\nModel       /models/big.gguf\n            big: 20 of 81 layers\n\nProblems\n- It will page.\n');
	const refuse = async () => {
		throw new EngineError('bad-model', 'It is no model.', {advice: 'Download it again.'});
	};
	const bad = await run({outside: {checkModel: refuse}});
	expect(bad).toMatchObject({code: 1, text: expect.stringMatching(/^This model cannot run here\./)});
	expect(bad.text).toMatch(/Problems\n- It is no model\.\n {2}Download it again\.\n$/);
});

test('--json says the same, and null where a value is not known', async () => {
	const {text} = await run({json: true, works: {auto: cpuDevice}});
	expect(text.endsWith('\n')).toBe(true);
	expect(JSON.parse(text)).toEqual({
		schema: 1,
		canRun: true,
		versions: {...told.versions, nodeLlamaCpp: '3.22.1', llamaCpp: 'v0.5.0'},
		hooks: {on: true, off: null},
		cpu: {...told.cpu, mathCores: 4, instructionSets: ['AVX', 'AVX2']},
		memory: told.memory,
		mlockLimitBytes: 8 * 1024 ** 2,
		terminal: {...terminal, inside: null},
		folders: [{...told.folders[0], problem: null}],
		backends: [
			{backend: 'cpu', isUsed: true, devices: [], failure: null},
			...['cuda', 'vulkan'].map(backend => ({backend, isUsed: false, devices: [], failure: expect.objectContaining({code: 'no-backend'})})),
		],
		speeds: {ramBytesPerSecond: 48e9, gpuBytesPerSecond: null, answers: 3},
		model: null,
		problems: [{isFatal: false, what: 'llama.cpp finds no GPU: all layers stay on the CPU.', advice: expect.any(String)}],
	});
});

const facts: DoctorFacts = {
	...told,
	backends: [{backend: 'vulkan', isUsed: true, devices: [], failure: undefined}],
	engine: {nodeLlamaCpp: '3', llamaCpp: '1', mathCores: 1, instructionSets: []},
	hooksOff: undefined,
	speeds: undefined,
	model: undefined,
};

test.each<[string, Partial<DoctorFacts>, string, string]>([
	[
		'hooks',
		{hooksOff: 'they were not compiled: there was no C++ compiler'},
		'The native hooks are off: they were not compiled',
		'C++ compiler',
	],
	['hooks', {hooksOff: 'the native hooks do not know llama.cpp 9'}, 'The native hooks are off: the native hooks do not know', 'npm ci'],
	['hooks', {hooksOff: 'they are for Linux on x64'}, 'The native hooks are off: they are for', 'All works without them'],
	['terminal', {terminal: {...terminal, columns: 59}}, 'The terminal is 59 x 32.', '60 x 16'],
	['terminal', {terminal: {...terminal, kind: 'dumb'}}, 'TERM=dumb', '-p'],
	['terminal', {terminal: {...terminal, isUtf8: false}}, 'The locale is not UTF-8', 'LANG=C.UTF-8'],
	['terminal', {terminal: {...terminal, bracketedPaste: false}}, 'The terminal has no bracketed paste', 'another terminal'],
	[
		'folder',
		{folders: [{use: 'data', path: '/data', freeBytes: undefined, problem: 'read-only'}]},
		'Nothing can be written to /data (read-only): what is measured and kept is forgotten',
		'XDG_DATA_HOME',
	],
])('a problem of the %s says what to do: %j', (_what, part, what, advice) => {
	expect(problemsOf(facts)).toEqual([]);
	expect(problemsOf({...facts, ...part})).toEqual([
		{isFatal: false, what: expect.stringContaining(what), advice: expect.stringContaining(advice)},
	]);
});

test('a slow software device is not a device without speed', () => {
	const speeds = {ramBytesPerSecond: 48e9, gpuBytesPerSecond: 17e6, answers: 3};
	expect(doctorText({...facts, speeds}, [])).toContain('RAM 48.0 GB/s, GPU 17 MB/s');
});

test.each([60, 80, 200])('no line is wider than a terminal of %i columns, or 80', columns => {
	const narrow = {...facts, terminal: {...terminal, columns, isUtf8: false}};
	for (const line of doctorText(narrow, problemsOf(narrow)).split('\n')) expect(line.length).toBeLessThanOrEqual(Math.min(80, columns));
});
