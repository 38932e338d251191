import type {Backend, Device} from '../engine/types.js';
import {isRecord, positive} from '../lib/json-values.js';
import type {Calibration, Observed} from './calibration.js';
import {isSoftwareDevice} from './machine.js';
import type {KernelCosts, Speeds} from './types.js';

/** Where calibrations are kept: a file in the data folder. `write` replaces it as a whole or not at all. */
export type CalibrationFile = {
	/** undefined: there is none. */
	read(): Promise<string | undefined>;
	write(text: string): Promise<void>;
};

export type MachineParts = {readonly cpu: string; readonly cores: number; readonly ramBytes: number; readonly gpus: readonly string[]};

const gib = 1024 ** 3;

/** The same as long as the same hardware is there; RAM to the GiB, because kernels differ in what they keep back of it. */
export const machineKey = ({cpu, cores, ramBytes, gpus}: MachineParts): string =>
	[cpu, `${cores} cores`, `${Math.round(ramBytes / gib)} GiB`, ...[...gpus].sort()]
		.map(part => part.trim().replaceAll(/\s+/g, ' '))
		.join(' | ');

/** Raised when speeds of older versions no longer mean the same; those are then forgotten. */
const version = 4;
/** A file that is carried from machine to machine does not grow without end. */
const mostMachines = 16;

/** What the driver of each backend took, as it was measured. */
type Drivers = Readonly<Partial<Record<Backend, readonly number[]>>>;

type Entry = {readonly calibration: Calibration | undefined; readonly drivers: Drivers};

type Saved = Readonly<Record<string, Entry>>;

const amount = (value: unknown): number | undefined => (value === 0 ? 0 : positive(value));

const toKernelCosts = (value: unknown): KernelCosts =>
	isRecord(value)
		? Object.fromEntries(
				Object.entries(value).flatMap(([kernel, costs]) => {
					if (!isRecord(costs)) return [];
					const [token, prompt, threadsExponent] = [positive(costs.token), positive(costs.prompt), costs.threadsExponent];
					return token === undefined || prompt === undefined
						? []
						: [[kernel, {token, prompt, ...(typeof threadsExponent === 'number' && {threadsExponent})}] as const];
				}),
			)
		: {};

const toSpeeds = (value: unknown): Speeds | undefined => {
	if (!isRecord(value)) return undefined;
	const overheadMs = positive(value.overheadMs);
	return overheadMs === undefined
		? undefined
		: {
				gpuBytesPerSecond: positive(value.gpuBytesPerSecond),
				cpuBytesPerSecond: positive(value.cpuBytesPerSecond),
				threadBytesPerSecond: positive(value.threadBytesPerSecond),
				cachedBytesPerSecond: positive(value.cachedBytesPerSecond),
				overheadMs,
				shortHeadCost: positive(value.shortHeadCost),
				threadsExponent: positive(value.threadsExponent),
				promptThreadsExponent: positive(value.promptThreadsExponent),
				kernelCosts: toKernelCosts(value.kernelCosts),
				timesMeasured: positive(value.timesMeasured),
				promptPerSecond: {gpu: undefined, cpu: isRecord(value.promptPerSecond) ? positive(value.promptPerSecond.cpu) : undefined},
			};
};

const toObserved = (value: unknown): Observed | undefined => {
	if (!isRecord(value) || !isRecord(value.work)) return undefined;
	const {model, work} = value;
	const tokensPerSecond = positive(value.tokensPerSecond);
	const promptTokensPerSecond = positive(value.promptTokensPerSecond);
	const threads = positive(work.threads);
	const [gpuBytes, cpuBytes, cpuCost, cachedCost, shortHeadBytes, gpuParameters, promptCost] = [
		work.gpuBytes,
		work.cpuBytes,
		work.cpuCost,
		work.cachedCost,
		work.shortHeadBytes,
		work.gpuParameters,
		work.promptCost,
	].map(amount);
	if (typeof model !== 'string' || threads === undefined || (tokensPerSecond ?? promptTokensPerSecond) === undefined) return undefined;
	if (gpuBytes === undefined || cpuBytes === undefined || cpuCost === undefined) return undefined;
	if (cachedCost === undefined || shortHeadBytes === undefined) return undefined;
	if (gpuParameters === undefined || promptCost === undefined) return undefined;
	return {
		model,
		tokensPerSecond,
		tokens: positive(value.tokens),
		promptTokensPerSecond,
		work: {
			gpuBytes,
			cpuBytes,
			cpuCost,
			cachedCost,
			shortHeadBytes,
			threads,
			promptThreads: positive(work.promptThreads),
			blocks: amount(work.blocks) ?? 0,
			gpuParameters,
			promptCost,
		},
	};
};

const toCalibration = ({probed: saved, observed: answers}: Readonly<Record<string, unknown>>): Calibration | undefined => {
	const probed = toSpeeds(saved);
	const observed = Array.isArray(answers) ? answers.map(toObserved).filter(item => item !== undefined) : [];
	return probed && {probed, observed};
};

const toDrivers = (value: unknown): Drivers =>
	isRecord(value)
		? Object.fromEntries(
				Object.entries(value).map(([backend, samples]) => [
					backend,
					Array.isArray(samples) ? samples.map(amount).filter(bytes => bytes !== undefined) : [],
				]),
			)
		: {};

const toEntry = (value: unknown): Entry =>
	isRecord(value) ? {calibration: toCalibration(value), drivers: toDrivers(value.drivers)} : {calibration: undefined, drivers: {}};

/** What of a file can be understood; whatever is broken is measured again. */
const parse = (text: string | undefined): Saved => {
	try {
		const value: unknown = JSON.parse(text ?? '');
		if (!isRecord(value) || value.version !== version || !isRecord(value.machines)) return {};
		return Object.fromEntries(Object.entries(value.machines).map(([key, saved]) => [key, toEntry(saved)]));
	} catch {
		return {};
	}
};

/** Calibrations by machine. Nothing it does rejects: a calibration that cannot be kept is measured again. */
export const createCalibrationStore = (file: CalibrationFile, key: string) => {
	let last: Promise<void> = Promise.resolve();

	const load = async (): Promise<Saved> => parse(await file.read().catch(() => undefined));

	/** One after the other; other machines' entries stay. */
	const change = (part: Partial<Entry>): Promise<void> => {
		last = last.then(async () => {
			const {[key]: own, ...others} = await load();
			const kept = Object.entries(others).slice(-(mostMachines - 1));
			const entry = {calibration: undefined, drivers: {}, ...own, ...part};
			const machines = Object.fromEntries(
				[...kept, [key, entry] as const].map(([name, {calibration, drivers}]) => [name, {...calibration, drivers}]),
			);
			await file.write(`${JSON.stringify({version, machines}, undefined, '\t')}\n`).catch(() => {});
		});
		return last;
	};

	return {
		gpu: isSoftwareDevice(key) ? ('software' as const) : ('card' as const),
		/** undefined: this machine was not measured yet. */
		async read(): Promise<Calibration | undefined> {
			return (await load())[key]?.calibration;
		},
		write: (calibration: Calibration): Promise<void> => change({calibration}),
		/** Bytes, the latest last; none: not measured yet. */
		async readDriver(backend: Backend): Promise<readonly number[]> {
			return (await load())[key]?.drivers[backend] ?? [];
		},
		async writeDriver(backend: Backend, samples: readonly number[]): Promise<void> {
			await last;
			await change({drivers: {...(await load())[key]?.drivers, [backend]: samples}});
		},
	};
};

/** Of this machine with the devices that llama.cpp sees. */
export const calibrationsOf = (
	{file, machine}: {readonly file: CalibrationFile; readonly machine: Omit<MachineParts, 'gpus'>},
	{names}: Device,
): CalibrationStore => createCalibrationStore(file, machineKey({...machine, gpus: names}));

export type CalibrationStore = ReturnType<typeof createCalibrationStore>;
