import type {LlamaContextSequence, SequenceEvaluateOptions, Token} from 'node-llama-cpp';
import type {Threads} from './llama-threads.js';
import type {NativeModule, TokenLoop} from './native-hooks.js';

export type RunAhead = {
	/** Its threads begin when the prompt is evaluated to its end. Nothing is computed beyond `maxTokens`. */
	readonly beginAnswer: (answer: {readonly maxTokens: number | undefined; readonly mayTryThreads: boolean}) => void;
};

/** Internals of node-llama-cpp 3.22.1: what a sequence knows of its tokens, and the way of all that takes some of them back. */
type Inside = {
	_contextTokens: Token[];
	_nextTokenIndex: number;
	readonly _tokenMeter: {_outputTokens: number};
	_eraseContextTokenRanges(...args: unknown[]): Promise<void>;
};

/** What is computed at once: longer than JavaScript takes to deal with it, shorter than anybody waits for text. */
const stepMs = 40;
const mostAtOnce = 1024;

const isOrdinary = ({xtc, repeatPenalty, dryRepeatPenalty, tokenBias, grammarEvaluationState: grammar}: SequenceEvaluateOptions): boolean =>
	!xtc && !repeatPenalty && !dryRepeatPenalty && !tokenBias && !(typeof grammar === 'function' ? grammar() : grammar);

/**
Lets the tokens of an answer be computed by the native hooks, several at a time, and the next ones while JavaScript deals with those before. Here and in node-llama-cpp
each token is at its place when its turn comes; those that are computed already and not wanted are taken back.
*/
export const runAhead = (native: NativeModule, sequence: LlamaContextSequence, threads: Threads): RunAhead => {
	const inside = sequence as unknown as Inside;
	const evaluatePlainly = sequence.evaluate.bind(sequence);
	const erase = inside._eraseContextTokenRanges.bind(sequence);
	let left = Number.POSITIVE_INFINITY;
	let mayTryThreads = false;
	let current: {readonly loop: TokenLoop; running?: Promise<Uint32Array> | undefined} | undefined;

	/** It was evaluated. */
	const keep = (token: Token) => {
		inside._contextTokens.push(token);
		inside._nextTokenIndex++;
		inside._tokenMeter._outputTokens++;
	};

	/** Nothing runs any more, and nothing is evaluated that the sequence does not know of. */
	const settle = async () => {
		const ending = current;
		current = undefined;
		if (!ending) return;
		native.stopLoop(ending.loop);
		await ending.running?.catch(() => {});
		native.cutLoop(ending.loop, sequence.nextTokenIndex);
	};

	async function* evaluate(tokens: Token[], options: SequenceEvaluateOptions = {}): AsyncGenerator<Token, void, undefined> {
		if (!isOrdinary(options)) {
			yield* evaluatePlainly(tokens, options);
			return;
		}

		const withoutSampling = {...options, _noSampling: true};
		for await (const _ of evaluatePlainly(tokens, withoutSampling));
		threads.beginAnswer(mayTryThreads);
		const {temperature = 0, topK = 40, topP = 0.95, minP = 0, seed = Math.floor(Math.random() * 2 ** 32)} = options;
		void sequence.context.currentThreads; // tells the hooks which context is meant
		const run: NonNullable<typeof current> = {loop: native.openLoop(temperature, topK, topP, minP, seed)};
		current = run;
		let latest: Token | undefined;
		const start = (token: number, most: number, ms: number) => {
			run.running = native.runLoop(run.loop, token, most, ms, threads.now());
			run.running.catch(() => {}); // may come before it is waited for
		};
		/** `behind`: tokens that are evaluated, and do not stand in the sequence yet. */
		const goOn = (token: Token, behind: number) => {
			const room = sequence.contextSize - 1 - sequence.nextTokenIndex - behind;
			const most = Math.min(room, threads.isTrying() ? 1 : Math.max(left, 1), mostAtOnce);
			if (most > 0) start(token, most, stepMs);
		};

		try {
			start(-1, 1, 0);
			while (run.running) {
				const sampled = [...(await run.running)] as Token[];
				run.running = undefined;
				left -= sampled.length;
				const last = sampled.at(-1) as Token;
				const isLast = left <= 0 || sequence.model.isEogToken(last);
				// Of a slow model there is little to gain, and whoever stops it would wait for another token.
				if (!isLast && sampled.length > 1) goOn(last, sampled.length - (latest === undefined ? 1 : 0));
				for (const token of sampled) {
					if (latest !== undefined) keep(latest);
					latest = token;
					yield token;
					if (current !== run) break;
				}

				if (current !== run) break;
				if (!run.running) goOn(last, 0);
			}
		} finally {
			if (current === run) await settle();
		}

		// Somebody has cut the conversation, or there is no room: node-llama-cpp knows what to forget.
		if (latest !== undefined) yield* evaluatePlainly([latest], options);
	}

	Object.assign(sequence, {
		evaluate,
		async _eraseContextTokenRanges(...args: unknown[]) {
			await settle();
			return erase(...args);
		},
	});

	return {
		beginAnswer(answer) {
			left = answer.maxTokens ?? Number.POSITIVE_INFINITY;
			mayTryThreads = answer.mayTryThreads;
		},
	};
};
