import {isAborted} from '../engine/engine-errors.js';
import {type CacheType, type Engine, type Kernel, type KernelSpeed, kernelKey} from '../engine/types.js';
import {type Calibration, calibrate, type Observation, speedsOf} from './calibration.js';
import type {CalibrationStore, MachineParts} from './calibration-store.js';
import {kernelsOf} from './tensor-costs.js';
import type {Costs, ModelWeights, Speeds} from './types.js';

type Options = {
	/** Measures what can be known without a model; half a second. */
	readonly probe: () => Promise<Speeds>;
	readonly measureKernels: Engine['measureKernels'];
	readonly machine: Pick<MachineParts, 'cores'>;
	readonly onChange: () => void;
};

type Watch = {
	readonly signal?: AbortSignal;
	/** There is something to measure. */
	readonly onBegin?: () => void;
	/** Only what is not known at all: somebody waits for the program to end. */
	readonly isBrief?: boolean;
};

/** That costs are compared with; measured beside the others each time, because a machine is not as fast at all times. */
const reference: Kernel = {kind: 'weights', type: 'Q8_0'};
/** The RAM does not limit it: it shows what threads are worth. */
const cached: Kernel = {kind: 'cached', type: 'Q8_0'};

/** So often the speed itself is measured, and the mean is kept. */
const enoughTimes = 3;

/** Of the most that comes from the RAM: what takes more is limited by it, and says little of what threads are worth. */
const ramBoundShare = 0.8;

/** Where it shows less, something else held the machine up. */
const leastExponent = 0.3;

/** What this machine is known to do, from a probe at its first run, what its CPU takes for the types of each model, and every real answer since. */
export const createSpeedKeeper = ({probe, measureKernels, machine: {cores}, onChange}: Options) => {
	let store: CalibrationStore | undefined;
	let calibration: Calibration | undefined;
	let latest: {readonly of: Calibration; readonly model: string; readonly speeds: Speeds} | undefined;

	const keep = async (next: Calibration): Promise<void> => {
		calibration = next;
		onChange();
		await store?.write(next);
	};

	const measure = async (kernels: readonly Kernel[], signal: AbortSignal | undefined) =>
		measureKernels({kernels, threads: cores}, {...(signal && {signal})}).catch(error => {
			if (isAborted(error)) throw error;
			return [];
		});

	/** What all threads do is what one does times their number to this power. */
	const exponentOf = (use: 'token' | 'prompt', speed: KernelSpeed | undefined): number | undefined =>
		speed && cores > 1 ? Math.min(1, Math.max(leastExponent, Math.log(speed.all[use] / speed.one[use]) / Math.log(cores))) : undefined;

	return {
		/** Reads what is known of the machine, or probes it. */
		async begin(kept: CalibrationStore): Promise<void> {
			store = kept;
			calibration = await store.read();
			if (calibration) onChange();
			else await keep({probed: await probe(), observed: []});
		},
		/**
		Measures what the CPU takes for the types of a model, as far as that is not known yet: the first time that they are met on this machine, some 0.3 s each. The first
		times how fast it is altogether, too.

		@throws EngineError when it is stopped
		*/
		async study(weights: ModelWeights, cacheTypes: readonly CacheType[], {signal, onBegin, isBrief = false}: Watch = {}): Promise<void> {
			if (!calibration) return;
			const {kernelCosts = {}, timesMeasured = 0} = calibration.probed;
			const isOpen = timesMeasured < (isBrief ? 1 : enoughTimes);
			const always = [reference, cached];
			const known = new Set([...always.map(kernelKey), ...Object.keys(kernelCosts)]);
			const needed = kernelsOf(weights, cacheTypes).filter(kernel => !known.has(kernelKey(kernel)));
			if (!isOpen && needed.length === 0) return;
			const kernels = [...always, ...needed];
			onBegin?.();
			const speeds = await measure(kernels, signal);
			const [q8, held] = speeds;
			if (!q8 || !held) return;
			const {probed} = calibration;
			const isFirst = timesMeasured === 0;
			const fromRam = speeds
				.filter((_, index) => kernels[index]?.kind === 'weights')
				.flatMap(speed => (speed ? [speed.one.token, speed.all.token] : []));
			const cpuBytesPerSecond = Math.max(...fromRam, probed.cpuBytesPerSecond ?? 0);
			const costs = kernels.flatMap((kernel, index) => {
				const measured = speeds[index];
				if (!measured || kernel === cached) return [];
				const isCached = kernel.kind === 'attention';
				const isRamBound = !isCached && measured.all.token > ramBoundShare * cpuBytesPerSecond;
				const [exponent, usual] = [exponentOf('token', measured), exponentOf('token', held)];
				const cost: Costs = {
					token: (isCached ? held : q8).one.token / measured.one.token,
					prompt: q8.one.prompt / measured.one.prompt,
					threadsExponent: isRamBound || exponent === undefined || usual === undefined ? undefined : exponent - usual,
				};
				return [[kernelKey(kernel), cost] as const];
			});
			const mean = (before: number | undefined, now: number | undefined) =>
				isFirst || !before || !now ? (now ?? before) : (before ** timesMeasured * now) ** (1 / (timesMeasured + 1));
			const speed = isOpen && {
				timesMeasured: timesMeasured + 1,
				threadBytesPerSecond: mean(probed.threadBytesPerSecond, q8.one.token),
				cachedBytesPerSecond: mean(probed.cachedBytesPerSecond, held.one.token),
				threadsExponent: mean(probed.threadsExponent, exponentOf('token', held)),
				promptThreadsExponent: mean(probed.promptThreadsExponent, exponentOf('prompt', q8)),
				promptPerSecond: {gpu: undefined, cpu: mean(probed.promptPerSecond?.cpu, q8.one.prompt)},
			};
			await keep({
				...calibration,
				probed: {...probed, ...speed, cpuBytesPerSecond, kernelCosts: {...kernelCosts, ...Object.fromEntries(costs)}},
			});
		},
		/** undefined: not known yet. */
		speeds(model: string): Speeds | undefined {
			if (!calibration) return undefined;
			if (latest?.of !== calibration || latest.model !== model)
				latest = {of: calibration, model, speeds: speedsOf(calibration, model, store?.gpu)};
			return latest.speeds;
		},
		/** Resolves when it is kept. */
		async observe(observation: Observation): Promise<void> {
			if (!calibration) return;
			const next = calibrate(calibration, observation);
			if (next !== calibration) await keep(next);
		},
	};
};

export type SpeedKeeper = ReturnType<typeof createSpeedKeeper>;
