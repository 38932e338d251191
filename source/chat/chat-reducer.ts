import type {Answer, StopReason} from '../engine/types.js';
import type {ChatMessage} from './message.js';

export type ChatState = {
	readonly messages: readonly ChatMessage[];
	readonly system: string | undefined;
	/** What `clear` took away. */
	readonly cleared: readonly ChatMessage[];
	readonly nextId: number;
	/** The questions that wait are not asked until the user says so. */
	readonly isHeld: boolean;
};

export type ChatEvent =
	| {readonly type: 'asked'; readonly text: string}
	| {readonly type: 'answering'; readonly question: number}
	| {readonly type: 'wrote'; readonly text: string}
	| {readonly type: 'answered'; readonly answer: Answer}
	| {readonly type: 'stopped'}
	| {readonly type: 'failed'; readonly why: string}
	| {readonly type: 'noted'; readonly text: string; readonly tone: 'info' | 'warning' | 'error'}
	| {readonly type: 'held' | 'wentOn' | 'takenBack' | 'cleared'}
	| {readonly type: 'restored'}
	| {readonly type: 'withdrawn'; readonly from: number}
	| {readonly type: 'instructed'; readonly system: string | undefined};

export const emptyChat = (system: string | undefined): ChatState => ({messages: [], system, cleared: [], nextId: 1, isHeld: false});

const append = (state: ChatState, message: Omit<ChatMessage, 'id'>): ChatState => ({
	...state,
	messages: [...state.messages, {...message, id: state.nextId}],
	nextId: state.nextId + 1,
});

const replace = (state: ChatState, matches: (message: ChatMessage) => boolean, change: (message: ChatMessage) => ChatMessage): ChatState =>
	state.messages.some(matches)
		? {...state, messages: state.messages.map(message => (matches(message) ? change(message) : message))}
		: state;

export const isQueued = (message: ChatMessage) => message.state === 'queued';
const isStreaming = (message: ChatMessage) => message.state === 'streaming';

const endState: Record<StopReason, ChatMessage['state']> = {end: 'done', length: 'cut off', interrupted: 'stopped'};

export const chatReducer = (state: ChatState, event: ChatEvent): ChatState => {
	switch (event.type) {
		case 'asked':
			return append({...state, isHeld: false}, {role: 'user', text: event.text, state: 'queued'});
		case 'answering': {
			// The reply stands below its question, also where more questions wait.
			const at = state.messages.findIndex(({id}) => id === event.question);
			const question = state.messages[at];
			if (!question) return state;
			const reply: ChatMessage = {id: state.nextId, role: 'assistant', text: '', state: 'streaming'};
			const messages = [...state.messages.slice(0, at), {...question, state: 'done' as const}, reply, ...state.messages.slice(at + 1)];
			return {...state, messages, nextId: state.nextId + 1};
		}

		case 'wrote':
			return event.text === '' ? state : replace(state, isStreaming, message => ({...message, text: message.text + event.text}));
		case 'answered':
			return replace(state, isStreaming, message => ({
				...message,
				text: event.answer.text,
				state: endState[event.answer.stopReason],
			}));
		case 'stopped':
			return replace(state, isStreaming, message => ({...message, state: 'stopped'}));
		case 'failed': {
			const ended = replace(state, isStreaming, message => ({...message, state: 'failed'}));
			return append(ended, {role: 'notice', text: event.why, state: 'done', tone: 'error'});
		}

		case 'noted':
			return append(state, {role: 'notice', text: event.text, state: 'done', tone: event.tone});
		case 'held':
		case 'wentOn': {
			const isHeld = event.type === 'held' && state.messages.some(isQueued);
			return isHeld === state.isHeld ? state : {...state, isHeld};
		}

		case 'takenBack':
			return state.messages.some(isQueued)
				? {...state, messages: state.messages.filter(message => !isQueued(message)), isHeld: false}
				: state;
		case 'cleared': {
			// What is written into an answer from now on must not reach it when it is back.
			const {messages} = replace(state, isStreaming, message => ({...message, state: 'stopped'}));
			return messages.length === 0 ? state : {...state, messages: [], cleared: messages, isHeld: false};
		}

		case 'restored':
			return state.cleared.length === 0 ? state : {...state, messages: [...state.cleared, ...state.messages], cleared: []};
		case 'withdrawn': {
			// By place: where questions waited, an answer has a higher id than the questions below it.
			const at = state.messages.findIndex(({id}) => id === event.from);
			return at === -1 ? state : {...state, messages: state.messages.slice(0, at)};
		}

		case 'instructed':
			return event.system === state.system ? state : {...state, system: event.system};
	}
};
