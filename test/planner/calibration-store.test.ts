import {describe, expect, test} from 'vitest';
import type {Calibration} from '../../source/planner/calibration.js';
import {createCalibrationStore, machineKey} from '../../source/planner/calibration-store.js';

const createFakeFile = (text?: string) => {
	const file = {
		text,
		read: async () => file.text,
		async write(next: string) {
			file.text = next;
		},
	};
	return file;
};

const calibration: Calibration = {
	probed: {
		gpuBytesPerSecond: undefined,
		cpuBytesPerSecond: 40e9,
		threadBytesPerSecond: 10e9,
		cachedBytesPerSecond: 20e9,
		overheadMs: 0.5,
		shortHeadCost: 26,
		threadsExponent: 0.5,
		promptThreadsExponent: 0.8,
		timesMeasured: 2,
		kernelCosts: {Q4_K: {token: 1.25, prompt: 1.5, threadsExponent: -0.1}, 'attention f16 64 x 3': {token: 1.75, prompt: 4}},
		promptPerSecond: {gpu: undefined, cpu: 90e9},
	},
	observed: [
		{
			model: 'a',
			work: {
				gpuBytes: 0,
				cpuBytes: 1e9,
				cpuCost: 1.3e9,
				cachedCost: 1e6,
				shortHeadBytes: 0,
				threads: 8,
				blocks: 80,
				gpuParameters: 0,
				promptCost: 2e9,
			},
			tokensPerSecond: 12,
			tokens: 40,
			promptTokensPerSecond: undefined,
		},
	],
};

const machine = {cpu: 'AMD EPYC', cores: 2, ramBytes: 24 * 1024 ** 3, gpus: ['RTX 3060']};

test('what was written is read again', async () => {
	const file = createFakeFile();
	const store = createCalibrationStore(file, machineKey(machine));
	expect(await store.read()).toBeUndefined();
	await store.write(calibration);
	expect(await createCalibrationStore(file, machineKey(machine)).read()).toEqual(calibration);
});

test('every machine has its own, and leaves the others alone', async () => {
	const file = createFakeFile();
	const here = createCalibrationStore(file, machineKey(machine));
	const there = createCalibrationStore(file, machineKey({...machine, gpus: ['RTX 3060', 'RTX 3060']}));
	await Promise.all([here.write(calibration), here.write({...calibration, observed: []}), here.write(calibration)]);
	expect(await there.read()).toBeUndefined();
	await there.write({...calibration, observed: []});
	expect((await here.read())?.observed).toHaveLength(1);
	expect((await there.read())?.observed).toHaveLength(0);
});

test('the file does not grow without end, and the machine that wrote last is in it', async () => {
	const file = createFakeFile();
	for (let index = 0; index < 20; index++) await createCalibrationStore(file, `machine ${index}`).write(calibration);
	expect(Object.keys(JSON.parse(file.text ?? '').machines)).toHaveLength(16);
	expect(await createCalibrationStore(file, 'machine 19').read()).toEqual(calibration);
});

describe('a broken file', () => {
	const key = machineKey(machine);
	const saved = (value: unknown) => JSON.stringify({version: 4, machines: {[key]: value}});
	test.each<[string, string]>([
		['empty', ''],
		['cut off', saved(calibration).slice(0, -20)],
		['binary', '\0\0\u{fffd}'],
		['not an object', '[1, 2]'],
		['null', 'null'],
		['of another version', JSON.stringify({version: 99, machines: {[key]: calibration}})],
		['of the version that did not count attention', JSON.stringify({version: 1, machines: {[key]: calibration}})],
		['of the version that had one table of costs for all machines', JSON.stringify({version: 2, machines: {[key]: calibration}})],
		['of the version that took attention for reading the RAM', JSON.stringify({version: 3, machines: {[key]: calibration}})],
		['without machines', '{"version": 4}'],
		['without speeds', saved({observed: []})],
		['with speeds that are none', saved({...calibration, probed: {overheadMs: 'fast'}})],
		['with a negative overhead', saved({...calibration, probed: {overheadMs: -1}})],
	])('%s counts as none and is replaced', async (_what, text) => {
		const file = createFakeFile(text);
		const store = createCalibrationStore(file, key);
		expect(await store.read()).toBeUndefined();
		await store.write(calibration);
		expect(await store.read()).toEqual(calibration);
	});

	test('loses only what is broken in it', async () => {
		const [good] = calibration.observed;
		const broken = [
			null,
			3,
			{},
			{...good, tokensPerSecond: null},
			{...good, work: {...good?.work, threads: 0}},
			{...good, work: {...good?.work, cpuCost: 'x'}},
			{...good, work: {...good?.work, cachedCost: null}},
			{...good, work: {...good?.work, promptCost: undefined}},
		];
		const store = createCalibrationStore(createFakeFile(saved({...calibration, observed: [...broken, good]})), key);
		expect((await store.read())?.observed).toEqual([good]);
	});
});

test('a disk that refuses harms nothing', async () => {
	const refuse = async () => {
		throw new Error('ENOSPC');
	};
	const store = createCalibrationStore({read: refuse, write: refuse}, 'here');
	await store.write(calibration);
	expect(await store.read()).toBeUndefined();
});

test('the key names the hardware, whatever the order and spaces', () => {
	expect(machineKey({...machine, cpu: ' AMD   EPYC', gpus: ['B', 'A']})).toBe('AMD EPYC | 2 cores | 24 GiB | A | B');
	expect(machineKey({...machine, gpus: []})).toBe('AMD EPYC | 2 cores | 24 GiB');
});
