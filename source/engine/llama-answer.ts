import type {ChatHistoryItem, LlamaChatSession, LlamaContextSequence, LlamaModel, Token} from 'node-llama-cpp';
import {EngineError, isAborted} from './engine-errors.js';
import type {Drafter} from './llama-drafter.js';
import type {RunAhead} from './llama-run-ahead.js';
import type {Threads} from './llama-threads.js';
import {createSteadyPart} from './steady-part.js';
import type {Answer, AnswerEvent, Call, Engine} from './types.js';

/** What a conversation is held with. */
export type Talk = {
	readonly model: LlamaModel;
	readonly sequence: LlamaContextSequence;
	readonly chat: LlamaChatSession;
	readonly drafter: Drafter | undefined;
	readonly ahead: RunAhead | undefined;
	readonly threads: Threads;
};

type Question = Parameters<Engine['answer']>[0];

/** What has to be left for an answer to be worth the name. */
const leastAnswerTokens = 16;

/**
Evaluates what the context lacks of `tokens`, all but the last one, batch by batch: so it can be watched and stopped. `leavesLastBatch`: what follows evaluates it with
the last token, which would cost an evaluation of its own.
*/
const evaluateMissing = async (target: LlamaContextSequence, tokens: Token[], call: Call<AnswerEvent>, leavesLastBatch = false) => {
	const known = target.compareContextTokens(tokens).firstDifferentIndex;
	const missing = tokens.slice(known, -1);
	if (tokens.length >= target.contextSize || missing.length === 0) return 0;
	await target.adaptStateToTokens(tokens.slice(0, known), false);
	const first = target.nextTokenIndex; // below `known` where the model cannot forget part of its state
	const batchSize = target.context.batchSize;
	for (let start = first; start < tokens.length - 1; start += batchSize) {
		call.onEvent?.({type: 'processing', done: start - first, total: tokens.length - first});
		if (call.signal?.aborted) throw new EngineError('aborted', 'Stopped.');
		if (leavesLastBatch && start + batchSize >= tokens.length) break;
		await target.evaluateWithoutGeneratingNewTokens(tokens.slice(start, Math.min(start + batchSize, tokens.length - 1)));
	}

	return tokens.length - 1 - first;
};

const tokensOf = ({chat, model}: Talk, chatHistory: ChatHistoryItem[]): Token[] =>
	chat.chatWrapper.generateContextState({chatHistory}).contextText.tokenize(model.tokenizer);

/** Evaluates what was said before; gives the number of tokens that had to be, or, stopped, of those that the context has now. */
export const replay = async (talk: Talk, call: Call<AnswerEvent>): Promise<number> => {
	const chatHistory = talk.chat.getChatHistory();
	talk.threads.beginPrompt();
	if (chatHistory.length === 0) return 0;
	return evaluateMissing(talk.sequence, tokensOf(talk, chatHistory), call).catch(error => {
		if (isAborted(error)) return talk.sequence.nextTokenIndex;
		throw error;
	});
};

export const answer = async (talk: Talk, {prompt, sampling, maxTokens}: Question, call: Call<AnswerEvent>): Promise<Answer> => {
	const {chat, sequence: target, drafter, ahead, threads} = talk;
	const {signal, onEvent} = call;
	const startedAt = performance.now();
	const before = target.tokenMeter.getState();
	let firstTokenAt: number | undefined;
	let lastTokenAt = startedAt;
	let promptTokens = 0;
	let tokens = 0;
	let tokensAtFirst = 0;
	const used = () => target.tokenMeter.diff(before);
	const asked: ChatHistoryItem[] = [
		{type: 'user', text: prompt},
		{type: 'model', response: []},
	];
	const history = chat.getChatHistory();
	const all = tokensOf(talk, [...history, ...asked]);
	const system = history.filter(({type}) => type === 'system');
	const alone = (system.length === history.length ? all : tokensOf(talk, [...system, ...asked])).length;
	if (alone > target.contextSize - leastAnswerTokens) {
		throw new EngineError('unsupported', `The question is too long: ${alone} tokens, and the context has ${target.contextSize}.`, {
			advice: 'Use a larger context, or a shorter question.',
		});
	}

	const promptThreads = threads.beginPrompt();
	await evaluateMissing(target, all, call, true);
	if (drafter?.drafts) await evaluateMissing(drafter.drafts, all, {signal});
	drafter?.beginAnswer();
	const mayTryThreads = !drafter && sampling.temperature > 0 && sampling.seed === undefined;
	ahead?.beginAnswer({maxTokens, mayTryThreads});
	const steady = createSteadyPart();
	const {responseText, stopReason} = await chat.promptWithMeta(prompt, {
		...sampling,
		repeatPenalty: false, // as llama.cpp's default; node-llama-cpp would punish repetition
		maxTokens,
		signal,
		stopOnAbortSignal: true,
		onResponseChunk(chunk) {
			const previous = {at: lastTokenAt, tokens};
			lastTokenAt = performance.now();
			// Not those of the chunk: tokens that are no whole characters yet, or never become any, are left out of it.
			tokens = drafter?.tokens() ?? used().usedOutputTokens;
			if (firstTokenAt === undefined) {
				firstTokenAt = lastTokenAt;
				tokensAtFirst = tokens;
				promptTokens = used().usedInputTokens + 1;
				if (!ahead) threads.beginAnswer(mayTryThreads);
			} else if (tokens > previous.tokens) {
				threads.wrote((lastTokenAt - previous.at) / (tokens - previous.tokens));
			}

			const contextUsed = target.nextTokenIndex;
			steady.wrote({atMs: lastTokenAt, tokens, contextUsed, threads: threads.now(), isTrying: threads.isTrying()});
			onEvent?.({
				type: 'text',
				text: chunk.type === 'segment' ? '' : chunk.text,
				tokens,
				contextUsed,
				drafting: drafter?.report(),
				threads: threads.now(),
			});
		},
	});
	const ms = lastTokenAt - (firstTokenAt ?? lastTokenAt);
	return {
		text: responseText,
		stopReason: stopReason === 'abort' ? 'interrupted' : stopReason === 'maxTokens' ? 'length' : 'end',
		prompt: {tokens: promptTokens, ms: (firstTokenAt ?? lastTokenAt) - startedAt, threads: promptThreads},
		generation: {
			tokens,
			ms,
			tokensPerSecond: tokens > tokensAtFirst && ms > 0 ? ((tokens - tokensAtFirst) * 1000) / ms : undefined,
			firstTokenMs: (firstTokenAt ?? lastTokenAt) - startedAt,
		},
		steady: steady.read(threads.now(), target.nextTokenIndex),
		contextUsed: target.nextTokenIndex,
		forgot: all.length + tokens >= target.contextSize,
		drafting: drafter?.report(),
	};
};
