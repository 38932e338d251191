import type {Answer, MemorySplit, ModelFacts, Settings} from '../engine/types.js';
import type {Observation} from './calibration.js';
import {type Distress, distressOf} from './distress.js';

type Options = {
	readonly observe: (observation: Observation) => void;
	readonly advise: (distress: Distress, model: ModelFacts, settings: Settings) => Promise<void>;
	/** Bytes that this process has read from the disk; undefined: the system does not tell. */
	readonly diskBytes: () => number | undefined;
};

/** Shorter answers say more of the clock than of the machine. */
const fewestTokens = 16;

/** Learns from every answer how fast the machine is, and notices those that went badly. */
export const createAnswerLearner = ({observe, advise, diskBytes}: Options) => {
	let readBefore = diskBytes();
	return {
		/** What a load reads from the disk is not paging. */
		forgetReads() {
			readBefore = diskBytes();
		},
		/** `cache`: what the whole KV cache takes; undefined: not known, and nothing is learned of the speed. */
		learn({prompt, generation, contextUsed}: Answer, model: ModelFacts, settings: Settings, cache: Promise<MemorySplit | undefined>) {
			const {tokens, ms} = generation;
			const tokensPerSecond = ((tokens - 1) / ms) * 1000;
			const read = diskBytes();
			const readBytes = read === undefined || readBefore === undefined ? undefined : read - readBefore;
			readBefore = read;
			const distress = distressOf({tokens, tokensPerSecond, diskBytes: readBytes});
			if (distress) void advise(distress, model, settings);
			if (tokens < fewestTokens) return;
			const observeWith = (known: MemorySplit | undefined) =>
				known &&
				observe({
					model: model.path,
					settings,
					weights: model.weights,
					cache: {gpu: known.vramBytes, cpu: known.ramBytes},
					fillTokens: contextUsed - tokens / 2,
					tokensPerSecond,
					prompt: {tokens: prompt.tokens, tokensPerSecond: (prompt.tokens / prompt.ms) * 1000},
				});
			void cache.then(observeWith);
		},
	};
};
