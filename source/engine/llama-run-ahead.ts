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

/** What comes to JavaScript at once: longer than it takes to deal with it, shorter than anybody waits for text. */
const stepMs = 40;

const isOrdinary = ({xtc, repeatPenalty, dryRepeatPenalty, tokenBias, grammarEvaluationState: grammar}: SequenceEvaluateOptions): boolean =>
	!xtc && !repeatPenalty && !dryRepeatPenalty && !tokenBias && !(typeof grammar === 'function' ? grammar() : grammar);

/**
Lets the tokens of an answer be computed by the native hooks, several at a time, and the next ones while JavaScript deals with those before: what comes after these is
queued already, so that the compute threads never wait for JavaScript. Here and in node-llama-cpp each token is at its place when its turn comes; those that are computed
already and not wanted are taken back.
*/
export const runAhead = (native: NativeModule, sequence: LlamaContextSequence, threads: Threads): RunAhead => {
	const inside = sequence as unknown as Inside;
	const evaluatePlainly = sequence.evaluate.bind(sequence);
	const erase = inside._eraseContextTokenRanges.bind(sequence);
	let left = Number.POSITIVE_INFINITY;
	let mayTryThreads = false;
	let current: {readonly loop: TokenLoop; readonly queue: Array<Promise<Uint32Array>>} | undefined;

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
		await Promise.allSettled(ending.queue);
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
		// The last token that is sampled is not evaluated, and node-llama-cpp keeps one cell free.
		const most = Math.min(Math.max(left, 1), sequence.contextSize - sequence.nextTokenIndex);
		const run: NonNullable<typeof current> = {loop: native.openLoop(temperature, topK, topP, minP, seed, most), queue: []};
		current = run;
		let latest: Token | undefined;
		const queueUpTo = (count: number, ms: number) => {
			while (run.queue.length < count) {
				const step = native.runLoop(run.loop, ms, threads.now());
				step.catch(() => {}); // may come before it is waited for
				run.queue.push(step);
			}
		};

		try {
			queueUpTo(1, 0);
			for (;;) {
				const sampled = [...((await run.queue[0]) ?? [])] as Token[];
				run.queue.shift();
				left -= sampled.length;
				if (sampled.length === 0) break;
				// Of a slow model there is little to gain, and whoever stops it would wait for another token.
				if (sampled.length > 1) queueUpTo(2, stepMs);
				for (const token of sampled) {
					if (latest !== undefined) keep(latest);
					latest = token;
					yield token;
					if (current !== run) break;
				}

				if (current !== run) break;
				queueUpTo(1, threads.isTrying() ? 0 : stepMs);
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
