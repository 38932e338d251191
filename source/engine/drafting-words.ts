import {rate} from '../lib/format.js';
import type {Drafting} from './types.js';

/** undefined: it was not. */
export const switchedOff = (drafting: Drafting | undefined): string | undefined => {
	if (!drafting?.off) return undefined;
	const {tokensPerSecondWith, tokensPerSecondWithout} = drafting.off;
	return `Drafting did not pay and was switched off: ${rate(tokensPerSecondWith)} tok/s with it, ${rate(tokensPerSecondWithout)} without.`;
};
