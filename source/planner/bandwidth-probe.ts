import {readFile} from 'node:fs/promises';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {attentionCost} from './tensor-costs.js';
import type {Speeds} from './types.js';

const mib = 1024 ** 2;
/** More than that do not make RAM faster, but start-up slower. */
const mostWorkers = 16;
/** In all; a few times the last-level cache of most machines, so that it is RAM that answers. */
const totalReadBytes = 192 * mib;
const measureMs = 100;

/**
What a worker runs, as text: it must use nothing but globals. It fills its memory (untouched pages would all be the same one), waits for the others, then reads one
number of every cache line until its time is up. One line per read is enough: RAM hands out whole lines, and more would measure JavaScript. Four places at once,
because one is not enough to keep RAM busy (17 GB/s against 25, and llama.cpp's 26, on an AMD EPYC). Reports the median speed of short pieces: while another
program has the core nothing is measured.
*/
const readUntilDone = async () => {
	const {parentPort, workerData} = process.getBuiltinModule('node:worker_threads');
	const {bytes, ms, gate} = workerData as {bytes: number; ms: number; gate: Int32Array<SharedArrayBuffer>};
	const numbers = new Float64Array(bytes / 8).fill(1);
	parentPort?.postMessage(0);
	Atomics.wait(gate, 0, 0, 5000);
	const start = performance.now();
	const quarter = numbers.length / 4;
	const piece = 2 ** 15; // 256 KiB of each quarter between two looks at the clock
	const speeds: number[] = [];
	let sum = 0;
	let now = start;
	for (let at = 0; now - start < ms; at = (at + piece) % quarter) {
		let [a, b, c, d] = [0, 0, 0, 0];
		for (let index = at; index < at + piece; index += 8) {
			a += numbers[index] ?? 0;
			b += numbers[index + quarter] ?? 0;
			c += numbers[index + 2 * quarter] ?? 0;
			d += numbers[index + 3 * quarter] ?? 0;
		}

		sum += a + b + c + d;
		const before = now;
		now = performance.now();
		speeds.push((4 * piece * 8 * 1000) / (now - before));
	}

	speeds.sort((a, b) => a - b);
	const at = performance.timeOrigin;
	parentPort?.postMessage({perSecond: sum > 0 ? speeds[speeds.length >> 1] : -1, begin: at + start, end: at + now});
};

type Reading = {readonly perSecond: number; readonly begin: number; readonly end: number};

const nextMessage = (worker: Worker): Promise<Reading> =>
	new Promise((resolve, reject) => {
		worker.once('message', resolve);
		worker.once('error', reject);
		worker.once('exit', () => reject(new Error('The worker ended.')));
	});

/** One that had no core until another was done has had its bandwidth: then they did not read together. */
const together = (readings: readonly Reading[]): number => {
	const speeds = readings.map(({perSecond}) => perSecond);
	const sharedMs = Math.min(...readings.map(({end}) => end)) - Math.max(...readings.map(({begin}) => begin));
	return sharedMs < measureMs / 2 ? Math.max(...speeds) : speeds.reduce((sum, perSecond) => sum + perSecond, 0);
};

/** Bytes per second that so many threads read from RAM together. Takes some 0.2 s and 192 MiB, none of it on this thread. Rejects if no thread can be had. */
export const readBandwidth = async (threads: number, signal?: AbortSignal): Promise<number> => {
	signal?.throwIfAborted();
	const workerCount = Math.min(mostWorkers, Math.max(1, threads));
	const bytes = Math.ceil(totalReadBytes / workerCount / mib) * mib; // whole pieces
	const gate = new Int32Array(new SharedArrayBuffer(4));
	const workers: Worker[] = [];
	const dispose = () => Promise.all(workers.map(worker => worker.terminate()));
	signal?.addEventListener('abort', dispose, {once: true});
	try {
		const ready: Array<Promise<Reading>> = [];
		for (let made = 0; made < workerCount; made++) {
			const worker = new Worker(`(${readUntilDone})()`, {eval: true, workerData: {bytes, ms: measureMs, gate}, env: {}, execArgv: []});
			workers.push(worker);
			const isReady = nextMessage(worker);
			isReady.catch(() => {}); // told by `Promise.all` below
			ready.push(isReady);
			await nextTurn(); // making one takes about a millisecond of this thread
		}

		await Promise.all(ready);
		const results = workers.map(nextMessage);
		Atomics.store(gate, 0, 1);
		Atomics.notify(gate, 0);
		return together(await Promise.all(results));
	} finally {
		signal?.removeEventListener('abort', dispose);
		await dispose();
	}
};

/** Where the fit to real answers starts: measured on small models with llama.cpp v0.5.0, besides what each layer takes. */
export const usualOverheadMs = 0.15;

/** Q8_0 weights over RAM, bytes that one thread gets through: 18.7 and 25 GB/s on an AMD EPYC (Zen 4). A guess for others, until the first real answer. */
const usualThreadShare = 0.75;

/** Linux says what the CPU can do; undefined: it is not told here. */
const readCpuFlags = async (): Promise<string | undefined> => readFile('/proc/cpuinfo', 'utf8').catch(() => undefined);

/** Attention with heads of 32 took 16 times as long as reading Q8_0 weights where vectors are of AVX-512 (Zen 4), and would take as long as other heads elsewhere. */
const shortHeadCostOf = (flags: string | undefined): number | undefined => {
	if (flags === undefined) return undefined;
	return /\bavx512f\b/.test(flags) ? 16 : attentionCost('f16');
};

/** A second thread was worth 23 to 65 % on two virtual cores of an AMD EPYC, which share what leads to the RAM with other machines; cores of one's own give more. */
const threadsExponentOf = (flags: string | undefined): number | undefined =>
	flags !== undefined && /\bhypervisor\b/.test(flags) ? 0.5 : undefined;

type Outside = {readonly read?: typeof readBandwidth; readonly cpuFlags?: typeof readCpuFlags; readonly signal?: AbortSignal};

/**
What can be known of a machine's speed without a model, in about half a second. RAM is read by one thread and by all that will compute.

How fast a thread computes is only guessed from how fast it reads, and a GPU's bandwidth is not known at all, until the first real answer.
*/
export const probeSpeeds = async (
	threads: number,
	{read = readBandwidth, cpuFlags = readCpuFlags, signal}: Outside = {},
): Promise<Speeds> => {
	const measure = async (count: number) => {
		try {
			return await read(count, signal);
		} catch {
			signal?.throwIfAborted();
			return undefined;
		}
	};
	const one = await measure(1);
	const all = threads > 1 ? await measure(threads) : one;
	const flags = await cpuFlags();
	const known = [one, all].filter(value => value !== undefined);
	return {
		gpuBytesPerSecond: undefined,
		cpuBytesPerSecond: known.length > 0 ? Math.max(...known) : undefined,
		threadBytesPerSecond: one && one * usualThreadShare,
		overheadMs: usualOverheadMs,
		shortHeadCost: shortHeadCostOf(flags),
		threadsExponent: threadsExponentOf(flags),
	};
};
