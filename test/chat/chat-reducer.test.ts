import {describe, expect, test} from 'vitest';
import {type ChatEvent, type ChatState, chatReducer, emptyChat} from '../../source/chat/chat-reducer.js';
import type {Answer, StopReason} from '../../source/engine/types.js';

const run = (...events: readonly ChatEvent[]): ChatState => events.reduce(chatReducer, emptyChat(undefined));

/** `who: text (state)`, the state where it is not done. */
const seen = ({messages}: ChatState) => messages.map(({role, text, state}) => `${role}: ${text}${state === 'done' ? '' : ` (${state})`}`);

const asked = (text: string): ChatEvent => ({type: 'asked', text});
const answering = (question: number): ChatEvent => ({type: 'answering', question});
const wrote = (text: string): ChatEvent => ({type: 'wrote', text});
const noted = (text: string): ChatEvent => ({type: 'noted', text, tone: 'info'});
const answered = (text: string, stopReason: StopReason = 'end'): ChatEvent => {
	const answer: Answer = {
		text,
		stopReason,
		prompt: {tokens: 7, ms: 70, threads: 4},
		generation: {tokens: 3, ms: 100, tokensPerSecond: 20, firstTokenMs: 70},
		steady: {threads: 4, tokens: 2, tokensPerSecond: 20, fillTokens: 9},
		forgot: false,
		contextUsed: 10,
	};
	return {type: 'answered', answer};
};
const cleared: ChatEvent = {type: 'cleared'};
const restored: ChatEvent = {type: 'restored'};

test.each<[string, readonly ChatEvent[], readonly string[]]>([
	['a question waits', [asked('A')], ['user: A (queued)']],
	['its answer is written below it', [asked('A'), answering(1), wrote('x'), wrote('y')], ['user: A', 'assistant: xy (streaming)']],
	['it ends with the text of the engine', [asked('A'), answering(1), wrote('x'), answered('x!')], ['user: A', 'assistant: x!']],
	[
		'the answer stands above the questions that wait',
		[asked('A'), asked('B'), answering(1), wrote('x')],
		['user: A', 'assistant: x (streaming)', 'user: B (queued)'],
	],
	[
		'one after the other',
		[asked('A'), asked('B'), answering(1), answered('a'), answering(2), answered('b')],
		['user: A', 'assistant: a', 'user: B', 'assistant: b'],
	],
	['too long', [asked('A'), answering(1), answered('x', 'length')], ['user: A', 'assistant: x (cut off)']],
	['interrupted', [asked('A'), answering(1), answered('x', 'interrupted')], ['user: A', 'assistant: x (stopped)']],
	['stopped keeps what was written', [asked('A'), answering(1), wrote('x'), {type: 'stopped'}], ['user: A', 'assistant: x (stopped)']],
	[
		'failed keeps it too, and says why',
		[asked('A'), answering(1), wrote('x'), {type: 'failed', why: 'No memory.'}],
		['user: A', 'assistant: x (failed)', 'notice: No memory.'],
	],
	['a notice', [noted('Hear!')], ['notice: Hear!']],
	['cleared', [asked('A'), cleared], []],
	['cleared and brought back', [asked('A'), cleared, asked('B'), restored], ['user: A (queued)', 'user: B (queued)']],
	['brought back once', [asked('A'), cleared, restored, restored], ['user: A (queued)']],
	[
		'withdrawn, a question takes what came after it along',
		[asked('A'), answering(1), answered('a'), asked('B'), answering(3), answered('b'), noted('n'), {type: 'withdrawn', from: 3}],
		['user: A', 'assistant: a'],
	],
	[
		'withdrawn, it leaves the answers to earlier questions, even those that were given later than it was asked',
		[asked('A'), asked('B'), answering(1), answered('a'), answering(2), answered('b'), {type: 'withdrawn', from: 2}],
		['user: A', 'assistant: a'],
	],
])('%s', (_what, events, expected) => {
	expect(seen(run(...events))).toEqual(expected);
});

test('every message keeps an id of its own', () => {
	const state = run(asked('A'), asked('B'), answering(1), noted('n'), cleared, asked('C'), restored);
	const ids = state.messages.map(({id}) => id);
	expect(new Set(ids).size).toBe(5);
});

test('a notice has its tone', () => {
	const state = run({type: 'noted', text: 'careful', tone: 'warning'});
	expect(state.messages[0]).toMatchObject({role: 'notice', tone: 'warning'});
});

test('the system prompt', () => {
	const state = run({type: 'instructed', system: 'Be brief.'});
	expect(state.system).toBe('Be brief.');
	expect(chatReducer(state, {type: 'instructed', system: undefined}).system).toBeUndefined();
});

describe('where nothing happens the state is the same', () => {
	const answeredOnce = run(asked('A'), answering(1), answered('a'));
	test.each<[string, ChatState, ChatEvent]>([
		['nothing written', run(asked('A'), answering(1)), wrote('')],
		['written after the end', answeredOnce, wrote('late')],
		['answered twice', answeredOnce, answered('other')],
		['stopped after the end', answeredOnce, {type: 'stopped'}],
		['a question that is not there', answeredOnce, answering(99)],
		['cleared twice', run(asked('A'), cleared), cleared],
		['nothing to bring back', answeredOnce, restored],
		['nothing to withdraw', answeredOnce, {type: 'withdrawn', from: 99}],
		['the same system prompt', run({type: 'instructed', system: 'x'}), {type: 'instructed', system: 'x'}],
	])('%s', (_what, state, event) => {
		expect(chatReducer(state, event)).toBe(state);
	});
});

test('what does not change stays the same object', () => {
	const before = run(asked('A'), answering(1), answered('a'), asked('B'), answering(3));
	const after = chatReducer(before, wrote('b'));
	expect(after.messages.map((message, index) => message === before.messages[index])).toEqual([true, true, true, false]);
});

test('cleared while an answer is written: brought back it is no longer written, and the next answer is not added to it', () => {
	const state = run(asked('A'), answering(1), wrote('half'), cleared, restored, asked('B'), answering(3), wrote('b'));
	expect(seen(state)).toEqual(['user: A', 'assistant: half (stopped)', 'user: B', 'assistant: b (streaming)']);
});
