import {isAborted} from '../engine/engine-errors.js';
import {type CacheType, type Engine, type Kernel, type KernelSpeed, kernelKey} from '../engine/types.js';
import {type Calibration, calibrate, type Observation, speedsOf} from './calibration.js';
import type {CalibrationStore, MachineParts} from './calibration-store.js';
import {kernelsOf} from './tensor-costs.js';
import type {ModelWeights, Speeds} from './types.js';

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
/** Costs so much that the RAM hardly limits it: it shows what threads are worth. */
const costly: Kernel = {kind: 'weights', type: 'Q6_K'};

/** So often the speed itself is measured, and the best is kept: a busy machine shows too little, never too much. */
const enoughTimes = 3;

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
		Measures what the CPU takes for the types of a model, as far as that is not known yet: the first time that they are met on this machine, some 0.15 s each. The first
		times how fast it is altogether, too.

		@throws EngineError when it is stopped
		*/
		async study(weights: ModelWeights, cacheTypes: readonly CacheType[], {signal, onBegin, isBrief = false}: Watch = {}): Promise<void> {
			if (!calibration) return;
			const {kernelCosts = {}, timesMeasured = 0} = calibration.probed;
			const isOpen = timesMeasured < (isBrief ? 1 : enoughTimes);
			const always = isOpen ? [reference, costly] : [reference];
			const known = new Set([...always.map(kernelKey), ...Object.keys(kernelCosts)]);
			const needed = kernelsOf(weights, cacheTypes).filter(kernel => !known.has(kernelKey(kernel)));
			if (!isOpen && needed.length === 0) return;
			const kernels = [...always, ...needed];
			onBegin?.();
			const speeds = await measure(kernels, signal);
			const [q8, heavy] = speeds;
			if (!q8) return;
			const costs = kernels.flatMap((kernel, index) => {
				const {token, prompt} = speeds[index]?.one ?? {};
				return token && prompt ? [[kernelKey(kernel), {token: q8.one.token / token, prompt: q8.one.prompt / prompt}] as const] : [];
			});
			const {probed} = calibration;
			const isFirst = timesMeasured === 0;
			const best = (before: number | undefined, now: number | undefined) => (isFirst ? now : Math.max(before ?? 0, now ?? 0) || undefined);
			const speed = isOpen && {
				timesMeasured: timesMeasured + 1,
				threadBytesPerSecond: best(probed.threadBytesPerSecond, q8.one.token),
				cpuBytesPerSecond: Math.max(probed.cpuBytesPerSecond ?? 0, q8.one.token, q8.all.token),
				threadsExponent: best(probed.threadsExponent, exponentOf('token', heavy)),
				promptThreadsExponent: best(probed.promptThreadsExponent, exponentOf('prompt', q8)),
				promptPerSecond: {gpu: undefined, cpu: best(probed.promptPerSecond?.cpu, q8.one.prompt)},
			};
			await keep({...calibration, probed: {...probed, ...speed, kernelCosts: {...kernelCosts, ...Object.fromEntries(costs)}}});
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
