import {rate} from '../lib/format.js';

/** Below that nobody waits for an answer. */
const slowTokensPerSecond = 0.5;
/** A disk needs 2 to 20 ms for it: more than a program reads by the way. */
const pagingBytesPerToken = 8 * 1024 ** 2;
const fewestTokens = 3;

export type Distress = {readonly kind: 'slow' | 'paging' | 'no memory'; readonly text: string};

export const noMemory: Distress = {kind: 'no memory', text: 'What would help:'};

/** Why advice comes by itself after an answer; undefined: it went well, or was too short to tell. */
export const distressOf = (answer: {
	readonly tokens: number;
	readonly tokensPerSecond: number;
	/** While it was written; undefined: not known. */
	readonly diskBytes: number | undefined;
}): Distress | undefined => {
	const {tokens, tokensPerSecond, diskBytes = 0} = answer;
	if (tokens < fewestTokens) return undefined;
	if (diskBytes >= pagingBytesPerToken * tokens) {
		return {kind: 'paging', text: 'Paging: the weights do not stay in RAM, and the disk was read for this answer. What would help:'};
	}

	return tokensPerSecond < slowTokensPerSecond
		? {kind: 'slow', text: `That was ${rate(tokensPerSecond)} tok/s. What would help:`}
		: undefined;
};
