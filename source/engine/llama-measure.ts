import type {LlamaContextSequence, LlamaModel, Token} from 'node-llama-cpp';
import {EngineError} from './engine-errors.js';
import type {Call, Measured, Progress} from './types.js';

/**
An internal of node-llama-cpp 3.22.1, because nothing it shows computes logits without sampling from them. Sampling would cost what llama-bench does not count;
without logits llama.cpp leaves the output layer out, and a token would look up to half as cheap.
*/
type WithoutSampling = {
	_evaluate(
		tokens: Token[],
		metadata: object,
		options: {readonly generateNewTokens: true; readonly _noSampling: true},
	): AsyncIterable<unknown>;
};

/** The same tokens each time: of a mixture of experts it depends on them which experts are read. */
const createTokens = (vocabularySize: number) => {
	let state = 1;
	return (): Token => {
		state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff; // as `rand` of the C standard's example
		return (state % vocabularySize) as Token;
	};
};

/** Evaluates tokens without meaning in an empty context: what llama-bench's `pp` and `tg` do. */
export const measure = async (
	model: LlamaModel,
	sequence: LlamaContextSequence,
	{promptTokens, generatedTokens}: {readonly promptTokens: number; readonly generatedTokens: number},
	{signal, onEvent}: Call<Progress>,
): Promise<Measured> => {
	const total = promptTokens + generatedTokens;
	// node-llama-cpp keeps one cell free, and would begin to forget.
	if (total >= sequence.contextSize) {
		throw new EngineError(
			'unsupported',
			`A test of ${total} tokens needs a context of at least ${total + 1}, and there are ${sequence.contextSize}.`,
			{
				advice: 'Use a larger context.',
			},
		);
	}

	const random = createTokens([...model.iterateAllTokens()].length);
	const evaluate = async (tokens: Token[]) => {
		const run = (sequence as unknown as WithoutSampling)._evaluate(tokens, {}, {generateNewTokens: true, _noSampling: true});
		for await (const _ of run);
	};

	let done = 0;
	const timed = async (count: number, atOnce: number): Promise<number> => {
		const startedAt = performance.now();
		for (let left = count; left > 0; left -= atOnce) {
			if (signal?.aborted) throw new EngineError('aborted', 'Stopped.');
			const tokens = Array.from({length: Math.min(left, atOnce)}, random);
			const {bos} = model.tokens;
			if (done === 0 && bos !== null) tokens[0] = bos;
			await evaluate(tokens);
			done += tokens.length;
			onEvent?.({progress: done / total});
		}

		return performance.now() - startedAt;
	};

	await sequence.clearHistory();
	try {
		const promptMs = await timed(promptTokens, sequence.context.batchSize);
		return {promptMs, generationMs: await timed(generatedTokens, 1)};
	} finally {
		await sequence.clearHistory();
	}
};
