import {expect, test} from 'vitest';
import {EngineError} from '../../source/engine/engine-errors.js';
import {type Engine, kernelKey} from '../../source/engine/types.js';
import type {Calibration} from '../../source/planner/calibration.js';
import {createSpeedKeeper} from '../../source/planner/speed-keeper.js';
import type {ModelWeights} from '../../source/planner/types.js';

const weightsOf = (...types: readonly string[]): ModelWeights => ({
	sizes: {inputBytes: 0, blocks: [], outputBytes: 0},
	activeExperts: 1,
	parameters: 1e9,
	types: {shared: Object.fromEntries(types.map(type => [type, 1e9])), experts: {}},
	attention: {headSize: 64, headsPerKvHead: 3},
});

const probed = {gpuBytesPerSecond: undefined, cpuBytesPerSecond: 40e9, threadBytesPerSecond: 10e9, overheadMs: 0.5};

/** A machine that gets through twice as much of each kernel as of the one before, and with four threads through 3 times as much, of attention 3.5 times; each time as fast as is said. */
const open = async (measure?: Engine['measureKernels'], fast: readonly number[] = []) => {
	const asked: string[][] = [];
	let kept: Calibration | undefined;
	const keeper = createSpeedKeeper({
		probe: async () => probed,
		measureKernels:
			measure ??
			(async ({kernels, threads}) => {
				asked.push([...kernels.map(kernelKey), `on ${threads}`]);
				const gain = fast[asked.length - 1] ?? 1;
				const one = (index: number) => ({token: 2 ** index * gain * 20e9, prompt: 4 ** index * gain * 90e9});
				return kernels.map(({kind}, index) => ({
					one: one(index),
					all: {token: (kind === 'attention' ? 3.5 : 3) * one(index).token, prompt: 3.5 * one(index).prompt},
				}));
			}),
		machine: {cores: 4},
		onChange() {},
	});
	await keeper.begin({
		gpu: 'card',
		read: async () => kept,
		async write(calibration) {
			kept = calibration;
		},
		readDriver: async () => [],
		async writeDriver() {},
	});
	return {keeper, asked, kept: () => kept?.probed};
};

test('the types of a model are measured when they are met first, beside Q8_0', async () => {
	const {keeper, asked, kept} = await open();
	await keeper.study(weightsOf('Q4_K', 'Q3_K'), ['f16']);
	const more = expect.closeTo(Math.log(3.5 / 3) / Math.log(4));
	const costs = {
		Q8_0: {token: 1, prompt: 1, threadsExponent: 0},
		Q4_K: {token: 1 / 4, prompt: 1 / 16, threadsExponent: 0},
		// It has most of the RAM's bandwidth with all threads.
		Q3_K: {token: 1 / 8, prompt: 1 / 64, threadsExponent: undefined},
		// Beside what a cache holds, which is twice as fast.
		'attention f16 64 x 3': {token: 1 / 8, prompt: 1 / 256, threadsExponent: more},
	};
	expect(kept()?.kernelCosts).toEqual(costs);
	await keeper.study(weightsOf('Q4_K', 'Q5_K'), ['f16', 'q8_0']);
	await keeper.study(weightsOf('Q4_K'), ['f16']);
	await keeper.study(weightsOf('Q5_K'), ['f16']);
	await keeper.study(weightsOf('Q2_K'), ['f16']);
	const always = ['Q8_0', 'cached Q8_0'];
	expect(asked).toEqual([
		[...always, 'Q4_K', 'Q3_K', 'attention f16 64 x 3', 'on 4'],
		[...always, 'Q5_K', 'attention q8_0 64 x 3', 'on 4'],
		[...always, 'on 4'],
		[...always, 'Q2_K', 'on 4'],
	]);
	expect(kept()?.kernelCosts).toEqual({
		...costs,
		Q5_K: {token: 1 / 4, prompt: 1 / 16, threadsExponent: 0},
		'attention q8_0 64 x 3': {token: 1 / 4, prompt: 1 / 64, threadsExponent: more},
		Q2_K: {token: 1 / 4, prompt: 1 / 16, threadsExponent: 0},
	});
});

test('briefly, only what is not known is measured', async () => {
	const {keeper, asked} = await open();
	for (let round = 0; round < 3; round++) await keeper.study(weightsOf('Q4_K'), ['f16'], {isBrief: true});
	expect(asked).toHaveLength(1);
});

test('of how fast the CPU is the mean of the first times counts, and of the RAM the most', async () => {
	const {keeper, kept} = await open(undefined, [0.5, 1, 4, 0.1]);
	const speeds = (gain: number, most: number) => ({
		cpuBytesPerSecond: expect.closeTo(most * 240e9),
		threadBytesPerSecond: expect.closeTo(gain * 20e9, -3),
		cachedBytesPerSecond: expect.closeTo(gain * 40e9, -3),
		promptPerSecond: {gpu: undefined, cpu: expect.closeTo(gain * 90e9, -3)},
	});
	for (const [round, [gain, most]] of [
		[0.5, 0.5],
		[Math.SQRT1_2, 1],
		[2 ** (1 / 3), 4],
		[2 ** (1 / 3), 4],
	].entries()) {
		await keeper.study(weightsOf(`Q${round + 2}_K`), ['f16']);
		expect(kept()).toMatchObject(speeds(gain ?? 0, most ?? 0));
	}

	expect(kept()?.threadsExponent).toBeCloseTo(Math.log(3) / Math.log(4));
	expect(kept()?.promptThreadsExponent).toBeCloseTo(Math.log(3.5) / Math.log(4));
});

test.each<[string, Engine['measureKernels']]>([
	['nothing can be measured', async ({kernels}) => kernels.map(() => undefined)],
	['the engine has failed', async () => Promise.reject(new EngineError('failed', 'It is gone.'))],
])('where %s the probe stays as it is', async (_what, measure) => {
	const {keeper, kept} = await open(measure);
	await keeper.study(weightsOf('Q4_K'), ['f16']);
	expect(kept()).toEqual(probed);
});

test('it can be stopped', async () => {
	const {keeper} = await open(async () => Promise.reject(new EngineError('aborted', 'Stopped.')));
	await expect(keeper.study(weightsOf('Q4_K'), ['f16'])).rejects.toThrow('Stopped.');
});
