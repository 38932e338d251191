/** Numbers of threads: where to start, what to try below it, most first, and one above. */
export type ThreadChoices = {readonly start: number; readonly fewer: readonly number[]; readonly more: number | undefined};

type Cores = {
	/** Those that are made for computing: performance cores, without their second threads. */
	readonly mathCores: number;
	/** All that the system has. */
	readonly cores: number;
	/** The most that may be used. */
	readonly most: number;
};

/** One core is left to the rest of the machine at first: compute threads spin, and wait for each other when one is held up. */
export const firstThreads = (mathCores: number, cores: number): number => Math.max(1, Math.min(mathCores, cores - 1));

export const threadChoices = ({mathCores, cores, most}: Cores): ThreadChoices => {
	const start = firstThreads(mathCores, cores);
	const fewer = [0.75, 0.5, 0.25].map(share => Math.max(1, Math.round(share * start)));
	// Second threads of the same cores, or as many slower ones: seldom worth it.
	const more = Math.min(most, 2 * start);
	return {start, fewer: [...new Set(fewer)].filter(threads => threads < start), more: more > start ? more : undefined};
};

/** Differences up to this are noise, or not worth the cores. */
const sameWithin = 1.03;
/** A choice is given up early when even its fastest token is this much slower. */
const clearlySlower = 1.25;
const tokensOfRound = 7;
const tokensToGiveUp = 3;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Gives the threads of one round after the other, is told the milliseconds of a token in it, and returns the best. */
function* tryChoices({start, fewer, more}: ThreadChoices): Generator<number, number, number> {
	let msAtStart = yield start;
	let best = start;
	let msAtBest = msAtStart;
	let fastest = msAtStart;
	for (const threads of fewer) {
		const ms = yield threads;
		if (ms > fastest * sameWithin) break;
		best = threads;
		msAtBest = ms;
		fastest = Math.min(fastest, ms);
	}

	if (best === start && more !== undefined) {
		const ms = yield more;
		if (ms * sameWithin < msAtStart) {
			best = more;
			msAtBest = ms;
		}
	}

	if (best === start) return start;
	// Something else may have held the machine up while it was tried first.
	msAtStart = Math.min(msAtStart, yield start);
	const isBetter = best < start ? msAtBest <= msAtStart * sameWithin : msAtBest * sameWithin < msAtStart;
	return isBetter ? best : start;
}

/**
Finds out with how many threads tokens are fastest, while they are written: rounds of 7 tokens each, fewer threads step by step as long as that does not cost more than 3 %.
What else the machine does makes single tokens slower, so medians count; that the context grows meanwhile changes less than what is compared.
*/
export const createThreadTrial = (choices: ThreadChoices) => {
	const rounds = tryChoices(choices);
	let threads = rounds.next(0).value;
	let isSettled = choices.fewer.length === 0 && choices.more === undefined;
	let times: number[] = [];
	let fastest = Number.POSITIVE_INFINITY;
	let isFirst = true;
	let isChanged = false;

	const endRound = (ms: number) => {
		fastest = Math.min(fastest, ms);
		times = [];
		const next = rounds.next(ms);
		isChanged = next.value !== threads;
		isFirst = isChanged;
		threads = next.value;
		isSettled = next.done === true;
	};

	return {
		/** To go on with. */
		threads: () => threads,
		isSettled: () => isSettled,
		/** What comes next follows something else than a token. */
		interrupt() {
			isFirst = true;
			isChanged = false;
		},
		/**
		A token was written. The first one after a change is not counted, because threads had to be started, unless it takes as long as a whole round: threads that
		wait for a busy core can be fifty times slower.
		*/
		add(ms: number) {
			if (isSettled) return;
			if (isFirst) {
				isFirst = false;
				if (isChanged && ms > fastest * tokensOfRound) endRound(ms);
				return;
			}

			times.push(ms);
			const isExpensive = times.length >= tokensToGiveUp || ms > fastest * tokensOfRound;
			const isHopeless = isExpensive && Math.min(...times) > fastest * clearlySlower;
			if (times.length >= tokensOfRound || isHopeless) endRound(median(times));
		},
	};
};

export type ThreadTrial = ReturnType<typeof createThreadTrial>;
