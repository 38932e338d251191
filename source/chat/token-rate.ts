import {createStore} from '../lib/store.js';

export type Rates = {
	/** Tokens per second over the last moments; undefined between answers. */
	readonly now: number | undefined;
	/** Tokens per second of the running answer, or of the last one. */
	readonly mean: number | undefined;
	/** From the question to the first token, as the user waited for it. */
	readonly firstTokenMs: number | undefined;
	/** Tokens per second, one value every `bucketMs` in which there was an answer; the newest last. */
	readonly history: readonly number[];
};

export type TokenRate = {
	/** A question was asked. */
	readonly begin: () => void;
	/** `tokens` in all, since the answer began. */
	readonly record: (tokens: number) => void;
	/** The answer is over; `measured`: tokens per second as the engine itself timed them. */
	readonly end: (measured?: number) => void;
	/** What was measured belongs to another model. */
	readonly reset: () => void;
	/** The same reference as long as nothing changed. */
	readonly read: () => Rates;
	/** Tells that tokens were recorded. */
	readonly subscribe: (listener: () => void) => () => void;
};

type Options = {readonly clock?: () => number; readonly windowMs?: number; readonly bucketMs?: number; readonly buckets?: number};
type Event = {readonly time: number; readonly tokens: number};

/** A slow model makes less than one token in the window: at least so many intervals are looked at. */
const leastIntervals = 4;
/** Two tokens 30 ms apart are no rate yet. */
const leastMs = 200;

const noRates: Rates = {now: undefined, mean: undefined, firstTokenMs: undefined, history: []};

const perSecond = (tokens: number, ms: number) => (tokens * 1000) / ms;

export const createTokenRate = ({
	clock = () => performance.now(),
	windowMs = 1500,
	bucketMs = 500,
	buckets = 120,
}: Options = {}): TokenRate => {
	let rates = noRates;
	let begunAt: number | undefined;
	let first: Event | undefined;
	let recent: Event[] = [];
	let nextBucketAt = 0;
	const recorded = createStore(0);

	const change = (news: Partial<Rates>) => {
		const next = {...rates, ...news};
		const isSame = (Object.keys(next) as Array<keyof Rates>).every(key => next[key] === rates[key]);
		if (!isSame) rates = next;
	};

	const baseIndexAt = (time: number) => {
		const beforeWindow = recent.findLastIndex(event => event.time <= time - windowMs);
		return Math.max(0, Math.min(beforeWindow, recent.length - 1 - leastIntervals));
	};

	const rateAt = (time: number) => {
		const [base, last] = [recent[baseIndexAt(time)], recent.at(-1)];
		if (!base || !last || last.tokens <= base.tokens || time - base.time < leastMs) return undefined;
		const tokens = last.tokens - base.tokens;
		// The next token has not come yet, so one more until now is the most that it can be: a stall shows at once, and a steady pace does not flicker between two tokens.
		return Math.min(perSecond(tokens, Math.max(1, last.time - base.time)), perSecond(tokens + 1, time - base.time));
	};

	const meanNow = () => {
		const last = recent.at(-1);
		if (!first || !last || last.time - first.time < leastMs) return undefined;
		return perSecond(last.tokens - first.tokens, last.time - first.time);
	};

	const fillBuckets = (time: number) => {
		const values: number[] = [];
		for (; first && nextBucketAt <= time; nextBucketAt += bucketMs) {
			const value = rateAt(nextBucketAt);
			if (value !== undefined) values.push(value);
		}

		if (values.length > 0) change({history: [...rates.history, ...values].slice(-buckets)});
	};

	return {
		begin() {
			begunAt = clock();
			first = undefined;
			recent = [];
			change({now: undefined, mean: undefined, firstTokenMs: undefined});
		},
		record(tokens) {
			if (begunAt === undefined) return;
			const time = clock();
			fillBuckets(time);
			recent.push({time, tokens});
			recent = recent.slice(baseIndexAt(time));
			if (!first) {
				first = {time, tokens};
				nextBucketAt = time + bucketMs;
				change({firstTokenMs: time - begunAt});
			}

			recorded.set(time);
		},
		end(measured) {
			if (begunAt === undefined) return;
			fillBuckets(clock());
			change({now: undefined, mean: measured ?? meanNow() ?? rates.mean});
			begunAt = undefined;
		},
		reset() {
			rates = noRates;
			begunAt = undefined;
		},
		subscribe: recorded.subscribe,
		read() {
			if (begunAt === undefined) return rates;
			const time = clock();
			fillBuckets(time);
			change({now: rateAt(time), mean: meanNow()});
			return rates;
		},
	};
};
