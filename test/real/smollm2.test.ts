import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import type {EngineStore} from '../../source/engine/engine-store.ts';
import {askStore, createRecordedStore, factsOf, nobody, smolPath, wanted} from './engines.ts';

vi.setConfig({testTimeout: 180_000, hookTimeout: 120_000});

const reason = smolPath === undefined ? ' (skipped: it was not fetched, ../shared/models/fetch.sh does that)' : '';

describe.skipIf(smolPath === undefined)(`SmolLM2-135M-Instruct${reason}`, () => {
	let folder: string;
	let store: EngineStore;

	beforeAll(async () => {
		folder = mkdtempSync(join(tmpdir(), 'vramble-smollm2-'));
		({store} = createRecordedStore(folder, 'off'));
		expect(await store.load(await factsOf(smolPath ?? ''), wanted, nobody)).toEqual({ok: true});
	});

	afterAll(async () => {
		await store.dispose();
		rmSync(folder, {recursive: true});
	});

	test('knows the capital of France', async () => {
		const {text, stopReason} = await askStore(store, 'What is the capital of France?', 40);
		expect(text).toContain('Paris');
		expect(stopReason).toBe('end');
	});

	test('holds a conversation, also over another context size', async () => {
		await store.setConversation(() => nobody);
		await askStore(store, 'What is the capital of France?', 40);
		expect((await askStore(store, 'And of Germany?', 30)).text).toContain('Berlin');
		const {applied, contextUsed} = store.get();
		if (!applied) throw new Error('Nothing is applied.');

		expect(await store.apply({...applied, contextSize: 2048})).toEqual({ok: true});
		expect(store.get().contextUsed).toBe(contextUsed);
		const third = await askStore(store, 'And of Italy?', 30);
		expect(third.text).toContain('Rome');
		expect(third.prompt.tokens).toBeLessThan(40);
		expect(third.contextUsed).toBeGreaterThan(contextUsed);
	});

	test('starts without the system prompt that its template would add', async () => {
		await store.setConversation(() => nobody);
		const {contextUsed} = await askStore(store, 'hi', 1);
		expect(contextUsed).toBeLessThan(14);
	});
});
