import {
	type Load,
	promptSecondsPerToken,
	promptThreadsGain,
	secondsPerToken,
	usualShortHeadCost,
	usualThreadsExponent,
	type Work,
	workOf,
} from './speed.js';
import type {Speeds} from './types.js';

/** A real answer. */
export type Observation = Load & {
	/** What tells models apart, path or name; the same file with other settings is the same model. */
	readonly model: string;
	/** undefined: the answer was too short to tell. */
	readonly tokensPerSecond: number | undefined;
	/** That were timed for it; undefined: enough for a full say. */
	readonly tokens?: number | undefined;
	/** Of all that was written, however little. */
	readonly roughTokensPerSecond?: number | undefined;
	/** Tokens of the prompt that were evaluated, and how fast; undefined: there were none. */
	readonly prompt?: {readonly tokens: number; readonly tokensPerSecond: number} | undefined;
};

/** An observation without what it was taken of; this is what is kept. */
export type Observed = {
	readonly model: string;
	readonly work: Work;
	readonly tokensPerSecond: number | undefined;
	/** That were timed for it; undefined: enough for a full say. */
	readonly tokens?: number | undefined;
	readonly promptTokensPerSecond: number | undefined;
};

/** An answer that was long enough to tell how fast it was written. */
type Written = Observed & {readonly tokensPerSecond: number};

const isWritten = (observed: Observed): observed is Written => observed.tokensPerSecond !== undefined;

export type Calibration = {
	/** As measured without a model. */
	readonly probed: Speeds;
	/** The latest ones, oldest first. */
	readonly observed: readonly Observed[];
};

const mostObserved = 32;
/** So many tokens have a full say. Fewer may all have been written while something else held the machine up. */
const fullSayTokens = 128;
/** Below, a prompt's time is that of starting, not of computing. */
export const fewestPromptTokens = 32;

/** A prompt is timed until the first token of the answer is there. */
const withoutFirstToken = (prompt: NonNullable<Observation['prompt']>, tokensPerSecond: number): number | undefined =>
	speed(prompt.tokens / (prompt.tokens / prompt.tokensPerSecond - 1 / tokensPerSecond));

const speed = (value: number | undefined): number | undefined =>
	value !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;

const isSameWork = (a: Observed, b: Observed): boolean =>
	a.model === b.model &&
	a.work.threads === b.work.threads &&
	Math.abs(a.work.gpuBytes - b.work.gpuBytes) <= 0.02 * (a.work.gpuBytes + a.work.cpuBytes);

const sayOf = ({tokens = fullSayTokens}: Observed): number => Math.min(tokens, fullSayTokens);

/** The mean over the latest tokens that have a full say together; of speeds geometric, because what is held up becomes many times slower. */
const averaged = (before: Written, latest: Written): Written => {
	const tokens = Math.min(fullSayTokens, sayOf(before) + sayOf(latest));
	const share = sayOf(latest) / tokens;
	const mean = (earlier: number, now: number) => earlier * (1 - share) + now * share;
	const [was, is] = [before.work, latest.work];
	return {
		...latest,
		tokens,
		tokensPerSecond: before.tokensPerSecond ** (1 - share) * latest.tokensPerSecond ** share,
		work: {
			...is,
			gpuBytes: mean(was.gpuBytes, is.gpuBytes),
			cpuBytes: mean(was.cpuBytes, is.cpuBytes),
			cpuCost: mean(was.cpuCost, is.cpuCost),
			cachedCost: mean(was.cachedCost, is.cachedCost),
			shortHeadBytes: mean(was.shortHeadBytes, is.shortHeadBytes),
		},
	};
};

/** Another type of the KV cache, or one that is much fuller, is other work for the same weights: the mean of both would be neither. */
const isAlike = ({work: a}: Observed, {work: b}: Observed): boolean =>
	(['cpuCost', 'cachedCost', 'shortHeadBytes'] as const).every(part => Math.abs(a[part] - b[part]) <= 0.25 * Math.max(a[part], b[part]));

const written = (before: Observed, latest: Observed): Observed => {
	if (!isWritten(latest)) return before;
	return isWritten(before) && isAlike(before, latest) ? averaged(before, latest) : latest;
};

/** What the latest answer does not tell stays what it was. */
const merged = (before: Observed | undefined, latest: Observed): Observed => {
	if (!before) return latest;
	const generation = written(before, latest);
	const prompt = latest.promptTokensPerSecond === undefined ? before : latest;
	const {promptCost, promptThreads} = prompt.work;
	return {...generation, promptTokensPerSecond: prompt.promptTokensPerSecond, work: {...generation.work, promptCost, promptThreads}};
};

/** Learns from a real answer; the same calibration if there is nothing to learn. */
export const calibrate = (calibration: Calibration, observation: Observation): Calibration => {
	const {prompt, model} = observation;
	const tokensPerSecond = speed(observation.tokensPerSecond);
	const perSecond = tokensPerSecond ?? speed(observation.roughTokensPerSecond);
	const isPromptTold = prompt && prompt.tokens >= fewestPromptTokens && speed(prompt.tokensPerSecond) && perSecond;
	const observed: Observed = {
		model,
		work: workOf({...observation, promptTokens: prompt?.tokens}, calibration.probed.kernelCosts),
		tokensPerSecond,
		tokens: observation.tokens,
		promptTokensPerSecond: isPromptTold ? withoutFirstToken(prompt, perSecond) : undefined,
	};
	if (tokensPerSecond === undefined && observed.promptTokensPerSecond === undefined) return calibration;
	// One model with one placement has one say, however often it answers.
	const others = calibration.observed.filter(other => !isSameWork(other, observed));
	const before = calibration.observed.find(other => isSameWork(other, observed));
	return {...calibration, observed: [...others, merged(before, observed)].slice(-mostObserved)};
};

/**
What is fitted, as logarithms of the factors on where the fit starts. `down` and `up`: how far below and above it may be, one standard deviation.
A probe beside a busy program finds too little, never too much.
*/
type Unknown = {
	readonly down: number;
	readonly up: number;
	/** Instead of these, where llama.cpp's own code has measured it. */
	readonly measured?: {readonly down: number; readonly up: number};
	/** What had little part in all answers is hardly what made them slow: it is moved less. The others were probed. */
	readonly byPart?: true;
	readonly apply: (speeds: Speeds, factor: number) => Speeds;
};

const scaled = (value: number | undefined, factor: number): number | undefined => (value === undefined ? undefined : value * factor);

const unknowns: readonly Unknown[] = [
	{
		down: 0.1,
		up: 1,
		measured: {down: 0.1, up: 0.1},
		apply: (speeds, factor) => ({...speeds, cpuBytesPerSecond: scaled(speeds.cpuBytesPerSecond, factor)}),
	},
	{
		down: 0.5,
		up: 1,
		measured: {down: 0.1, up: 0.1},
		apply: (speeds, factor) => ({...speeds, threadBytesPerSecond: scaled(speeds.threadBytesPerSecond, factor)}),
	},
	{down: 0.05, up: 0.05, apply: (speeds, factor) => ({...speeds, cachedBytesPerSecond: scaled(speeds.cachedBytesPerSecond, factor)})},
	{down: 1.5, up: 1.5, byPart: true, apply: (speeds, factor) => ({...speeds, gpuBytesPerSecond: scaled(speeds.gpuBytesPerSecond, factor)})},
	// In milliseconds that come on top: a screen that draws takes them whatever the model, and no factor on what was measured without one gets there.
	{down: 0.15, up: 0.7, apply: (speeds, factor) => ({...speeds, overheadMs: Math.max(0, speeds.overheadMs + Math.log(factor))})},
	{
		down: 0.3,
		up: 0.1,
		measured: {down: 0.05, up: 0.05},
		apply: (speeds, factor) => ({...speeds, threadsExponent: (speeds.threadsExponent ?? usualThreadsExponent) + Math.log(factor)}),
	},
	{
		down: 1.4,
		up: 1.4,
		byPart: true,
		apply: (speeds, factor) => ({...speeds, shortHeadCost: (speeds.shortHeadCost ?? usualShortHeadCost) * factor}),
	},
];

/** What is moved together: RAM and threads too, because the slower of them decides and moving the other alone changes nothing. */
const directions: ReadonlyArray<readonly number[]> = [...unknowns.keys().map(index => [index]), [0, 1]];

/** The first that explains an answer is moved, and then the other one changes nothing: each of RAM and threads gets the first turn once. */
const turns = [directions, directions.toReversed()];

/** The largest part of an answer's time that goes with an unknown: 0 to 1. */
const partOf = ({apply}: Unknown, start: Speeds, observed: readonly Written[]): number => {
	const small = 0.01;
	const parts = observed.map(({work}) => {
		const [before, after] = [secondsPerToken(start, work), secondsPerToken(apply(start, Math.exp(small)), work)];
		return before && after ? Math.abs(Math.log(after / before)) / small : 0;
	});
	return Math.max(...parts);
};

/** How well predictions do on the same machine, as a standard deviation of their logarithm: what is further off is rather an outlier. */
const noise = 0.1;

/** Huber's loss: squares near the truth, straight lines further out, so that one answer beside a busy program does not decide. */
const loss = (deviation: number): number => {
	const size = Math.abs(deviation);
	return size < 2 ? size ** 2 : 4 * size - 4;
};

/** Where the fit starts, as nothing was measured: a mid-range card, and Mesa's software device on two cores. */
const usualGpuBytesPerSecond = {card: 300e9, software: 0.5e9};

/** Direction by direction downhill in ever smaller steps, some 10,000 evaluations of a small sum. */
const fitInTurns = (directions: ReadonlyArray<readonly number[]>, start: Speeds, observed: readonly Written[]) => {
	const factors = unknowns.map(() => 0);
	const isMeasured = start.kernelCosts !== undefined && Object.keys(start.kernelCosts).length > 0;
	const parts = unknowns.map(unknown => (unknown.byPart ? Math.sqrt(partOf(unknown, start, observed)) : 1));
	const mostSay = Math.max(...observed.map(sayOf));
	const speedsOf = () => unknowns.reduce((speeds, {apply}, index) => apply(speeds, Math.exp(factors[index] ?? 0)), start);
	const badness = () => {
		const speeds = speedsOf();
		const prior = unknowns.reduce((sum, {measured, ...usual}, index) => {
			const factor = factors[index] ?? 0;
			const {down, up} = (isMeasured && measured) || usual;
			const deviation = factor < 0 ? down : up;
			return factor === 0 ? sum : sum + (factor / (deviation * (parts[index] ?? 1))) ** 2;
		}, 0);
		return observed.reduce((sum, told) => {
			const seconds = secondsPerToken(speeds, told.work);
			return seconds === undefined ? sum : sum + (sayOf(told) / mostSay) * loss(Math.log(seconds * told.tokensPerSecond) / noise);
		}, prior);
	};

	let best = badness();
	for (let step = 0.5; step > 0.002; step *= 0.7) {
		for (let round = 0; round < 8; round++) {
			const before = best;
			for (const direction of directions) {
				for (const change of [step, -step]) {
					const values = [...factors];
					for (const index of direction) factors[index] = (factors[index] ?? 0) + change;
					const next = badness();
					if (next < best) best = next;
					else factors.splice(0, factors.length, ...values);
				}
			}

			if (best === before) break;
		}
	}

	return {speeds: speedsOf(), badness: best};
};

/** The most likely speeds. */
const fitTo = (start: Speeds, observed: readonly Written[]): Speeds => {
	const [first, second] = turns.map(directions => fitInTurns(directions, start, observed));
	return (second && first && second.badness < first.badness ? second : first)?.speeds ?? start;
};

const median = (values: readonly number[]): number | undefined => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** Told by answers with all of the work on that side: of the GPU, where nothing but the input embeddings is left to the CPU. */
const promptPerSecond = ({probed, observed}: Calibration): NonNullable<Speeds['promptPerSecond']> => {
	const told = observed.filter(({promptTokensPerSecond}) => promptTokensPerSecond !== undefined);
	const perSecond = ({promptTokensPerSecond}: Observed) => promptTokensPerSecond ?? 0;
	const onGpu = told.filter(({work}) => work.promptCost === 0);
	const onCpu = told.filter(({work}) => work.gpuParameters === 0);
	return {
		gpu: median(onGpu.map(observation => observation.work.gpuParameters * perSecond(observation))),
		cpu:
			median(
				onCpu.map(observation => (observation.work.promptCost * perSecond(observation)) / promptThreadsGain(probed, observation.work)),
			) ?? probed.promptPerSecond?.cpu,
	};
};

/**
The speeds of this machine by the probe and all real answers; for a model that has answered, with its correction.

A GPU's bandwidth is known from the first answer on that used it, unless the probe was told.
*/
export const speedsOf = (calibration: Calibration, model?: string, gpu: keyof typeof usualGpuBytesPerSecond = 'card'): Speeds => {
	const {probed, observed} = calibration;
	const written = observed.filter(isWritten);
	const usedGpu = written.some(({work}) => work.gpuBytes > 0);
	const start = usedGpu ? {...probed, gpuBytesPerSecond: probed.gpuBytesPerSecond ?? usualGpuBytesPerSecond[gpu]} : probed;
	const fitted = written.length === 0 ? start : fitTo(start, written);
	const speeds = {...fitted, promptPerSecond: promptPerSecond(calibration)};
	const own = observed.filter(observation => observation.model === model);
	const ownWritten = own.filter(isWritten);
	const mostSay = Math.max(...ownWritten.map(sayOf));
	const telling = ownWritten.filter(observation => sayOf(observation) >= mostSay / 2);
	const factors = telling.map(({work, tokensPerSecond}) => times(secondsPerToken(speeds, work), tokensPerSecond));
	const promptFactors = own.map(({work, promptTokensPerSecond}) => times(promptSecondsPerToken(speeds, work), promptTokensPerSecond));
	const last = (values: readonly (number | undefined)[]) => values.findLast(value => value !== undefined);
	return {...speeds, modelFactor: last(factors), promptFactor: last(promptFactors)};
};

const times = (a: number | undefined, b: number | undefined): number | undefined =>
	a === undefined || b === undefined ? undefined : a * b;
