import {availableParallelism} from 'node:os';
import type {LlamaContext} from 'node-llama-cpp';
import {createThreadTrial, firstThreads, type ThreadChoices, type ThreadTrial, threadChoices} from './thread-trial.js';

/**
Internals of node-llama-cpp 3.22.1: what a context gives every batch, and what it has kept of it while batches follow each other closely. `llama.maxThreads` is the
public way, but is shared out among contexts that have computed lately: with a draft model each would get half.
*/
type WithThreads = {_idealThreads: number; readonly _threadSplitterConsumer?: {_wantedThreads: number}};

const setThreads = (context: LlamaContext, threads: number) => {
	const inside = context as unknown as WithThreads;
	inside._idealThreads = threads;
	const {_threadSplitterConsumer: kept} = inside;
	if (kept) kept._wantedThreads = threads;
};

/** With how many threads llama.cpp computes: as many as it was told, or, with `auto`, as turns out to be fastest while answers are written. */
export const createThreads = ({hasScreen}: {readonly hasScreen: boolean}) => {
	let contexts: readonly LlamaContext[] = [];
	let fixed: number | undefined;
	let choices: ThreadChoices = {start: 1, fewer: [], more: undefined};
	let trial: ThreadTrial | undefined;
	let isTrying = false;

	const use = (threads: number) => {
		for (const context of contexts) setThreads(context, threads);
	};
	const now = () => fixed ?? trial?.threads() ?? choices.start;

	return {
		/** While a token of an answer is computed. */
		now,
		/** What `auto` begins with. */
		first: (mathCores: number): number => firstThreads(mathCores, availableParallelism()),
		/** There are other weights, or in another place. */
		forget() {
			trial = undefined;
		},
		/** For contexts that are to be made. `matter`: something is computed on the CPU. */
		begin(mathCores: number, wanted: number | 'auto', matter: boolean) {
			fixed = wanted === 'auto' ? undefined : wanted;
			const cores = availableParallelism();
			choices = threadChoices({mathCores, cores, most: hasScreen ? cores - 1 : cores});
			if (wanted !== 'auto' || !matter) trial = undefined;
			else trial ??= createThreadTrial(choices);
		},
		/** They compute by turns, with the same threads. */
		rule(made: readonly LlamaContext[]) {
			contexts = made;
		},
		/** From the next batch on, whatever it is part of. */
		set(threads: number) {
			fixed = threads;
			use(threads);
		},
		/** A prompt is bound by computing, an answer by reading: fewer threads are no gain here. */
		beginPrompt(): number {
			isTrying = false;
			use(fixed ?? choices.start);
			return fixed ?? choices.start;
		},
		/**
		`mayTry` is false where tokens come several at once, and where the answer has to be the same every time: with another number of threads llama.cpp's flash
		attention adds up in another order (from 512 tokens of context on, `use_split_kv_path` in its `ops.cpp`).
		*/
		beginAnswer(mayTry: boolean) {
			isTrying = mayTry;
			trial?.interrupt();
			use(now());
		},
		/** What single tokens of the answer take is asked for. */
		isTrying: (): boolean => isTrying && fixed === undefined && trial?.isSettled() === false,
		/** A token of the answer took so long. */
		wrote(ms: number) {
			if (!isTrying || fixed !== undefined) return;
			trial?.add(ms);
			use(now());
		},
	};
};

export type Threads = ReturnType<typeof createThreads>;
