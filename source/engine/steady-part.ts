import type {Answer} from './types.js';

type Written = {readonly atMs: number; readonly tokens: number; readonly threads: number; readonly isTrying: boolean};

/** Tokens that were computed together come together: only the last of them comes when it is there. */
export const togetherMs = 0.5;

/** Follows an answer for its last part that was computed with one number of threads; while numbers are tried out, tokens come one by one, which is slower. */
export const createSteadyPart = () => {
	let first: Written | undefined;
	let last: Written | undefined;
	return {
		/** So many tokens in all are there, the last of them computed with so many threads. */
		wrote(now: Written) {
			const isOther = first?.threads !== now.threads || first.isTrying !== now.isTrying;
			const isBeginning = last !== undefined && first === last && now.atMs - last.atMs < togetherMs;
			if (isOther || isBeginning) first = now;
			last = now;
		},
		/** `threads`: where nothing was written. */
		read(threads: number): Answer['steady'] {
			if (!first || !last) return {threads, tokens: 0, tokensPerSecond: undefined};
			const [tokens, ms] = [last.tokens - first.tokens, last.atMs - first.atMs];
			return {threads: first.threads, tokens, tokensPerSecond: tokens > 0 && ms > 0 ? (tokens * 1000) / ms : undefined};
		},
	};
};
