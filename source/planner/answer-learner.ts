import type {Answer, ModelFacts, Settings} from '../engine/types.js';
import {createReadMeter} from '../monitor/disk-reads.js';
import type {Observation} from './calibration.js';
import {type Distress, distressOf} from './distress.js';
import type {Held} from './memory.js';

type Options = {
	readonly observe: (observation: Observation) => Promise<void>;
	readonly advise: (distress: Distress, model: ModelFacts, settings: Settings) => Promise<void>;
	/** Bytes that this process has read from the disk; undefined: the system does not tell. */
	readonly diskBytes: () => number | undefined;
};

/** What has fewer says more of the clock than of the machine. */
export const fewestTokens = 16;

/** Weights that are read from the disk first, after a load or for want of RAM, hide how fast a prompt is computed. */
const mostReadOfWeights = 0.05;

/** What an answer says of the machine. `readBytes`: what was read from the disk since the load. undefined: nothing. */
export const observationOf = (
	{prompt, generation, steady, drafting}: Answer,
	model: ModelFacts,
	settings: Settings,
	held: Held,
	readBytes: number | undefined,
): Observation | undefined =>
	// Guesses that came true say nothing of bandwidths.
	(drafting?.drafted ?? 0) > 0
		? undefined
		: {
				model: model.path,
				settings: {...settings, threads: steady.threads},
				weights: model.weights,
				...held,
				fillTokens: steady.fillTokens,
				tokensPerSecond: steady.tokens < fewestTokens ? undefined : steady.tokensPerSecond,
				tokens: steady.tokens,
				roughTokensPerSecond: generation.tokensPerSecond,
				promptThreads: prompt.threads,
				prompt:
					(readBytes ?? 0) > mostReadOfWeights * model.sizeBytes
						? undefined
						: {tokens: prompt.tokens, tokensPerSecond: (prompt.tokens / prompt.ms) * 1000},
			};

/** Learns from every answer how fast the machine is, and notices those that went badly. */
export const createAnswerLearner = ({observe, advise, diskBytes}: Options) => {
	const reads = createReadMeter(diskBytes);
	return {
		/** What a load reads from the disk is not paging. */
		forgetReads() {
			reads.look();
		},
		/** `held` undefined: not known, and nothing is learned of the speed. Resolves when it is kept. */
		async learn(answer: Answer, model: ModelFacts, settings: Settings, held: Promise<Held | undefined>): Promise<void> {
			const readBytes = reads.look();
			const {tokens, tokensPerSecond} = answer.generation;
			if (tokensPerSecond === undefined) return;
			const distress = distressOf({tokens, tokensPerSecond, diskBytes: readBytes});
			if (distress) void advise(distress, model, settings);
			const known = await held;
			const observation = known && observationOf(answer, model, settings, known, readBytes);
			if (observation) await observe(observation);
		},
	};
};
