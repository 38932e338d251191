import type {Settings} from '../engine/types.js';
import {activeBytes, type Sides} from './placement.js';
import {meanCost} from './tensor-costs.js';
import type {ModelWeights, Speeds} from './types.js';

/** Tokens in the context that a prediction counts with, where nobody says: a short conversation. */
const usualFillTokens = 1000;

export type Load = {
	readonly settings: Pick<Settings, 'gpuLayers' | 'cpuExpertLayers' | 'contextSize' | 'threads'>;
	readonly weights: ModelWeights;
	/** Bytes of the whole KV cache and recurrent state. */
	readonly cache?: Sides | undefined;
	/** Tokens that are in it. */
	readonly fillTokens?: number | undefined;
};

/** What has to be done for one token, as plain numbers. */
export type Work = {
	readonly gpuBytes: number;
	readonly cpuBytes: number;
	/** `cpuBytes` weighed by what their types cost a CPU; a Q8_0 byte is 1. */
	readonly cpuCost: number;
	readonly threads: number;
	/** Layers that the token goes through. */
	readonly blocks: number;
	/** Parameters that take part. */
	readonly gpuParameters: number;
	readonly cpuParameters: number;
};

const totalBytes = ({sizes}: ModelWeights): number =>
	sizes.inputBytes + sizes.outputBytes - (sizes.tiedBytes ?? 0) + sizes.blocks.reduce((sum, {bytes}) => sum + bytes, 0);

export const workOf = ({settings, weights, cache, fillTokens = usualFillTokens}: Load): Work => {
	const {shared, experts} = activeBytes(settings, weights);
	const fill = Math.min(1, fillTokens / settings.contextSize);
	const cached = {gpu: (cache?.gpu ?? 0) * fill, cpu: (cache?.cpu ?? 0) * fill};
	const parametersPerByte = weights.parameters / Math.max(1, totalBytes(weights));
	return {
		gpuBytes: shared.gpu + experts.gpu + cached.gpu,
		cpuBytes: shared.cpu + experts.cpu + cached.cpu,
		cpuCost: shared.cpu * meanCost(weights.types?.shared) + experts.cpu * meanCost(weights.types?.experts) + cached.cpu,
		threads: Math.max(1, settings.threads),
		blocks: weights.sizes.blocks.length,
		gpuParameters: (shared.gpu + experts.gpu) * parametersPerByte,
		cpuParameters: (shared.cpu + experts.cpu) * parametersPerByte,
	};
};

/** Seconds that `amount` takes; undefined: it takes some, but nobody knows how long. */
const timeOf = (amount: number, perSecond: number | undefined): number | undefined => {
	if (amount <= 0) return 0;
	return perSecond === undefined ? undefined : amount / perSecond;
};

/** A side's weights are read, or computed with, whichever takes longer: bytes ÷ bandwidth, or cost ÷ what the threads get through. */
const cpuSeconds = (speeds: Speeds, {cpuBytes, cpuCost, threads}: Work): number | undefined => {
	const read = timeOf(cpuBytes, speeds.cpuBytesPerSecond);
	const {threadBytesPerSecond} = speeds;
	const computed = threadBytesPerSecond === undefined ? read : timeOf(cpuCost, threads * threadBytesPerSecond);
	return read === undefined ? undefined : Math.max(read, computed ?? 0);
};

/** What a layer takes whatever its size: 8 to 48 layers of 0.5 to 3 MB on an AMD EPYC (Zen 4), one thread. Only tiny models notice. */
const blockOverheadMs = 0.025;

/** Without the correction of the model at hand. undefined: a speed that it needs is not known. */
export const secondsPerToken = (speeds: Speeds, work: Work): number | undefined => {
	const gpu = timeOf(work.gpuBytes, speeds.gpuBytesPerSecond);
	const cpu = cpuSeconds(speeds, work);
	return gpu === undefined || cpu === undefined ? undefined : gpu + cpu + (speeds.overheadMs + blockOverheadMs * work.blocks) / 1000;
};

/** Of generation. */
export const tokensPerSecond = (speeds: Speeds, load: Load): number | undefined => {
	const seconds = secondsPerToken(speeds, workOf(load));
	return seconds === undefined || seconds <= 0 ? undefined : (speeds.modelFactor ?? 1) / seconds;
};

/** Of reading a prompt, which is bound by computing: in proportion to the parameters that take part. undefined: not measured yet. */
export const promptTokensPerSecond = (speeds: Speeds, load: Load): number | undefined => {
	const {gpuParameters, cpuParameters} = workOf(load);
	const gpu = timeOf(gpuParameters, speeds.promptParametersPerSecond?.gpu);
	const cpu = timeOf(cpuParameters, speeds.promptParametersPerSecond?.cpu);
	return gpu === undefined || cpu === undefined || gpu + cpu <= 0 ? undefined : 1 / (gpu + cpu);
};
