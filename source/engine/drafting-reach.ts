/** Tokens that are guessed ahead at once. Where memory is what evaluating costs, 16 tokens take hardly longer than one. */
export const reaches = {first: 4, least: 2, most: 16} as const;

/** Twice as far when all was right, else no further than what was right. */
export const nextReach = (guessed: number, accepted: number): number =>
	accepted === guessed ? Math.min(guessed * 2, reaches.most) : Math.max(accepted, reaches.least);

/** Below this probability a draft model does not believe in its guess itself (node-llama-cpp's `DraftSequenceTokenPredictor` has the same). */
export const leastConfidence = 0.6;
