/** Of one of llama.cpp's file types. */
export type Quantization = {
	readonly name: string;
	/** Mean over a whole file, embeddings and norms included. */
	readonly bitsPerWeight: number;
	/** Q2_K and below: answers become visibly worse (perplexity of Llama 3 8B +3.2 to +3.5, against +0.7 for Q3_K_M and +0.2 for Q4_K_M). */
	readonly losesMuch: boolean;
};

/** Between Q2_K (3.16) and IQ3_XXS (3.25). */
const leastGoodBits = 3.2;

const type = (name: string, bitsPerWeight: number): Quantization => ({name, bitsPerWeight, losesMuch: bitsPerWeight < leastGoodBits});

/**
From the largest to the smallest. Bits per weight as measured on Llama 3.1 8B in `tools/quantize/README.md` of llama.cpp v0.5.0; perplexities in its `quantize.cpp`.
Those that are not measured there are what the block itself takes (`ggml-common.h`: 5.0 for Q4_1, 4.25 for MXFP4 …), which files of them come close to.
Types that need a training of their own (Q1_0, Q2_0, TQ1_0, TQ2_0, NVFP4) are no choice for another file of the same model.
*/
export const quantizations: readonly Quantization[] = [
	type('F32', 32),
	type('F16', 16),
	type('BF16', 16),
	type('Q8_0', 8.5008),
	type('Q6_K', 6.5633),
	type('Q5_1', 6),
	type('Q5_K_M', 5.7036),
	type('Q5_K_S', 5.5704),
	type('Q5_0', 5.5),
	type('Q4_1', 5),
	type('Q4_K_M', 4.8944),
	type('IQ4_NL', 4.6818),
	type('Q4_K_S', 4.6672),
	type('Q4_0', 4.5),
	type('IQ4_XS', 4.4597),
	type('Q3_K_L', 4.2979),
	type('MXFP4', 4.25),
	type('Q3_K_M', 3.996),
	type('IQ3_M', 3.7628),
	type('IQ3_S', 3.6606),
	type('Q3_K_S', 3.6429),
	type('IQ3_XS', 3.4977),
	type('IQ3_XXS', 3.2548),
	type('Q2_K', 3.1593),
	type('Q2_K_S', 2.9697),
	type('IQ2_M', 2.9294),
	type('IQ2_S', 2.7403),
	type('IQ2_XS', 2.5882),
	type('IQ2_XXS', 2.3824),
	type('IQ1_M', 2.146),
	type('IQ1_S', 2.0042),
];

/** Other names of the same types, in llama.cpp's tools and in file names. */
const aliases: Readonly<Record<string, string>> = {MXFP4_MOE: 'MXFP4', Q3_K: 'Q3_K_M', Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M'};

/** By its name in files, in any case; undefined: not one that llama.cpp makes from other files. */
export const quantizationOf = (name: string): Quantization | undefined => {
	const upper = name.toUpperCase();
	return quantizations.find(candidate => candidate.name === (aliases[upper] ?? upper));
};

/** Bytes of a file of that type, to within some 5 %; a model with a large vocabulary takes a little more. */
export const sizeAt = (parameters: number, name: string): number | undefined => {
	const quantization = quantizationOf(name);
	return quantization && Math.round((parameters * quantization.bitsPerWeight) / 8);
};
