import {beforeEach, describe, expect, test} from 'vitest';
import type {EngineErrorCode} from '../../source/engine/engine-errors.js';
import type {Phase} from '../../source/engine/engine-state.js';
import {createEngineStore} from '../../source/engine/engine-store.js';
import type {WantedSettings} from '../../source/engine/types.js';
import {baseSettings, createFakeEngine, wantedAuto} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const sampling = {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05};
const nobody = {system: undefined, messages: []};

type Refuse = (verb: string, settings: WantedSettings | undefined) => EngineErrorCode | undefined;

const setUp = (refuse?: Refuse, options: Parameters<typeof createFakeEngine>[0] = {}) => {
	const fake = createFakeEngine({...options, refuse});
	const removed: string[] = [];
	const store = createEngineStore({
		engine: fake.engine,
		gpu: 'auto',
		temporaryFile: () => ({path: '/nowhere/state.bin', remove: async () => void removed.push('removed')}),
	});
	const phases: Array<Phase['name']> = [];
	store.subscribe(() => {
		const {name} = store.get().phase;
		if (phases.at(-1) !== name) phases.push(name);
	});
	return {...fake, store, phases, removed};
};

const talk = (store: ReturnType<typeof createEngineStore>) => store.answer({prompt: 'hello', sampling, maxTokens: undefined}, () => {});

test('a load says what was really got', async () => {
	const {store, phases} = setUp();
	expect(await store.load(bigModel, wantedAuto, nobody)).toEqual({ok: true});
	expect(phases).toEqual(['loading', 'ready']);
	expect(store.get().applied).toEqual({...baseSettings, gpuLayers: 12, contextSize: 4096, threads: 4});
});

test('more layers than the model has are all of them', async () => {
	const {store} = setUp();
	await store.load(bigModel, {...wantedAuto, gpuLayers: 9999}, nobody);
	expect(store.get().applied?.gpuLayers).toBe(81);
});

test('a failed load says why and leaves nothing behind', async () => {
	const {store, calls} = setUp(verb => (verb === 'loadModel' ? 'out-of-memory' : undefined));
	const outcome = await store.load(bigModel, wantedAuto, nobody);
	expect(outcome).toMatchObject({ok: false, failure: {code: 'out-of-memory', message: 'No: loadModel.', why: 'It was told to.'}});
	expect(store.get().phase.name).toBe('failed');
	expect(calls.at(-1)).toBe('freeModel');
});

test('a load can be cancelled', async () => {
	const {store, hold} = setUp();
	hold('loadModel');
	const loading = store.load(bigModel, wantedAuto, nobody);
	await expect.poll(() => store.get().phase).toMatchObject({name: 'loading', step: 'weights'});
	store.cancel();
	expect(await loading).toMatchObject({ok: false, failure: {code: 'aborted'}});
	expect(store.get()).toMatchObject({phase: {name: 'idle'}, model: undefined, applied: undefined});
});

const changes = [
	{what: 'context size', change: {contextSize: 8192}, rebuilt: ['saveState', 'freeContext', 'createContext', 'restoreState']},
	{
		what: 'threads and batch size',
		change: {threads: 2, batchSize: 64},
		rebuilt: ['saveState', 'freeContext', 'createContext', 'restoreState'],
	},
	{what: 'batch size', change: {batchSize: 64}, rebuilt: ['saveState', 'freeContext', 'createContext', 'restoreState']},
	{what: 'cache type', change: {cacheTypeK: 'q8_0'}, rebuilt: ['saveState', 'freeContext', 'createContext', 'replay']},
	{what: 'GPU layers', change: {gpuLayers: 20}, rebuilt: ['saveState', 'freeModel', 'loadModel', 'createContext', 'restoreState']},
] as const;

test.each(changes)('another $what takes the smallest step and brings the conversation back', async ({change, rebuilt}) => {
	const {store, calls, removed} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	await talk(store);
	const {contextUsed} = store.get();
	calls.length = 0;
	expect(await store.apply({...baseSettings, ...change})).toEqual({ok: true});
	expect(calls).toEqual(rebuilt);
	expect(store.get()).toMatchObject({applied: {...baseSettings, ...change}, previous: baseSettings, phase: {name: 'ready'}});
	expect(store.get().contextUsed).toBe((rebuilt as readonly string[]).includes('replay') ? 10 : contextUsed);
	expect(removed).toEqual(['removed']);
});

describe('threads', () => {
	const asked: Array<WantedSettings['threads'] | undefined> = [];
	const remember: Refuse = (verb, settings) => {
		if (verb === 'createContext') asked.push(settings?.threads);
		return undefined;
	};

	beforeEach(() => {
		asked.length = 0;
	});

	test('change at once while an answer is written, which is not stopped', async () => {
		const {store, calls, hold} = setUp();
		await store.load(bigModel, baseSettings, nobody);
		const release = hold('answer');
		const answering = talk(store);
		await expect.poll(() => store.get().phase.name).toBe('writing');
		expect(await store.apply({...baseSettings, threads: 2})).toEqual({ok: true});
		expect(calls.slice(-2)).toEqual(['answer', 'setThreads 2']);
		expect(store.get()).toMatchObject({applied: {threads: 2}, previous: {threads: 4}, phase: {name: 'writing'}});
		release();
		expect(await answering).toMatchObject({stopReason: 'end', steady: {threads: 2}});
		expect(store.get().applied).toEqual({...baseSettings, threads: 2});
	});

	test('those that are tried while an answer is written are what is applied', async () => {
		const {store} = setUp(undefined, {tried: tokens => (tokens === 2 ? 3 : undefined)});
		await store.load(bigModel, wantedAuto, nobody);
		expect(store.get()).toMatchObject({applied: {threads: 4}, hasAutoThreads: true});
		await talk(store);
		expect(store.get()).toMatchObject({applied: {threads: 3}, previous: undefined, hasAutoThreads: true});
	});

	test('those that were chosen stay', async () => {
		const {store} = setUp(undefined, {tried: () => 3});
		await store.load(bigModel, wantedAuto, nobody);
		await store.apply({...baseSettings, threads: 2});
		await talk(store);
		expect(store.get()).toMatchObject({applied: {threads: 2}, hasAutoThreads: false});
	});

	test('are found out again after a rebuild, also where they have changed since it was asked for', async () => {
		const {store, hold} = setUp(remember, {tried: tokens => (tokens === 2 ? 3 : undefined)});
		await store.load(bigModel, wantedAuto, nobody);
		const release = hold('answer');
		const answering = talk(store);
		await expect.poll(() => store.get().phase.name).toBe('writing');
		const applying = store.apply({...baseSettings, gpuLayers: 20});
		release();
		await Promise.all([answering, applying]);
		expect(asked).toEqual(['auto', 'auto']);
		expect(store.get()).toMatchObject({applied: {gpuLayers: 20}, hasAutoThreads: true});
	});

	test('that came with another change are kept', async () => {
		const {store} = setUp(remember);
		await store.load(bigModel, wantedAuto, nobody);
		await store.apply({...baseSettings, threads: 2, gpuLayers: 20});
		expect(asked).toEqual(['auto', 2]);
		expect(store.get()).toMatchObject({applied: {gpuLayers: 20, threads: 2}, hasAutoThreads: false});
	});
});

test('without a conversation nothing is saved', async () => {
	const {store, calls} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	calls.length = 0;
	await store.apply({...baseSettings, contextSize: 8192});
	expect(calls).toEqual(['freeContext', 'createContext']);
});

test('a context that is too small for the conversation says so', async () => {
	const {store} = setUp(verb => (verb === 'restoreState' ? 'failed' : undefined), {replayed: 0});
	await store.load(bigModel, baseSettings, nobody);
	await talk(store);
	expect(await store.apply({...baseSettings, contextSize: 512})).toEqual({ok: true, forgets: true});
	expect(await store.apply({...baseSettings, contextSize: 8192})).toEqual({ok: true});
});

test('where the state cannot be restored the conversation is evaluated again', async () => {
	const {store, calls} = setUp(verb => (verb === 'restoreState' ? 'failed' : undefined));
	await store.load(bigModel, baseSettings, nobody);
	await talk(store);
	await store.apply({...baseSettings, contextSize: 8192});
	expect(calls.slice(-2)).toEqual(['restoreState', 'replay']);
	expect(store.get().contextUsed).toBe(10);
});

test.each([
	['a context that does not fit', {contextSize: 8192}, 'createContext', ['freeContext', 'createContext', 'freeContext', 'createContext']],
	['layers that do not fit', {gpuLayers: 20}, 'loadModel', ['freeModel', 'loadModel', 'freeModel', 'loadModel', 'createContext']],
] as const)('%s: the settings before are back', async (_what, change, failing, rebuilt) => {
	const wanted = {...baseSettings, ...change};
	const isWanted = (settings: WantedSettings | undefined) =>
		settings?.contextSize === wanted.contextSize && settings.gpuLayers === wanted.gpuLayers;
	const {store, calls} = setUp((verb, settings) => (verb === failing && isWanted(settings) ? 'out-of-memory' : undefined));
	await store.load(bigModel, baseSettings, nobody);
	await talk(store);
	const {contextUsed} = store.get();
	calls.length = 0;
	expect(await store.apply(wanted)).toMatchObject({ok: false, failure: {code: 'out-of-memory'}});
	expect(calls).toEqual(['saveState', ...rebuilt, 'restoreState']);
	expect(store.get()).toMatchObject({applied: baseSettings, previous: undefined, phase: {name: 'ready'}, contextUsed});
});

test('a reload can be cancelled, and the settings before are back', async () => {
	const {store, hold} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	const release = hold('loadModel');
	const applying = store.apply({...baseSettings, gpuLayers: 20});
	await expect.poll(() => store.get().phase).toMatchObject({name: 'reloading', step: 'weights'});
	store.cancel();
	release();
	expect(await applying).toMatchObject({ok: false, failure: {code: 'aborted'}});
	expect(store.get()).toMatchObject({applied: baseSettings, phase: {name: 'ready'}});
});

test.each([0, 0.5])('it can also be while the conversation is evaluated again, at %d of it', async progress => {
	const {store, phases} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	await talk(store);
	const {contextUsed} = store.get();
	store.subscribe(() => {
		const {phase} = store.get();
		if (phase.name === 'reloading' && phase.step === 'evaluating' && phase.progress === progress) store.cancel();
	});
	expect(await store.apply({...baseSettings, cacheTypeK: 'q8_0'})).toMatchObject({ok: false, failure: {code: 'aborted'}});
	expect(store.get()).toMatchObject({applied: baseSettings, previous: undefined, phase: {name: 'ready'}, contextUsed});
	expect(phases.slice(-4)).toEqual(['reloading', 'stopping', 'reloading', 'ready']);
});

test('one thing at a time: an answer waits for the reload before it', async () => {
	const {store, calls, hold} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	const release = hold('createContext');
	calls.length = 0;
	const applying = store.apply({...baseSettings, contextSize: 8192});
	const answering = talk(store);
	release();
	await Promise.all([applying, answering]);
	expect(calls).toEqual(['freeContext', 'createContext', 'answer']);
});

test('leaving stops what runs and frees the engine once', async () => {
	const {store, calls, hold} = setUp();
	await store.load(bigModel, baseSettings, nobody);
	hold('answer');
	const answering = talk(store);
	await expect.poll(() => store.get().phase.name).toBe('writing');
	await Promise.all([store.dispose(), store.dispose()]);
	expect(await answering).toMatchObject({stopReason: 'interrupted'});
	expect(calls.filter(call => call === 'dispose')).toHaveLength(1);
	await expect(talk(store)).rejects.toMatchObject({code: 'aborted'});
});
