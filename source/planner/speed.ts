import {type CacheType, kernelKey, type Settings} from '../engine/types.js';
import {activeBytes, type Sides} from './placement.js';
import {attentionCost, isHalfPrecision, meanCosts, promptAttentionCost, tokenCost} from './tensor-costs.js';
import type {KernelCosts, ModelWeights, Speeds} from './types.js';

/** Tokens in the context that a prediction counts with, where nobody says: a short conversation. */
export const usualFillTokens = 1000;
/** Of a conversation that has only begun: a question and half of its answer. */
export const leastFillTokens = 200;

export type Load = {
	readonly settings: Pick<Settings, 'gpuLayers' | 'cpuExpertLayers' | 'contextSize' | 'threads'> & {readonly cacheTypeK: CacheType};
	readonly weights: ModelWeights;
	/** Bytes of the whole KV cache and recurrent state. */
	readonly cache?: Sides | undefined;
	/** Bytes of the weights placed on the GPU that are in RAM all the same. */
	readonly untakenBytes?: number | undefined;
	/** Tokens that are in it; while an answer is written, half of the answer counts. */
	readonly fillTokens?: number | undefined;
	/** Those of them that were the prompt; undefined: all. */
	readonly promptTokens?: number | undefined;
	/** That the prompt is evaluated with; undefined: those of the settings. */
	readonly promptThreads?: number | undefined;
};

/** What has to be done for one token, as plain numbers. */
export type Work = {
	readonly gpuBytes: number;
	readonly cpuBytes: number;
	/** What the CPU computes, in bytes of Q8_0 weights that would take it as long. */
	readonly cpuCost: number;
	/** The same of what does not come from the RAM, as attention does, in bytes of weights that its cache holds. */
	readonly cachedCost: number;
	/** Bytes of KV cache, once for each head that reads them, in the part of the heads that does not fill a vector register. */
	readonly shortHeadBytes: number;
	readonly threads: number;
	/** Of a prompt; undefined: the same. */
	readonly promptThreads?: number | undefined;
	/** Layers that the token goes through. */
	readonly blocks: number;
	/** Of a token of a prompt: parameters that take part on the GPU, and what the CPU computes, as `cpuCost`. */
	readonly gpuParameters: number;
	readonly promptCost: number;
};

const totalBytes = ({sizes}: ModelWeights): number =>
	sizes.inputBytes + sizes.outputBytes - (sizes.tiedBytes ?? 0) + sizes.blocks.reduce((sum, {bytes}) => sum + bytes, 0);

/**
Values of a head that the widest common vector unit (AVX-512) multiplies at once in half precision; llama.cpp computes what is left over one by one
(`GGML_F16_STEP` in `simd-mappings.h` of v0.5.0). Others take 16 or 32, and are not slowed down by short heads: how much it costs here is learned.
*/
const headStep = 64;

const shortShare = ({attention}: ModelWeights, cacheType: CacheType): number =>
	attention && isHalfPrecision(cacheType) ? (attention.headSize % headStep) / attention.headSize : 0;

/** Of a byte of the KV cache, for each head that reads it; `short`: the share of it that costs what is not known. */
const attentionOf = (weights: ModelWeights, type: CacheType, threads: number, kernelCosts: KernelCosts) => {
	const {attention} = weights;
	const measured = attention && kernelCosts[kernelKey({kind: 'attention', type, ...attention})];
	const short = shortShare(weights, type);
	const guessed = {short, token: (1 - short) * attentionCost(type), cached: 0, prompt: promptAttentionCost};
	return measured ? {short: 0, token: 0, cached: tokenCost(measured, threads), prompt: measured.prompt} : guessed;
};

export const workOf = (
	{settings, weights, cache, untakenBytes, fillTokens = usualFillTokens, promptTokens = fillTokens, promptThreads}: Load,
	kernelCosts: KernelCosts = {},
): Work => {
	const {shared, experts} = activeBytes(settings, weights, untakenBytes);
	const fill = Math.min(1, fillTokens / settings.contextSize);
	const promptFill = Math.min(1, Math.max(0, fillTokens - promptTokens / 2) / settings.contextSize);
	const cached = {gpu: (cache?.gpu ?? 0) * fill, cpu: (cache?.cpu ?? 0) * fill};
	const headsPerKvHead = weights.attention?.headsPerKvHead ?? 1;
	const read = cached.cpu * headsPerKvHead;
	const threads = Math.max(1, settings.threads);
	const attention = attentionOf(weights, settings.cacheTypeK, threads, kernelCosts);
	const cost = {
		shared: meanCosts(weights.types?.shared, 'weights', threads, kernelCosts),
		experts: meanCosts(weights.types?.experts, 'experts', threads, kernelCosts),
	};
	return {
		gpuBytes: shared.gpu + experts.gpu + cached.gpu,
		cpuBytes: shared.cpu + experts.cpu + cached.cpu,
		cpuCost: shared.cpu * cost.shared.token + experts.cpu * cost.experts.token + read * attention.token,
		cachedCost: read * attention.cached,
		shortHeadBytes: read * attention.short,
		threads,
		promptThreads: promptThreads === settings.threads ? undefined : promptThreads,
		blocks: weights.sizes.blocks.length,
		gpuParameters: (shared.gpu + experts.gpu) * (weights.parameters / Math.max(1, totalBytes(weights))),
		promptCost:
			shared.cpu * cost.shared.prompt +
			experts.cpu * cost.experts.prompt +
			(cache?.cpu ?? 0) * promptFill * headsPerKvHead * attention.prompt,
	};
};

/** Seconds that `amount` takes; undefined: it takes some, but nobody knows how long. */
const timeOf = (amount: number, perSecond: number | undefined): number | undefined => {
	if (amount <= 0) return 0;
	return perSecond === undefined ? undefined : amount / perSecond;
};

/** Where the fit to real answers starts, unless the probe knows better. */
export const usualThreadsExponent = 0.75;
/** Between a vector unit that heads fill (1.75, see `tensor-costs.ts`) and one that they do not (16 with heads of 32 on AVX-512). */
export const usualShortHeadCost = 5;

/** What so many threads do, if one does 1. */
export const threadsGain = ({threadsExponent = usualThreadsExponent}: Speeds, threads: number): number => threads ** threadsExponent;

/** Prompts wait neither for RAM nor often for each other: a second thread was worth 72 to 95 % where it was worth 23 to 65 % in generation. */
const usualPromptThreadsExponent = 0.9;

export const promptThreadsGain = (
	{promptThreadsExponent = usualPromptThreadsExponent}: Speeds,
	{threads, promptThreads = threads}: Work,
): number => promptThreads ** promptThreadsExponent;

/** Of weights: so much a cache of most machines holds, and so much of none but the largest. In between they come partly from either. */
const [cachedBytes, uncachedBytes] = [8 * 2 ** 20, 64 * 2 ** 20];

const ramShare = (bytes: number): number => Math.min(1, Math.max(0, Math.log(bytes / cachedBytes) / Math.log(uncachedBytes / cachedBytes)));

/** What was measured takes so much of the CPU's time for a token: the rest goes to norms, RoPE and activations (6 to 8 % in models of 270M and 500M, one thread of an AMD EPYC, Zen 4). */
const kernelShare = 0.94;

/** A side's weights are read, or computed with, whichever takes longer: bytes ÷ bandwidth, or cost ÷ what the threads get through. */
const cpuSeconds = (speeds: Speeds, {cpuBytes, cpuCost, cachedCost, shortHeadBytes, threads}: Work): number | undefined => {
	const read = timeOf(cpuBytes, speeds.cpuBytesPerSecond);
	const {threadBytesPerSecond, cachedBytesPerSecond, shortHeadCost = usualShortHeadCost} = speeds;
	if (read === undefined || threadBytesPerSecond === undefined) return read;
	const gain = threadsGain(speeds, threads);
	const cost = cpuCost + shortHeadBytes * shortHeadCost;
	if (cachedBytesPerSecond === undefined) return Math.max(read, (cost + cachedCost) / (threadBytesPerSecond * gain));
	const cacheGain = (cachedBytesPerSecond / threadBytesPerSecond) ** (1 - ramShare(cpuBytes));
	const weights = Math.max(read, cost / (threadBytesPerSecond * gain)) / cacheGain;
	return (weights + cachedCost / (cachedBytesPerSecond * gain)) / kernelShare;
};

/** What a layer takes whatever its size: between 0.005 on an AMD EPYC (Zen 4) and 0.015 on an Intel Xeon (AMX), 4 to 48 layers of 0.1 MB. Only small models notice. */
const blockOverheadMs = 0.009;

/** Without the correction of the model at hand. undefined: a speed that it needs is not known. */
export const secondsPerToken = (speeds: Speeds, work: Work): number | undefined => {
	const gpu = timeOf(work.gpuBytes, speeds.gpuBytesPerSecond);
	const cpu = cpuSeconds(speeds, work);
	return gpu === undefined || cpu === undefined ? undefined : gpu + cpu + (speeds.overheadMs + blockOverheadMs * work.blocks) / 1000;
};

/** Of generation. */
export const tokensPerSecond = (speeds: Speeds, load: Load): number | undefined => {
	const seconds = secondsPerToken(speeds, workOf(load, speeds.kernelCosts));
	return seconds === undefined || seconds <= 0 ? undefined : (speeds.modelFactor ?? 1) / seconds;
};

/** Of a token of a prompt, without the correction of the model at hand. undefined: not measured yet. */
export const promptSecondsPerToken = (speeds: Speeds, work: Work): number | undefined => {
	const gpu = timeOf(work.gpuParameters, speeds.promptPerSecond?.gpu);
	const cpu = timeOf(work.promptCost / promptThreadsGain(speeds, work), speeds.promptPerSecond?.cpu);
	return gpu === undefined || cpu === undefined || gpu + cpu <= 0 ? undefined : gpu + cpu;
};

/** Of reading a prompt, which is bound by computing. undefined: not measured yet. */
export const promptTokensPerSecond = (speeds: Speeds, load: Load): number | undefined => {
	const seconds = promptSecondsPerToken(speeds, workOf(load, speeds.kernelCosts));
	return seconds === undefined ? undefined : (speeds.promptFactor ?? 1) / seconds;
};
