import {expect, test} from 'vitest';
import {createChatStore} from '../../source/chat/chat-store.js';
import {createTokenRate} from '../../source/chat/token-rate.js';
import type {EngineErrorCode} from '../../source/engine/engine-errors.js';
import {createEngineStore} from '../../source/engine/engine-store.js';
import type {Sampling} from '../../source/engine/types.js';
import {baseSettings, createFakeEngine} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const sampling: Sampling = {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05};

type Options = {readonly refuse?: (verb: string) => EngineErrorCode | undefined; readonly reply?: (prompt: string) => string};

const setUp = ({refuse, reply = prompt => `re ${prompt}`}: Options = {}) => {
	const fake = createFakeEngine({reply, ...(refuse && {refuse})});
	const engine = createEngineStore({
		engine: fake.engine,
		gpu: 'auto',
		temporaryFile: () => ({path: '/nowhere/state.bin', remove: async () => {}}),
	});
	const rate = createTokenRate();
	const chat = createChatStore({engine, rate, sampling: () => sampling, system: undefined, maxTokens: undefined});
	/** `who: text (state)`, the state where it is not done. */
	const seen = () => chat.get().messages.map(({role, text, state}) => `${role}: ${text}${state === 'done' ? '' : ` (${state})`}`);
	return {
		...fake,
		engine,
		rate,
		chat,
		seen,
		load: async () => engine.load(bigModel, baseSettings, chat.conversation()),
		/** Sends, and waits for the answer. */
		async ask(text: string) {
			chat.send(text);
			await expect.poll(seen).toContain(`assistant: ${reply(text)}`);
		},
		waitForSeen: async (...expected: string[]) => expect.poll(seen).toEqual(expected),
	};
};

const loaded = async (options?: Options) => {
	const all = setUp(options);
	await all.load();
	return all;
};

test('a question waits for the model, and is answered when it is ready', async () => {
	const {chat, seen, load, waitForSeen, said} = setUp();
	chat.send('A');
	expect(seen()).toEqual(['user: A (queued)']);
	await load();
	await waitForSeen('user: A', 'assistant: re A');
	expect(said).toEqual(['A', 're A']);
});

test('questions are answered in their order, each answer below its own', async () => {
	const {chat, hold, load, waitForSeen, said} = setUp();
	chat.send('A');
	chat.send('B');
	chat.send('C');
	const release = hold('answer');
	await load();
	await waitForSeen('user: A', 'assistant: re  (streaming)', 'user: B (queued)', 'user: C (queued)');
	release();
	await waitForSeen('user: A', 'assistant: re A', 'user: B', 'assistant: re B', 'user: C', 'assistant: re C');
	expect(said).toEqual(['A', 're A', 'B', 're B', 'C', 're C']);
});

test('a question that is sent while an answer is written waits below it', async () => {
	const {chat, hold, waitForSeen} = await loaded();
	const release = hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	chat.send('B');
	await waitForSeen('user: A', 'assistant: re  (streaming)', 'user: B (queued)');
	release();
	await waitForSeen('user: A', 'assistant: re A', 'user: B', 'assistant: re B');
});

test('stopped, an answer keeps what was written, and the next question is asked', async () => {
	const {chat, hold, engine, waitForSeen, said} = await loaded();
	const release = hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	chat.send('B');
	release();
	engine.cancel();
	await waitForSeen('user: A', 'assistant: re  (stopped)', 'user: B', 'assistant: re B');
	expect(said).toEqual(['A', 're ', 'B', 're B']);
});

test('a failed answer says why, and is not part of what the next question builds on', async () => {
	let isBroken = true;
	const {chat, waitForSeen} = await loaded({refuse: verb => (verb === 'answer' && isBroken ? 'failed' : undefined)});
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (failed)', 'notice: No: answer. It was told to.');
	isBroken = false;
	chat.send('B');
	await expect.poll(() => chat.get().messages.at(-1)).toMatchObject({text: 're B', state: 'done'});
});

test('the conversation: what was said, without notices and without questions that have no answer', async () => {
	const {chat, ask, hold, engine, seen} = await loaded();
	await ask('A');
	chat.note('Hear!');
	await ask('B');
	hold('answer');
	chat.send('C');
	chat.send('D');
	await expect.poll(seen).toContain('assistant: re  (streaming)');
	expect(chat.conversation()).toEqual({
		system: undefined,
		messages: [
			{role: 'user', text: 'A'},
			{role: 'assistant', text: 're A'},
			{role: 'user', text: 'B'},
			{role: 'assistant', text: 're B'},
			{role: 'user', text: 'C'},
			{role: 'assistant', text: 're '},
		],
	});
	await engine.dispose();
});

test('an answer that failed before its first word is none', async () => {
	const {chat, seen} = await loaded({reply: () => '', refuse: verb => (verb === 'answer' ? 'failed' : undefined)});
	chat.send('A');
	await expect.poll(seen).toContain('assistant:  (failed)');
	expect(chat.conversation().messages).toEqual([]);
});

test('another model is told the conversation, without the question that still waits', async () => {
	const {chat, ask, load, said, hold, waitForSeen} = await loaded();
	await ask('A');
	const release = hold('loadModel');
	const loading = load();
	await expect.poll(() => said).toEqual(['A', 're A']);
	chat.send('B');
	expect(chat.conversation().messages).toHaveLength(2);
	release();
	await loading;
	await waitForSeen('user: A', 'assistant: re A', 'user: B', 'assistant: re B');
	expect(said).toEqual(['A', 're A', 'B', 're B']);
});

test('retry takes the last question and its answer back, and asks again', async () => {
	let count = 0;
	const {chat, ask, said, waitForSeen} = await loaded({reply: prompt => (prompt === 'B' ? `re B ${count++}` : `re ${prompt}`)});
	await chat.retry();
	expect(chat.get().messages).toEqual([]);
	await ask('A');
	chat.send('B');
	await waitForSeen('user: A', 'assistant: re A', 'user: B', 'assistant: re B 0');
	await chat.retry();
	await waitForSeen('user: A', 'assistant: re A', 'user: B', 'assistant: re B 1');
	expect(said).toEqual(['A', 're A', 'B', 're B 1']);
});

test('retry stops the answer that is being written', async () => {
	const {chat, hold, waitForSeen, said} = await loaded();
	const release = hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	await chat.retry();
	release();
	await waitForSeen('user: A', 'assistant: re A');
	expect(said).toEqual(['A', 're A']);
});

test('clear begins anew, undo brings back what it took away', async () => {
	const {chat, ask, said, seen} = await loaded();
	await ask('A');
	await chat.clear();
	expect([seen(), said]).toEqual([[], []]);
	await ask('B');
	expect(said).toEqual(['B', 're B']);
	await chat.restore();
	expect(seen()).toEqual(['user: A', 'assistant: re A', 'user: B', 'assistant: re B']);
	expect(said).toEqual(['A', 're A', 'B', 're B']);
});

test('clear stops the answer that is being written', async () => {
	const {chat, hold, waitForSeen, seen, said, engine} = await loaded();
	hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	await chat.clear();
	expect([seen(), said, engine.get().phase.name]).toEqual([[], [], 'ready']);
});

test('neither clear nor retry stops a load', async () => {
	const {chat, hold, load, engine, waitForSeen} = setUp();
	const release = hold('loadModel');
	const loading = load();
	await expect.poll(() => engine.get().phase).toMatchObject({step: 'weights'});
	chat.send('A');
	const retrying = chat.retry();
	const clearing = chat.clear();
	release();
	expect(await loading).toEqual({ok: true});
	await Promise.all([retrying, clearing]);
	await waitForSeen('user: A', 'assistant: re A');
});

test('where nothing changes the engine keeps what it has evaluated', async () => {
	const {chat, ask, calls} = await loaded();
	await chat.clear();
	await ask('A');
	calls.length = 0;
	await chat.restore();
	await chat.instruct(undefined);
	expect(calls).toEqual([]);
});

test('a system prompt reaches the engine together with the conversation', async () => {
	const {chat, ask, said, system} = await loaded();
	await ask('A');
	await chat.instruct('Be brief.');
	expect([system(), said]).toEqual(['Be brief.', ['A', 're A']]);
	await chat.instruct(undefined);
	expect(system()).toBeUndefined();
});

test('set while an answer is written, it takes nothing of the answer away', async () => {
	const {chat, hold, waitForSeen, said, system} = await loaded();
	const release = hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	const instructing = chat.instruct('Be brief.');
	release();
	await instructing;
	await waitForSeen('user: A', 'assistant: re A');
	expect([system(), said]).toEqual(['Be brief.', ['A', 're A']]);
});

test('an answer is timed', async () => {
	const {ask, rate} = await loaded({reply: () => 'one two three four five'});
	await ask('A');
	expect(rate.read()).toMatchObject({now: undefined, mean: 40, firstTokenMs: expect.any(Number)});
});

test('while the engine is closed nothing is asked any more, and nobody is left waiting', async () => {
	const {chat, engine, hold, waitForSeen} = await loaded();
	hold('answer');
	chat.send('A');
	await waitForSeen('user: A', 'assistant: re  (streaming)');
	chat.send('B');
	const changes = [chat.instruct('Be brief.'), chat.clear(), chat.retry(), chat.restore()];
	await engine.dispose();
	await Promise.all(changes);
	expect(chat.get().messages.filter(({state}) => state === 'streaming')).toEqual([]);
	chat.dispose();
});
