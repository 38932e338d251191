import {expect, test} from 'vitest';
import {createMonitorStore, type Probes} from '../../source/monitor/monitor-store.js';
import {noReadings} from '../../source/monitor/types.js';

const gib = 1024 ** 3;
const mib = 1024 ** 2;

const ramAndSwap = (usedBytes: number) => ({
	ram: {totalBytes: 64 * gib, usedBytes, availableBytes: 64 * gib - usedBytes},
	swap: {totalBytes: 0, usedBytes: 0},
});

const settled = async () => new Promise(resolve => setImmediate(resolve));

const start = (probes: Partial<Probes>, signal?: AbortSignal) => {
	let waits: Array<() => void> = [];
	const store = createMonitorStore({
		probes: {
			ramAndSwap: async () => ramAndSwap(4 * gib),
			processMemory: async () => undefined,
			engineMemory: async () => undefined,
			...probes,
		},
		...(signal && {signal}),
		delay: async () =>
			new Promise<void>(resolve => {
				waits.push(resolve);
			}),
	});
	let changes = 0;
	store.subscribe(() => changes++);
	const tick = async () => {
		const due = waits;
		waits = [];
		for (const go of due) go();
		await settled();
	};

	return {store, tick, changes: () => changes};
};

test('publishes what the probes read; before that, and without a device, it is unknown', async () => {
	const {store, tick} = start({
		engineMemory: async () => ({vram: {totalBytes: 12 * gib, usedBytes: 10 * gib}, ownVramBytes: 9 * gib, ownRamBytes: 0}),
	});
	expect(store.get()).toBe(noReadings);
	await tick();
	expect(store.get()).toEqual({
		...ramAndSwap(4 * gib),
		vram: {totalBytes: 12 * gib, usedBytes: 10 * gib, ownBytes: 9 * gib},
		processMemory: undefined,
	});
});

test('keeps the same snapshot while RAM only wavers, but follows a slow drift', async () => {
	let usedBytes = 4 * gib;
	const {store, tick, changes} = start({ramAndSwap: async () => ramAndSwap(usedBytes)});
	await tick();
	const first = store.get();
	for (const waver of [20 * mib, -20 * mib, 40 * mib, 0]) {
		usedBytes = 4 * gib + waver;
		await tick();
	}

	expect(store.get()).toBe(first);
	expect(changes()).toBe(1);
	usedBytes = 4 * gib + 60 * mib;
	await tick();
	expect(store.get().ram?.usedBytes).toBe(usedBytes);
	expect(changes()).toBe(2);
});

test('a change of 16 MiB of VRAM shows', async () => {
	let ownVramBytes = gib;
	const {store, tick} = start({engineMemory: async () => ({vram: {totalBytes: 2 * gib, usedBytes: 0}, ownVramBytes, ownRamBytes: 0})});
	await tick();
	ownVramBytes += 16 * mib;
	await tick();
	expect(store.get().vram?.ownBytes).toBe(ownVramBytes);
});

test('an engine that does not answer does not stop the RAM gauge', async () => {
	let usedBytes = 4 * gib;
	const {store, tick} = start({ramAndSwap: async () => ramAndSwap(usedBytes), engineMemory: async () => new Promise(() => {})});
	await tick();
	usedBytes = 40 * gib;
	await tick();
	expect(store.get().ram?.usedBytes).toBe(usedBytes);
});

test('a probe that fails makes its reading unknown, and comes back', async () => {
	let isBroken = false;
	const {store, tick} = start({
		async ramAndSwap() {
			if (isBroken) throw new Error('EIO');
			return ramAndSwap(4 * gib);
		},
	});
	await tick();
	isBroken = true;
	await tick();
	expect(store.get()).toMatchObject({ram: undefined, swap: undefined});
	isBroken = false;
	await tick();
	expect(store.get().ram?.usedBytes).toBe(4 * gib);
});

test.each(['dispose', 'signal'])('nothing is read or published after %s', async how => {
	let reads = 0;
	const controller = new AbortController();
	const {store, tick, changes} = start(
		{
			async ramAndSwap() {
				reads++;
				return ramAndSwap(reads * gib);
			},
		},
		controller.signal,
	);
	if (how === 'dispose') store.dispose();
	else controller.abort();
	await tick();
	await tick();
	expect([reads, changes()]).toEqual([1, 0]);
});
