import type {TypeBytes} from './types.js';

/**
What a byte of a tensor type costs one CPU thread, compared with a byte of Q8_0.

Measured with llama.cpp v0.5.0 on one thread of an AMD EPYC (Zen 4, AVX-512), models of 60 to 700 MB, generation only,
the best of three runs beside other programs (a tenth up or down). Other machines differ: what is left
over goes into the correction of each model. It matters where few threads do not use up the RAM's bandwidth.
*/
const costs: Readonly<Record<string, number>> = {
	F32: 0.9,
	F16: 0.9,
	BF16: 0.9,
	Q8_0: 1,
	Q6_K: 1.05,
	Q5_K: 1.7,
	Q5_1: 1.6,
	Q5_0: 2,
	Q4_K: 1.5,
	Q4_1: 1.9,
	Q4_0: 1.3,
	IQ4_NL: 1.3,
	IQ4_XS: 2,
	MXFP4: 1.85,
	Q3_K: 2.2,
	Q2_K: 2,
	IQ3_S: 5.5,
	IQ3_XXS: 6,
	IQ2_XS: 5.5,
};

/** A mix like Q4_K_M. */
const usualCost = 1.5;
/** The types that were not measured (IQ1, IQ2) look their weights up in tables too. */
const tableCost = 5.5;

const costOf = (type: string): number => costs[type] ?? (type.startsWith('IQ') ? tableCost : usualCost);

/** The mean over bytes; 1 for a model of Q8_0 only. */
export const meanCost = (types: TypeBytes | undefined): number => {
	const entries = Object.entries(types ?? {});
	const bytes = entries.reduce((sum, [, size]) => sum + size, 0);
	return bytes > 0 ? entries.reduce((sum, [type, size]) => sum + costOf(type) * size, 0) / bytes : usualCost;
};

export const bytesByType = (tensors: Iterable<{readonly type: string; readonly sizeBytes: number}>): TypeBytes => {
	const byType: Record<string, number> = {};
	for (const {type, sizeBytes} of tensors) byType[type] = (byType[type] ?? 0) + sizeBytes;
	return byType;
};
