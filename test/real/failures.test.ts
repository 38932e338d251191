import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import type {EngineStore} from '../../source/engine/engine-store.ts';
import type {Engine, ModelFacts, Settings} from '../../source/engine/types.ts';
import {writeSlowLoadingModel} from '../support/endless-model.ts';
import {guideVocabulary, tinyDense} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {askerOf, askStore, createRecordedStore, factsOf, guidePath, nobody, wanted} from './engines.ts';

vi.setConfig({testTimeout: 120_000});

let folder: string;
let store: EngineStore;
let engine: Engine;
let calls: string[];
let guide: ModelFacts;

// One for all tests: of several in one process some write llama.cpp's log to stderr (node-llama-cpp 3.22.1).
beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'vramble-failures-'));
	({store, engine, calls} = createRecordedStore(folder, 'off'));
	guide = await factsOf(guidePath);
	await store.start();
});

afterAll(() => rmSync(folder, {recursive: true}));

const quantizedWithoutFlash = {cacheTypeV: 'q8_0', flashAttention: 'off'} as const;

const collectGarbage = async () => {
	setFlagsFromString('--expose-gc');
	const collect = runInNewContext('gc') as () => void;
	for (let round = 0; round < 4; round++) {
		collect();
		// Finalizers run between two turns of the event loop.
		await delay(10);
	}
};

const applied = (): Settings => {
	const settings = store.get().applied;
	if (!settings) throw new Error('Nothing is applied.');
	return settings;
};

test('a load of an unknown architecture is explained', async () => {
	const {metadata, tensors} = tinyDense(await guideVocabulary());
	const path = join(folder, 'foo.gguf');
	writeGguf(path, {metadata: {...metadata, 'general.architecture': 'foo'}, tensors});
	await expect(engine.loadModel({path, settings: wanted})).rejects.toMatchObject({
		code: 'bad-model',
		why: 'Its architecture "foo" is not known to this version of llama.cpp.',
	});
});

test('a load can be cancelled, and another model loaded', async () => {
	const path = await writeSlowLoadingModel(join(folder, 'slow.gguf'));
	const controller = new AbortController();
	const loading = engine.loadModel({path, settings: wanted}, {signal: controller.signal});
	controller.abort();
	await expect(loading).rejects.toMatchObject({name: 'EngineError', code: 'aborted'});
	rmSync(path);
	await engine.loadModel({path: guidePath, settings: wanted});
});

test('a context that is refused is explained, and one that works can be made', async () => {
	await expect(engine.createContext({settings: {...wanted, ...quantizedWithoutFlash}})).rejects.toMatchObject({
		name: 'EngineError',
		code: 'unsupported',
		why: 'A quantized V cache needs flash attention.',
		advice: 'Set flash attention to on or auto, or the V cache to f16.',
	});
	await engine.createContext({settings: wanted});
	expect((await askerOf(engine)('what is vramble?')).text).toMatch(/^vramble is a full-screen terminal program/);
});

test('a change that is refused leaves everything as it was', async () => {
	expect(await store.load(guide, wanted, nobody)).toEqual({ok: true});
	await askStore(store, 'what is vramble?');
	const before = store.get();
	calls.length = 0;
	expect(await store.apply({...applied(), ...quantizedWithoutFlash})).toMatchObject({
		ok: false,
		failure: {code: 'unsupported', why: 'A quantized V cache needs flash attention.'},
	});
	expect(calls).toEqual(['saveState', 'freeContext', 'createContext', 'freeContext', 'createContext', 'restoreState']);
	expect(store.get()).toEqual(before);
	expect((await askStore(store, 'What is a GGUF file?')).prompt.tokens).toBeLessThan(30);
});

// node-llama-cpp 3.22.1 forgets what could not be made, but not its claim on what it would have lain on, once it is collected as garbage.
test('after failures and garbage collection models can still be freed', async () => {
	await collectGarbage();
	const freed = store.load(guide, wanted, nobody);
	expect(await Promise.race([freed.then(() => 'freed'), delay(20_000, 'hangs', {ref: false})])).toBe('freed');
});
