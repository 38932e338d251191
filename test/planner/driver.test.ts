import {describe, expect, test} from 'vitest';
import type {Device, EngineMemory} from '../../source/engine/types.js';
import {createCalibrationStore} from '../../source/planner/calibration-store.js';
import {driverBytesOf, learnedDriverBytes, withSample} from '../../source/planner/driver.js';
import {createDriverKeeper} from '../../source/planner/driver-keeper.js';

const mib = 1024 ** 2;

const memory = (usedMib: number | undefined, ownMib: number): EngineMemory => ({
	vram: usedMib === undefined ? undefined : {totalBytes: 12_288 * mib, usedBytes: usedMib * mib},
	ownVramBytes: ownMib * mib,
	ownRamBytes: 0,
});

test.each<[string, EngineMemory, EngineMemory, number | undefined]>([
	['beyond what others hold and what llama.cpp counts', memory(1000, 0), memory(9300, 8000), 300],
	['nothing more', memory(1000, 0), memory(9000, 8000), 0],
	['a device that reads 0 whatever is used', memory(0, 0), memory(0, 8000), undefined],
	['no device', memory(undefined, 0), memory(undefined, 0), undefined],
	['no layer on the device', memory(1000, 0), memory(1300, 0), undefined],
	['something was loaded before', memory(1000, 500), memory(9300, 8000), undefined],
	['others left meanwhile', memory(2000, 0), memory(9300, 8000), undefined],
	['others came meanwhile', memory(1000, 0), memory(11_500, 8000), undefined],
])('%s', (_what, before, after, expected) => {
	expect(driverBytesOf(before, after)).toBe(expected === undefined ? undefined : expected * mib);
});

test('the median of the last five counts, so that one bad reading does not', () => {
	expect(learnedDriverBytes([])).toBe(0);
	expect(learnedDriverBytes([300])).toBe(300);
	expect(learnedDriverBytes([300, 1900, 310])).toBe(310);
	expect(withSample([1, 2, 3, 4, 5], 6)).toEqual([2, 3, 4, 5, 6]);
});

describe('the keeper', () => {
	const cuda: Device = {backend: 'cuda', names: ['RTX 3060']};

	const setUp = async () => {
		const file = {
			text: undefined as string | undefined,
			read: async () => file.text,
			async write(next: string) {
				file.text = next;
			},
		};
		const store = createCalibrationStore(file, 'here');
		const start = async (device = cuda) => {
			const keeper = createDriverKeeper();
			await keeper.begin(store, device);
			return keeper;
		};
		return {start, keeper: await start()};
	};

	test('measures the first load, keeps it for the next run, and for each backend its own', async () => {
		const {start, keeper} = await setUp();
		expect(keeper.bytes()).toBe(0);
		keeper.unloaded(memory(1000, 0));
		await keeper.loaded(memory(9300, 8000));
		expect(keeper.bytes()).toBe(300 * mib);
		expect(keeper.counted(memory(9300, 8000)).ownVramBytes).toBe(8300 * mib);
		const next = await start();
		expect(next.bytes()).toBe(300 * mib);
		expect(next.counted(memory(9300, 0)).ownVramBytes).toBe(0);
		expect((await start({...cuda, backend: 'vulkan'})).bytes()).toBe(0);
	});

	test('the first answer adds what kernels and workspaces take; later readings are not of the driver', async () => {
		const {start, keeper} = await setUp();
		keeper.unloaded(memory(1000, 0));
		await keeper.loaded(memory(9100, 8000));
		await keeper.answered(memory(9400, 8000));
		await keeper.answered(memory(9900, 8000));
		keeper.unloaded(memory(1900, 0));
		await keeper.loaded(memory(6000, 4000));
		expect(keeper.bytes()).toBe(400 * mib);
		expect((await start()).bytes()).toBe(400 * mib);
	});

	test('a load without layers on the device tells nothing, the one after it does', async () => {
		const {keeper} = await setUp();
		keeper.unloaded(memory(1000, 0));
		await keeper.loaded(memory(1000, 0));
		keeper.unloaded(memory(3000, 0));
		await keeper.loaded(memory(11_200, 8000));
		expect(keeper.bytes()).toBe(200 * mib);
	});
});
