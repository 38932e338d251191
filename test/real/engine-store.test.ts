import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, beforeEach, expect, test, vi} from 'vitest';
import type {EngineStore} from '../../source/engine/engine-store.ts';
import type {Settings} from '../../source/engine/types.ts';
import {askStore, createRecordedStore, factsOf, guidePath, nobody, wanted} from './engines.ts';

vi.setConfig({testTimeout: 120_000});

let folder: string;
let store: EngineStore;
let calls: string[];

// One for all tests: of several in one process some write llama.cpp's log to stderr (node-llama-cpp 3.22.1).
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), 'vramble-store-'));
	({store, calls} = createRecordedStore(folder, 'off'));
});

beforeEach(async () => {
	expect(await store.load(await factsOf(guidePath), wanted, nobody)).toEqual({ok: true});
	await askStore(store, 'what is vramble?');
	calls.length = 0;
});

afterEach(() => expect(readdirSync(folder)).toEqual([]));

afterAll(async () => {
	await store.dispose();
	rmSync(folder, {recursive: true});
});

const applied = (): Settings => {
	const settings = store.get().applied;
	if (!settings) throw new Error('Nothing is applied.');
	return settings;
};

/** Evaluated in the second turn where the first one is still there. */
const fewTokens = 30;

test.each([
	['context size', {contextSize: 2048}],
	['batch size', {batchSize: 64}],
] as const)('another %s takes the context alone, and the evaluated state comes back', async (_what, change) => {
	const {contextUsed} = store.get();
	expect(await store.apply({...applied(), ...change})).toEqual({ok: true});
	expect(calls).toEqual(['saveState', 'freeContext', 'createContext', 'restoreState']);
	expect(applied()).toMatchObject(change);
	expect(store.get().contextUsed).toBe(contextUsed);
	expect((await askStore(store, 'What is a GGUF file?', 4)).prompt.tokens).toBeLessThan(fewTokens);
});

test('other threads take nothing at all', async () => {
	expect(await store.apply({...applied(), threads: 2})).toEqual({ok: true});
	expect(calls).toEqual(['setThreads']);
	const {prompt, steady} = await askStore(store, 'What is a GGUF file?', 4);
	expect([prompt.tokens < fewTokens, prompt.threads, steady.threads, applied().threads]).toEqual([true, 2, 2, 2]);
});

test('without flash attention the cache is laid out otherwise: the conversation is evaluated again', async () => {
	const {contextUsed} = store.get();
	expect(await store.apply({...applied(), flashAttention: 'off'})).toEqual({ok: true});
	expect(calls.at(-1)).toBe('replay');
	expect(store.get().contextUsed).toBeGreaterThan(contextUsed - 10);
	expect((await askStore(store, 'What is a GGUF file?')).prompt.tokens).toBeLessThan(fewTokens);
});

test('with another cache type the conversation is evaluated again', async () => {
	const {contextUsed} = store.get();
	expect(await store.apply({...applied(), cacheTypeK: 'q8_0', cacheTypeV: 'q8_0'})).toEqual({ok: true});
	expect(calls).toEqual(['saveState', 'freeContext', 'createContext', 'replay']);
	expect(store.get().contextUsed).toBeGreaterThan(contextUsed - 10);
	expect((await askStore(store, 'What is a GGUF file?')).prompt.tokens).toBeLessThan(fewTokens);
});

test('a context too small for the conversation forgets the beginning, and the conversation goes on', async () => {
	for (const question of ['What is a GGUF file?', 'What is a token?', 'What are GPU layers?', 'What is offloading?'])
		await askStore(store, question);
	expect(store.get().contextUsed).toBeGreaterThan(256);
	expect(await store.apply({...applied(), contextSize: 256})).toEqual({ok: true, forgets: true});
	expect(applied().contextSize).toBe(256);
	const {text, contextUsed} = await askStore(store, 'what is vramble?', 20);
	expect(text).not.toBe('');
	expect(contextUsed).toBeLessThanOrEqual(256);
});

test('a load takes the conversation over', async () => {
	const text = 'vramble is a full-screen terminal program.';
	const conversation = {
		system: undefined,
		messages: [{role: 'user', text: 'what is vramble?'} as const, {role: 'assistant', text} as const],
	};
	expect(await store.load(await factsOf(guidePath), wanted, conversation)).toEqual({ok: true});
	const {contextUsed} = store.get();
	expect(contextUsed).toBeGreaterThan(15);
	const {prompt, events} = await askStore(store, 'What is a GGUF file?');
	expect(prompt.tokens).toBeLessThan(fewTokens);
	expect(events.some(({type}) => type === 'text')).toBe(true);
});
