import {describeError, isAborted} from '../engine/engine-errors.js';
import type {Conversation} from '../engine/engine-state.js';
import type {EngineStore} from '../engine/engine-store.js';
import type {Answer, Message, Sampling} from '../engine/types.js';
import {createStore} from '../lib/store.js';
import {type ChatEvent, type ChatState, chatReducer, emptyChat, isQueued} from './chat-reducer.js';
import type {TokenRate} from './token-rate.js';

type Options = {
	readonly engine: EngineStore;
	readonly rate: TokenRate;
	/** Asked for every answer: a model may bring its own. */
	readonly sampling: () => Sampling;
	readonly system: string | undefined;
	readonly maxTokens: number | undefined;
	/** Told of every answer that came to an end. */
	readonly onAnswered?: (answer: Answer) => void;
};

/** What the model has been told and has said: questions without an answer are not part of it. */
const toMessages = ({messages}: ChatState): Message[] => {
	const said = messages.filter(({role, text, state}) => role !== 'notice' && state !== 'queued' && text !== '');
	return said
		.filter(({role}, at) => role === 'assistant' || said[at + 1]?.role === 'assistant')
		.map(({role, text}) => ({role: role === 'user' ? 'user' : 'assistant', text}));
};

/** The conversation as it is seen, and its questions one by one to the engine whenever it is ready. */
export const createChatStore = ({engine, rate, sampling, system, maxTokens, onAnswered}: Options) => {
	const store = createStore<ChatState>(emptyChat(system));
	const tell = (event: ChatEvent) => store.update(state => chatReducer(state, event));
	let answering = false;

	const conversation = (): Conversation => ({system: store.get().system, messages: toMessages(store.get())});

	const answerNext = async () => {
		const {messages, isHeld} = store.get();
		const question = messages.find(isQueued);
		if (answering || isHeld || !question || engine.get().phase.name !== 'ready') return;
		answering = true;
		tell({type: 'answering', question: question.id});
		rate.begin();
		try {
			const answer = await engine.answer({prompt: question.text, sampling: sampling(), maxTokens}, event => {
				if (event.type !== 'text') return;
				rate.record(event.tokens);
				tell({type: 'wrote', text: event.text});
			});
			tell({type: 'answered', answer});
			rate.end(answer.generation.tokensPerSecond);
			onAnswered?.(answer);
		} catch (error) {
			tell(isAborted(error) ? {type: 'stopped'} : {type: 'failed', why: describeError(error)});
		} finally {
			rate.end();
			answering = false;
		}

		void answerNext();
	};

	/** Stops the answer that is being written, and nothing else. */
	const stopAnswer = () => {
		const {name} = engine.get().phase;
		if (name === 'processing' || name === 'writing') engine.cancel();
	};

	/** Where nothing changes the engine is not told, which would cost it all that it has evaluated. */
	const revise = async (event: ChatEvent) => {
		const before = store.get();
		tell(event);
		if (store.get() === before) return;
		try {
			await engine.setConversation(conversation);
		} catch (error) {
			if (!isAborted(error)) tell({type: 'noted', text: describeError(error), tone: 'error'});
		}
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
		/** Stops what the engine does; questions that wait behind an answer, or for the conversation to be evaluated again, then wait for `goOn`, or for the next question. */
		stop() {
			const {phase} = engine.get();
			if (answering || ('step' in phase && phase.step === 'evaluating')) tell({type: 'held'});
			engine.cancel();
		},
		goOn() {
			tell({type: 'wentOn'});
			void answerNext();
		},
		/** Takes the questions that wait out of the conversation. */
		takeBack(): readonly string[] {
			const waiting = store.get().messages.filter(isQueued);
			tell({type: 'takenBack'});
			return waiting.map(({text}) => text);
		},
		note(text: string, tone: 'info' | 'warning' | 'error' = 'info') {
			tell({type: 'noted', text, tone});
		},
		async clear() {
			stopAnswer();
			await revise({type: 'cleared'});
		},
		restore: async () => revise({type: 'restored'}),
		/** Takes the last question and its answer back and asks it again. */
		async retry() {
			const last = store.get().messages.findLast(({role}) => role === 'user');
			if (!last) return;
			stopAnswer();
			await revise({type: 'withdrawn', from: last.id});
			this.send(last.text);
		},
		instruct: async (text: string | undefined) => revise({type: 'instructed', system: text}),
		dispose: unsubscribe,
	};
};

export type ChatStore = ReturnType<typeof createChatStore>;
