import type {EngineMemory} from '../engine/types.js';
import {type Delay, poll} from '../lib/poll.js';
import {createStore, type ReadableStore} from '../lib/store.js';
import type {RamAndSwap} from './ram-and-swap.js';
import {noReadings, type ProcessMemory, type Readings} from './types.js';
import {vramOf} from './vram.js';

export type Probes = {
	readonly ramAndSwap: () => Promise<RamAndSwap | undefined>;
	readonly processMemory: () => Promise<ProcessMemory | undefined>;
	/** The engine port's `memory`. */
	readonly engineMemory: () => Promise<EngineMemory | undefined>;
};

export type MonitorStore = ReadableStore<Readings> & {readonly dispose: () => void};

type Options = {readonly probes: Probes; readonly intervalMs?: number; readonly signal?: AbortSignal; readonly delay?: Delay};

const mib = 1024 ** 2;
/** Just under half of the last digit on the screen (0.1 GiB): the RAM of an idle machine wavers by a few MiB and would rewrite its row every second. */
const ramToleranceBytes = 48 * mib;
/** VRAM does not waver, and is what the user counts. */
const vramToleranceBytes = 8 * mib;

type Reading = Readonly<Record<string, number | undefined>>;

const isClose = (a: Reading | undefined, b: Reading | undefined, toleranceBytes: number): boolean => {
	if (a === undefined || b === undefined) return a === b;
	return Object.entries(a).every(([key, value]) => {
		const other = b[key];
		return value === undefined || other === undefined ? value === other : Math.abs(value - other) < toleranceBytes;
	});
};

/** Reads the machine once every `intervalMs`. A reading that is close to the published one is not published, so that an idle screen stays still. */
export const createMonitorStore = ({probes, intervalMs = 1000, signal, delay}: Options): MonitorStore => {
	const store = createStore(noReadings);
	const controller = new AbortController();
	const lifetime = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;

	const publish = (news: Partial<Readings>) => {
		if (lifetime.aborted) return;
		store.update(current => {
			const next = {...current, ...news};
			const unchanged =
				isClose(current.ram, next.ram, ramToleranceBytes) &&
				isClose(current.swap, next.swap, ramToleranceBytes) &&
				isClose(current.processMemory, next.processMemory, ramToleranceBytes) &&
				isClose(current.vram, next.vram, vramToleranceBytes);
			return unchanged ? current : next;
		});
	};

	// One loop each: an engine that is busy with a load must not stop the RAM gauge.
	const follow = <T>(probe: () => Promise<T>, toReadings: (reading: T | undefined) => Partial<Readings>) => {
		void poll(async () => publish(toReadings(await probe())), {
			intervalMs,
			signal: lifetime,
			onError: () => publish(toReadings(undefined)),
			...(delay && {delay}),
		});
	};

	follow(probes.ramAndSwap, reading => ({ram: reading?.ram, swap: reading?.swap}));
	follow(probes.processMemory, processMemory => ({processMemory}));
	follow(probes.engineMemory, memory => ({vram: vramOf(memory)}));

	return {get: store.get, subscribe: store.subscribe, dispose: () => controller.abort()};
};
