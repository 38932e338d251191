import {describeError, isAborted} from '../engine/engine-errors.js';
import type {Conversation, EngineStore} from '../engine/engine-store.js';
import type {Message, Sampling} from '../engine/types.js';
import {createStore} from '../lib/store.js';
import {type ChatEvent, type ChatState, chatReducer, emptyChat} from './chat-reducer.js';
import type {TokenRate} from './token-rate.js';

type Options = {
	readonly engine: EngineStore;
	readonly rate: TokenRate;
	/** Asked for every answer: a model may bring its own. */
	readonly sampling: () => Sampling;
	readonly system: string | undefined;
	readonly maxTokens: number | undefined;
};

/** What the model has been told and has said: questions without an answer are not part of it. */
const toMessages = ({messages}: ChatState): Message[] => {
	const said = messages.filter(({role, text, state}) => role !== 'notice' && state !== 'queued' && text !== '');
	return said
		.filter(({role}, at) => role === 'assistant' || said[at + 1]?.role === 'assistant')
		.map(({role, text}) => ({role: role === 'user' ? 'user' : 'assistant', text}));
};

/** The conversation as it is seen, and its questions one by one to the engine whenever it is ready. */
export const createChatStore = ({engine, rate, sampling, system, maxTokens}: Options) => {
	const store = createStore<ChatState>(emptyChat(system));
	const tell = (event: ChatEvent) => store.update(state => chatReducer(state, event));
	let answering = false;

	const conversation = (): Conversation => ({system: store.get().system, messages: toMessages(store.get())});

	const answerNext = async () => {
		const question = store.get().messages.find(({state}) => state === 'queued');
		if (answering || !question || engine.get().phase.name !== 'ready') return;
		answering = true;
		tell({type: 'answering', question: question.id});
		rate.begin();
		try {
			const answer = await engine.answer({prompt: question.text, sampling: sampling(), maxTokens}, event => {
				if (event.type !== 'text') return;
				rate.record(event.tokens);
				tell({type: 'wrote', text: event.text});
			});
			const {tokens, ms, firstTokenMs} = answer.generation;
			tell({type: 'answered', answer, tokensPerSecond: tokens > 1 && ms > 0 ? ((tokens - 1) / ms) * 1000 : undefined});
			// The time of the first token belongs to the prompt.
			rate.end({tokens: tokens - 1, ms, firstTokenMs});
		} catch (error) {
			tell(isAborted(error) ? {type: 'stopped'} : {type: 'failed', why: describeError(error)});
		} finally {
			rate.end();
			answering = false;
		}

		void answerNext();
	};

	const unsubscribe = engine.subscribe(() => void answerNext());

	return {
		get: store.get,
		subscribe: store.subscribe,
		/** What a model that is loaded now should know. */
		conversation,
		/** Asks at once, or as soon as the engine is ready. */
		send(text: string) {
			tell({type: 'asked', text});
			void answerNext();
		},
		note(text: string, tone: 'info' | 'warning' | 'error' = 'info') {
			tell({type: 'noted', text, tone});
		},
		async clear() {
			tell({type: 'cleared'});
			await engine.setConversation(conversation());
		},
		async restore() {
			tell({type: 'restored'});
			await engine.setConversation(conversation());
		},
		/** Takes the last question and its answer back and asks it again. */
		async retry() {
			const last = store.get().messages.findLast(({role}) => role === 'user');
			if (!last) return;
			tell({type: 'withdrawn', from: last.id});
			await engine.setConversation(conversation());
			this.send(last.text);
		},
		async instruct(text: string | undefined) {
			tell({type: 'instructed', system: text});
			await engine.setConversation(conversation());
		},
		dispose: unsubscribe,
	};
};

export type ChatStore = ReturnType<typeof createChatStore>;
