import {rate} from '../lib/format.js';

/** Below that nobody waits for an answer. */
const slowTokensPerSecond = 0.5;
/** A fault reads 128 KiB ahead (Linux's default): this is 8 MiB from the disk for every token, more than programs fault by the way. */
const pagingFaultsPerToken = 64;
const fewestTokens = 3;

export type Distress = {readonly kind: 'slow' | 'paging' | 'no memory'; readonly text: string};

export const noMemory: Distress = {kind: 'no memory', text: 'What would help:'};

/** Why advice comes by itself after an answer; undefined: it went well, or was too short to tell. */
export const distressOf = (answer: {
	readonly tokens: number;
	readonly tokensPerSecond: number;
	/** While it was written; undefined: not known. */
	readonly majorFaults: number | undefined;
}): Distress | undefined => {
	const {tokens, tokensPerSecond, majorFaults = 0} = answer;
	if (tokens < fewestTokens) return undefined;
	if (majorFaults >= pagingFaultsPerToken * tokens) {
		return {kind: 'paging', text: 'Paging: the weights do not stay in RAM, and the disk was read for this answer. What would help:'};
	}

	return tokensPerSecond < slowTokensPerSecond
		? {kind: 'slow', text: `That was ${rate(tokensPerSecond)} tok/s. What would help:`}
		: undefined;
};
