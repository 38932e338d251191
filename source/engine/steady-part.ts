import type {Answer} from './types.js';

type Written = {
	readonly atMs: number;
	readonly tokens: number;
	readonly contextUsed: number;
	readonly threads: number;
	readonly isTrying: boolean;
};

type Part = {readonly first: Written; readonly last: Written};

/** Tokens that were computed together come together: only the last of them comes when it is there. */
export const togetherMs = 0.5;

const tokensOf = ({first, last}: Part): number => last.tokens - first.tokens;

const isSameWay = (a: Written, b: Written): boolean => a.threads === b.threads && a.isTrying === b.isTrying;

/** Follows an answer for its longest part that was computed with one number of threads; while numbers are tried out, tokens come one by one, which is slower. */
export const createSteadyPart = () => {
	let part: Part | undefined;
	let longest: Part | undefined;
	return {
		/** So many tokens in all are there, the last of them computed with so many threads. */
		wrote(now: Written) {
			const isBeginning = part !== undefined && part.first === part.last && now.atMs - part.last.atMs < togetherMs;
			part = part && isSameWay(part.first, now) && !isBeginning ? {first: part.first, last: now} : {first: now, last: now};
			if (!longest || tokensOf(part) >= tokensOf(longest)) longest = part;
		},
		/** `threads`, `contextUsed`: where nothing was written. */
		read(threads: number, contextUsed: number): Answer['steady'] {
			if (!longest) return {threads, tokens: 0, tokensPerSecond: undefined, fillTokens: contextUsed};
			const {first, last} = longest;
			const [tokens, ms] = [tokensOf(longest), last.atMs - first.atMs];
			return {
				threads: first.threads,
				tokens,
				tokensPerSecond: tokens > 0 && ms > 0 ? (tokens * 1000) / ms : undefined,
				fillTokens: (first.contextUsed + last.contextUsed) / 2,
			};
		},
	};
};
