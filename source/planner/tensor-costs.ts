import {type CacheType, type Kernel, kernelKey} from '../engine/types.js';
import type {Costs, KernelCosts, ModelWeights, TypeBytes} from './types.js';

/**
What a byte of a tensor type costs one CPU thread, compared with a byte of Q8_0: when one token is generated, and when a prompt is read (where the same weights
serve many tokens, and unpacking them and multiplying is all there is).

Measured with llama.cpp v0.5.0 on one thread of an AMD EPYC (Zen 4, AVX-512), as CPU time, models of 90 to 800 MB with random weights whose scales differ
from block to block as those of real ones do (on x86 llama.cpp looks scales up in a table that is larger than the first cache). Other machines differ: what is
left over goes into the correction of each model. It matters where few threads do not use up the RAM's bandwidth, and where the native hooks cannot measure what
it is here (on an Intel Xeon with AMX a byte of F16 costs 1.4, of Q4_1 1.1, of Q6_K 2.3).
*/
const costs: Readonly<Record<string, Costs>> = {
	F32: {token: 0.7, prompt: 0.65},
	F16: {token: 0.65, prompt: 1.2},
	BF16: {token: 0.7, prompt: 0.7},
	Q8_0: {token: 1, prompt: 1},
	Q6_K: {token: 1.05, prompt: 1.9},
	Q5_K: {token: 1.45, prompt: 3},
	Q5_1: {token: 1.95, prompt: 3.4},
	Q5_0: {token: 1.65, prompt: 1.8},
	Q4_K: {token: 1.25, prompt: 1.5},
	Q4_1: {token: 2.15, prompt: 3.4},
	Q4_0: {token: 1.05, prompt: 1.5},
	IQ4_NL: {token: 1.2, prompt: 1.4},
	IQ4_XS: {token: 1.8, prompt: 1.2},
	MXFP4: {token: 1.35, prompt: 1.6},
	Q3_K: {token: 1.9, prompt: 4.3},
	Q2_K: {token: 1.6, prompt: 3.4},
	IQ3_S: {token: 5, prompt: 1.9},
	IQ3_XXS: {token: 4.8, prompt: 2.1},
	IQ2_XS: {token: 4.7, prompt: 2.8},
	IQ2_XXS: {token: 5.4, prompt: 3},
	IQ2_S: {token: 4.2, prompt: 2.5},
	IQ1_S: {token: 7, prompt: 3.7},
};

/** A mix like Q4_K_M. */
const usualCosts: Costs = {token: 1.3, prompt: 1.6};

/** Tokens of a prompt go to different experts: fewer of them share what is unpacked. */
const promptExpertsCost = 1.8;

const costsOf = (type: string, kind: 'weights' | 'experts', measured: KernelCosts): Costs => {
	const {token, prompt} = costs[type] ?? usualCosts;
	return measured[kernelKey({kind, type})] ?? {token, prompt: prompt * (kind === 'experts' ? promptExpertsCost : 1)};
};

/** To so many threads, compared with Q8_0 weights with as many. */
export const tokenCost = ({token, threadsExponent = 0}: Costs, threads: number): number => token * threads ** -threadsExponent;

/** The means over bytes; 1 for a model of Q8_0 only. */
export const meanCosts = (
	types: TypeBytes | undefined,
	kind: 'weights' | 'experts',
	threads = 1,
	measured: KernelCosts = {},
): Pick<Costs, 'token' | 'prompt'> => {
	const entries = Object.entries(types ?? {});
	const bytes = entries.reduce((sum, [, size]) => sum + size, 0);
	if (bytes <= 0) return costsOf('', kind, {});
	const mean = (of: (costs: Costs) => number) =>
		entries.reduce((sum, [type, size]) => sum + of(costsOf(type, kind, measured)) * size, 0) / bytes;
	return {token: mean(costs => tokenCost(costs, threads)), prompt: mean(({prompt}) => prompt)};
};

export const isHalfPrecision = (type: CacheType): boolean => type === 'f16' || type === 'bf16';

/**
The same of a byte of the KV cache, for each head that reads it: a key and a value of 64 numbers took 24 ns in half precision, 37 ns in q8_0.

What is smaller than q8_0 is not faster: at 800 tokens of context the guide model's attention took 1.2 (q4_0) to 2.5 times as long (iq4_nl) as with q8_0 (Intel Xeon, AVX-512).
*/
const attentionCosts: Readonly<Record<CacheType, number>> = {
	f32: 1.75,
	f16: 1.75,
	bf16: 1.75,
	q8_0: 5,
	q5_1: 14.5,
	q5_0: 16,
	q4_1: 14,
	q4_0: 11,
	iq4_nl: 23,
};

export const attentionCost = (type: CacheType): number => attentionCosts[type];

/** Tokens of a prompt go through it in tiles. */
export const promptAttentionCost = 4;

/** Of weights the types that make up less are not worth the time to measure them. */
const leastShare = 0.02;
/** Numbers that a quantized KV cache keeps together. */
const quantizedBlock = 32;

/** All that a prediction for a model needs the costs of. */
export const kernelsOf = ({types, attention}: ModelWeights, cacheTypes: readonly CacheType[]): readonly Kernel[] => {
	const typesIn = (bytes: TypeBytes = {}) => {
		const total = Object.values(bytes).reduce((sum, size) => sum + size, 0);
		// llama.cpp would end the process over a type that its CPU part does not compute with.
		return Object.keys(bytes).filter(type => type in costs && (bytes[type] ?? 0) >= leastShare * total);
	};
	const isWhole = (type: CacheType) => isHalfPrecision(type) || type === 'f32' || (attention?.headSize ?? 0) % quantizedBlock === 0;
	return [
		...typesIn(types?.shared).map(type => ({kind: 'weights' as const, type})),
		...typesIn(types?.experts).map(type => ({kind: 'experts' as const, type})),
		...(attention ? [...new Set(cacheTypes)].filter(isWhole).map(type => ({kind: 'attention' as const, type, ...attention})) : []),
	];
};

export const bytesByType = (tensors: Iterable<{readonly type: string; readonly sizeBytes: number}>): TypeBytes => {
	const byType: Record<string, number> = {};
	for (const {type, sizeBytes} of tensors) byType[type] = (byType[type] ?? 0) + sizeBytes;
	return byType;
};
