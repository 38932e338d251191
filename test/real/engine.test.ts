import {mkdtempSync, rmSync} from 'node:fs';
import {availableParallelism, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {AnswerEvent, Engine, Sampling} from '../../source/engine/types.ts';
import {writeEndlessModel} from '../support/endless-model.ts';
import {baseSettings} from '../support/fake-engine.ts';
import {enlarge, guideVocabulary, tinyDense, tinyExperts, tinyHybrid, tinySlidingWindow} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {type Ask, askerOf, greedy, guidePath, nobody, wanted} from './engines.ts';

vi.setConfig({testTimeout: 120_000});

const whatIsIt =
	'vramble is a full-screen terminal program for running GGUF models. It has live gauges for VRAM, RAM and tokens per second, a tuner, and a chat, all over one llama.cpp session in the same process.';

let folder: string;
let engine: Engine;
let ask: Ask;

// One for all tests: of several in one process some write llama.cpp's log to stderr (node-llama-cpp 3.22.1).
beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'vramble-engine-'));
	engine = createLlamaEngine();
	ask = askerOf(engine);
	expect(await engine.start({gpu: 'off'})).toMatchObject({backend: 'cpu', names: []});
});

afterEach(async () => {
	await engine.freeModel();
	await engine.setConversation(nobody);
});

afterAll(async () => {
	await engine.dispose();
	rmSync(folder, {recursive: true});
});

const load = async (path = guidePath, settings = wanted) => {
	await engine.loadModel({path, settings});
	return engine.createContext({settings});
};

describe('a load', () => {
	test('says how far it is and what was got', async () => {
		const progress: number[] = [];
		await engine.loadModel({path: guidePath, settings: wanted}, {onEvent: event => progress.push(event.progress)});
		await vi.waitFor(() => expect(progress.at(-1)).toBe(1));
		expect(progress).toEqual(progress.toSorted((a, b) => a - b));
		const {settings, memory} = await engine.createContext({settings: wanted});
		expect(settings).toEqual({...wanted, threads: expect.any(Number)});
		expect(settings.threads).toBeGreaterThan(0);
		expect(memory).toMatchObject({vram: undefined, ownVramBytes: 0});
		expect(memory.ownRamBytes).toBeGreaterThan(5e6);
	});

	test('what is freed takes no memory', async () => {
		await load();
		await engine.freeModel();
		expect((await engine.memory()).ownRamBytes).toBe(0);
	});

	test('the context is the trained one where none is wished for', async () => {
		const {settings} = await load(guidePath, {...wanted, contextSize: 'auto'});
		expect(settings.contextSize).toBe(2048);
	});

	test.each([
		['a mixture of experts', tinyExperts],
		['a sliding window', tinySlidingWindow],
		['a hybrid', tinyHybrid],
	])('%s answers, and its conversation goes on after a rebuild', async (_what, shape) => {
		const path = join(folder, 'shape.gguf');
		writeGguf(path, shape(await guideVocabulary()));
		await load(path);
		const first = await ask('hello', {maxTokens: 12});
		expect(first.text).not.toBe('');
		const {tokens} = await engine.saveState({file: join(folder, 'shape.bin')});
		await engine.freeContext();
		await engine.createContext({settings: {...wanted, contextSize: 512}});
		expect(await engine.restoreState({file: join(folder, 'shape.bin')})).toEqual({tokens});
		expect((await ask('more', {maxTokens: 12})).text).not.toBe('');
	});
});

test('the recurrent state is told apart from the KV cache', async () => {
	const path = join(folder, 'hybrid.gguf');
	const blocks = 4; // of 6; each keeps 599 values of 128 in single precision
	writeGguf(path, tinyHybrid(await guideVocabulary(), {stateLength: 600}));
	const at = async (contextSize: number) => engine.dryRun({path, settings: {...baseSettings, gpuLayers: 0, contextSize}});
	const [few, many] = [await at(512), await at(1024)];
	expect(few.recurrent?.vramBytes).toBe(0);
	expect(few.recurrent?.ramBytes).toBeCloseTo(blocks * 599 * 128 * 4, -4);
	expect(many.recurrent).toEqual(few.recurrent);
	expect((await engine.dryRun({path: guidePath, settings: baseSettings})).recurrent).toBeUndefined();
});

describe('an answer', () => {
	test('comes piece by piece and is counted', async () => {
		await load();
		const events: AnswerEvent[] = [];
		const answer = await engine.answer(
			{prompt: 'what is vramble?', sampling: greedy, maxTokens: undefined},
			{onEvent: event => events.push(event)},
		);
		const written = events.filter(event => event.type === 'text');
		expect(answer).toMatchObject({text: whatIsIt, stopReason: 'end', contextUsed: expect.any(Number)});
		expect(written.length).toBeGreaterThan(10);
		expect(written.map(({text}) => text).join('')).toBe(whatIsIt);
		expect(written.at(-1)?.tokens).toBe(answer.generation.tokens);
		expect(events[0]).toMatchObject({type: 'processing', done: 0});
		expect(answer.prompt.tokens + answer.generation.tokens).toBeGreaterThanOrEqual(answer.contextUsed - 2);
		expect(answer.prompt.tokens + answer.generation.tokens).toBeLessThanOrEqual(answer.contextUsed + 2);
	});

	test('is the same when its threads change while it is written', async () => {
		await load(guidePath, {...wanted, threads: 1});
		const used: number[] = [];
		const changes: Readonly<Record<number, number>> = {2: 3, 6: 1, 10: 2};
		const {text, prompt} = await engine.answer(
			{prompt: 'what is vramble?', sampling: greedy, maxTokens: 64},
			{
				onEvent(event) {
					if (event.type !== 'text') return;
					if (used.at(-1) !== event.threads) used.push(event.threads);
					const threads = changes[event.tokens];
					if (threads) void engine.setThreads({threads});
				},
			},
		);
		expect({text, used, threads: prompt.threads}).toEqual({text: whatIsIt, used: [1, 3, 1, 2], threads: 1});
	});

	test('is as fast as the last of its threads, where they change while it is written', async () => {
		await load(await writeEndlessModel(join(folder, 'endless.gguf')), {...wanted, threads: 1, contextSize: 512});
		// Far more than are computed together, on any machine: others have to follow the change for its speed to be known.
		const {steady} = await engine.answer(
			{prompt: 'hello', sampling: greedy, maxTokens: 400},
			{onEvent: event => void (event.type === 'text' && event.tokens === 2 && engine.setThreads({threads: 2}))},
		);
		expect(steady).toMatchObject({threads: 2, tokensPerSecond: expect.any(Number)});
	});

	test.skipIf(availableParallelism() < 2)('tries out threads, unless it has to come out the same', async () => {
		await load(guidePath, {...wanted, threads: 'auto'});
		const used = async (sampling: Sampling) => {
			await engine.setConversation(nobody);
			const seen = new Set<number>();
			const onEvent = (event: AnswerEvent) => event.type === 'text' && seen.add(event.threads);
			const {generation, steady} = await engine.answer({prompt: 'what is vramble?', sampling, maxTokens: 36}, {onEvent});
			expect([generation.tokens, seen.has(steady.threads)]).toEqual([36, true]);
			return seen.size;
		};
		expect(await used(greedy)).toBe(1);
		expect(await used({...greedy, temperature: 0.01, seed: 1})).toBe(1);
		expect(await used({...greedy, temperature: 0.01})).toBeGreaterThan(1);
		await used({...greedy, temperature: 0.01}); // where there are many cores there is more to try
		expect(await used({...greedy, temperature: 0.01})).toBe(1);
	});

	test('of the next turn evaluates only what is new', async () => {
		await load();
		const first = await ask('what is vramble?');
		const second = await ask('What is a GGUF file?');
		expect(second.contextUsed).toBeGreaterThan(first.contextUsed);
		expect(second.prompt.tokens).toBeLessThan(30);
		expect(second.prompt.tokens + first.contextUsed).toBeLessThan(second.contextUsed);
	});

	test('has no system prompt unless one is given', async () => {
		await load();
		const tokens = async (system: string | undefined) => {
			await engine.setConversation({system, messages: []});
			return (await ask('hi', {maxTokens: 1})).contextUsed;
		};
		const bare = await tokens(undefined);
		// <|im_start|>user⏎hi<|im_end|>⏎<|im_start|>assistant⏎ and the answer's first token
		expect(bare).toBeLessThan(20);
		expect(await tokens('You are a pirate.')).toBeGreaterThan(bare + 5);
		expect(await tokens(undefined)).toBe(bare);
	});

	test('knows the conversation that it was given', async () => {
		await load();
		await engine.setConversation({
			system: undefined,
			messages: [
				{role: 'user', text: 'what is vramble?'},
				{role: 'assistant', text: whatIsIt},
			],
		});
		const {tokens} = await engine.replay({});
		expect(tokens).toBeGreaterThan(40);
		const next = await ask('What is a GGUF file?');
		expect(next.prompt.tokens).toBeLessThan(30);
		expect(next.contextUsed).toBeGreaterThan(tokens + next.generation.tokens);
	});

	test('counts the tokens that are no whole characters', async () => {
		const path = join(folder, 'random.gguf');
		writeGguf(path, tinyDense(enlarge(await guideVocabulary(), 8000)));
		await load(path);
		const sampling = {...greedy, temperature: 0.8, seed: 8}; // a � of seven tokens after the 18th
		const limits = [20, 22, 24, 26];
		const counts: number[] = [];
		for (const maxTokens of limits) {
			await engine.setConversation(nobody);
			counts.push((await engine.answer({prompt: 'hello', sampling, maxTokens})).generation.tokens);
		}

		expect(counts).toEqual(limits);
	});

	test('is stopped at its limit', async () => {
		await load();
		expect(await ask('what is vramble?', {maxTokens: 3})).toMatchObject({stopReason: 'length', generation: {tokens: 3}});
	});

	test('keeps what was written when it is stopped, and the next question is answered', async () => {
		await load(await writeEndlessModel(join(folder, 'endless.gguf')));
		const controller = new AbortController();
		let seen = '';
		const answer = await engine.answer(
			{prompt: 'hello', sampling: greedy, maxTokens: undefined},
			{
				signal: controller.signal,
				onEvent(event) {
					if (event.type !== 'text') return;
					seen += event.text;
					if (event.tokens >= 8) controller.abort();
				},
			},
		);
		expect(answer.stopReason).toBe('interrupted');
		expect(answer.text).toMatch(/^ ?layer( layer){7,}$/);
		expect(seen.startsWith(answer.text.slice(0, 40))).toBe(true);
		const next = await ask('again', {maxTokens: 5});
		expect(next.stopReason).toBe('length');
		expect(next.prompt.tokens).toBeLessThan(30);
	});

	test('that is stopped while the prompt is evaluated is rejected, and the next question is answered', async () => {
		await load(guidePath, {...wanted, batchSize: 32});
		const controller = new AbortController();
		const prompt = 'what is vramble? '.repeat(60);
		const answering = engine.answer(
			{prompt, sampling: greedy, maxTokens: 5},
			{signal: controller.signal, onEvent: event => event.type === 'processing' && event.done > 0 && controller.abort()},
		);
		await expect(answering).rejects.toMatchObject({code: 'aborted'});
		expect((await ask('what is vramble?')).text).toBe(whatIsIt);
	});

	test('goes on beyond the end of the context', async () => {
		await load(await writeEndlessModel(join(folder, 'endless.gguf')), {...wanted, contextSize: 256});
		const {generation, contextUsed, stopReason} = await ask('hello', {maxTokens: 300});
		expect({tokens: generation.tokens, stopReason}).toEqual({tokens: 300, stopReason: 'length'});
		expect(contextUsed).toBeLessThanOrEqual(256);
	});
});

describe('a rebuilt context', () => {
	const questions = ['what is vramble?', 'What is a GGUF file?', 'What is a token?'] as const;

	test('takes the evaluated state over: only new tokens are evaluated, and the answers are the same', async () => {
		await load();
		const unbroken = [];
		for (const question of questions) unbroken.push(await ask(question));
		await engine.freeModel();
		await engine.setConversation(nobody);

		await load();
		const file = join(folder, 'state.bin');
		const rebuilt = [];
		for (const [index, question] of questions.entries()) {
			rebuilt.push(await ask(question));
			const saved = await engine.saveState({file});
			expect(saved.sizeBytes).toBeGreaterThan(0);
			await engine.freeContext();
			const {settings} = await engine.createContext({settings: {...wanted, contextSize: 768 + 256 * index}});
			expect(settings.contextSize).toBe(768 + 256 * index);
			expect(await engine.restoreState({file})).toEqual({tokens: saved.tokens});
		}

		expect(rebuilt.map(({text}) => text)).toEqual(unbroken.map(({text}) => text));
		expect(rebuilt.map(({prompt}) => prompt.tokens)).toEqual(unbroken.map(({prompt}) => prompt.tokens));
	});

	test('without the state the conversation is evaluated again', async () => {
		await load();
		const first = await ask(questions[0]);
		await engine.freeContext();
		await engine.createContext({settings: {...wanted, cacheTypeK: 'q8_0'}});
		const events: AnswerEvent[] = [];
		const {tokens} = await engine.replay({}, {onEvent: event => events.push(event)});
		expect(tokens).toBeGreaterThan(first.contextUsed - 10);
		expect(events[0]).toMatchObject({type: 'processing', done: 0, total: tokens + 1});
		expect((await ask(questions[1])).prompt.tokens).toBeLessThan(30);
	});

	test('and where that is stopped, the next answer evaluates the rest', async () => {
		await load();
		await ask(questions[0]);
		await engine.freeContext();
		await engine.createContext({settings: {...wanted, batchSize: 16}});
		const stopping = new AbortController();
		const onEvent = (event: AnswerEvent) => {
			if (event.type === 'processing' && event.done === 32) stopping.abort();
		};
		expect(await engine.replay({}, {signal: stopping.signal, onEvent})).toEqual({tokens: 32});
		const whole = await ask(questions[1]);
		expect(whole.prompt.tokens).toBeGreaterThan(40);
		expect(whole.contextUsed).toBeGreaterThan(60);
	});

	test('refuses a state of other cache types, and starts anew', async () => {
		await load();
		await ask(questions[0]);
		const file = join(folder, 'f16.bin');
		await engine.saveState({file});
		await engine.freeContext();
		await engine.createContext({settings: {...wanted, cacheTypeK: 'q8_0', cacheTypeV: 'q8_0'}});
		await expect(engine.restoreState({file})).rejects.toMatchObject({message: 'The evaluated state could not be restored.'});
		expect((await ask(questions[1])).contextUsed).toBeGreaterThan(60);
	});
});
