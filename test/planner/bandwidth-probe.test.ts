import {expect, test} from 'vitest';
import {probeSpeeds, readBandwidth} from '../../source/planner/bandwidth-probe.js';

test('measures RAM on other threads', async () => {
	let ticks = 0;
	const timer = setInterval(() => ticks++, 5);
	const bytesPerSecond = await readBandwidth(1);
	clearInterval(timer);
	expect(bytesPerSecond).toBeGreaterThan(0.1e9);
	expect(bytesPerSecond).toBeLessThan(2000e9);
	expect(ticks).toBeGreaterThan(5);
});

test('asks one thread and all of them', async () => {
	const asked: number[] = [];
	const read = async (threads: number) => {
		asked.push(threads);
		return threads === 1 ? 10e9 : 40e9;
	};
	expect(await probeSpeeds(8, {read})).toMatchObject({cpuBytesPerSecond: 40e9, threadBytesPerSecond: 7.5e9, gpuBytesPerSecond: undefined});
	expect(asked).toEqual([1, 8]);
	expect(await probeSpeeds(1, {read})).toMatchObject({cpuBytesPerSecond: 10e9, threadBytesPerSecond: 7.5e9});
	expect(asked).toEqual([1, 8, 1]);
});

test.each([
	['flags : fma avx2 avx512f avx512bw', 16, undefined],
	['flags : fma avx2', 1.75, undefined],
	['flags : fma hypervisor avx2', 1.75, 0.5],
	[undefined, undefined, undefined],
])('by %j short heads cost %j, and threads are worth %j', async (flags, shortHeadCost, threadsExponent) => {
	expect(await probeSpeeds(1, {read: async () => 1e9, cpuFlags: async () => flags})).toMatchObject({shortHeadCost, threadsExponent});
});

test('what cannot be measured is not known', async () => {
	const read = async () => {
		throw new Error('no threads');
	};
	expect(await probeSpeeds(4, {read})).toMatchObject({cpuBytesPerSecond: undefined, threadBytesPerSecond: undefined});
});

test('can be stopped', async () => {
	const controller = new AbortController();
	const probing = probeSpeeds(2, {signal: controller.signal});
	controller.abort(new Error('stopped'));
	await expect(probing).rejects.toThrow('stopped');
	await expect(probeSpeeds(2, {signal: AbortSignal.abort(new Error('stopped'))})).rejects.toThrow('stopped');
});
