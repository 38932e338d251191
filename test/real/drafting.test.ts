import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Answer, Engine, WantedSettings} from '../../source/engine/types.ts';
import {baseSettings} from '../support/fake-engine.ts';
import {guideVocabulary, tinySlidingWindow} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {askerOf, guidePath, nobody, smolPath, wanted} from './engines.ts';

vi.setConfig({testTimeout: 180_000, hookTimeout: 120_000});

let folder: string;
let engine: Engine;

beforeAll(async () => {
	folder = mkdtempSync(join(tmpdir(), 'vramble-drafting-'));
	engine = createLlamaEngine();
	await engine.start({gpu: 'off'});
});

afterEach(async () => engine.freeModel());

afterAll(async () => {
	await engine.dispose();
	rmSync(folder, {recursive: true});
});

/** Questions of one conversation. */
const answersOf = async (path: string, settings: WantedSettings, questions: readonly string[], maxTokens?: number): Promise<Answer[]> => {
	await engine.setConversation(nobody);
	await engine.loadModel({path, settings});
	await engine.createContext({settings});
	const answers: Answer[] = [];
	for (const question of questions) answers.push(await askerOf(engine)(question, {maxTokens}));
	await engine.freeModel();
	return answers;
};

const textsOf = (answers: readonly Answer[]) => answers.map(({text}) => text);

const total = (answers: readonly Answer[], part: 'drafted' | 'accepted') =>
	answers.reduce((sum, {drafting}) => sum + (drafting?.[part] ?? 0), 0);

const fox = 'The quick brown fox jumps over the lazy dog while seven wizards watch from the old stone tower near the river bank.';

const models = [
	{
		name: 'the guide model',
		path: guidePath,
		questions: ['what is a kv cache?', 'what is a kv cache?', 'what is a gpu layer?', 'what is a gpu layer?'],
	},
	{name: 'SmolLM2', path: smolPath, questions: [`Repeat this text exactly: ${fox}`, 'Again, please.', 'Tell me a story about a dragon.']},
];

describe.each(models)('prompt lookup with $name', ({path, questions}) => {
	test.skipIf(path === undefined)('writes the same text, and counts what came true', async () => {
		const without = await answersOf(path ?? '', wanted, questions);
		const looked = await answersOf(path ?? '', {...wanted, lookup: true}, questions);
		expect(textsOf(looked)).toEqual(textsOf(without));
		expect(looked.map(({generation}) => generation.tokens)).toEqual(without.map(({generation}) => generation.tokens));
		expect(looked.map(({contextUsed}) => contextUsed)).toEqual(without.map(({contextUsed}) => contextUsed));
		expect(total(looked, 'accepted')).toBeGreaterThan(8);
		expect(total(looked, 'drafted')).toBeGreaterThanOrEqual(total(looked, 'accepted'));
		expect(without[0]?.drafting).toBeUndefined();
	});
});

describe.each(models)('$name as its own draft model', ({path, questions}) => {
	test.skipIf(path === undefined)('writes the same text, and nearly every guess comes true', async () => {
		const without = await answersOf(path ?? '', wanted, questions, 40);
		const drafted = await answersOf(path ?? '', {...wanted, draftModel: path, draftGpuLayers: 0}, questions, 40);
		expect(textsOf(drafted)).toEqual(textsOf(without));
		expect(drafted.map(({contextUsed}) => contextUsed)).toEqual(without.map(({contextUsed}) => contextUsed));
		expect(total(drafted, 'drafted')).toBeGreaterThan(30);
		expect(total(drafted, 'accepted') / total(drafted, 'drafted')).toBeGreaterThan(0.95);
	});
});

test('both guess: what stood there before comes first', async () => {
	const questions = ['what is a kv cache?', 'what is a kv cache?', 'what is a gpu layer?'];
	const both = await answersOf(guidePath, {...wanted, lookup: true, draftModel: guidePath, draftGpuLayers: 0}, questions);
	expect(textsOf(both)).toEqual(textsOf(await answersOf(guidePath, wanted, questions)));
	expect(total(both, 'accepted')).toBeGreaterThan(30);
});

test.skipIf(smolPath === undefined)('a draft model with another vocabulary is refused, and the model can still be loaded', async () => {
	const settings = {...wanted, draftModel: smolPath, draftGpuLayers: 0};
	const refusal = {
		code: 'unsupported',
		message: 'The draft model cannot guess for this model.',
		why: 'Its vocabulary has 49,152 tokens, and that of the model 2,816.',
	};
	await expect(
		engine.dryRun({path: guidePath, settings: {...settings, gpuLayers: 0, cpuExpertLayers: 0, contextSize: 512, threads: 1}}),
	).rejects.toMatchObject(refusal);
	await expect(engine.loadModel({path: guidePath, settings})).rejects.toMatchObject(refusal);
	expect((await engine.memory()).ownRamBytes).toBe(0);
	await engine.loadModel({path: guidePath, settings: wanted});
});

test('what the draft model takes is known before, and freed with the model', async () => {
	const settings = {...baseSettings, gpuLayers: 0, contextSize: 1024, batchSize: 128, threads: 1};
	const withDraft = {...settings, draftModel: guidePath, draftGpuLayers: 9999};
	const {weights, context, draft, exact} = await engine.dryRun({path: guidePath, settings: withDraft});
	expect([exact, draft]).toEqual([true, {vramBytes: 0, ramBytes: weights.ramBytes + context.ramBytes}]);
	expect((await engine.dryRun({path: guidePath, settings})).draft).toBeUndefined();
	const taken = async (tried: typeof settings) => {
		await engine.loadModel({path: guidePath, settings: tried});
		const {memory} = await engine.createContext({settings: tried});
		await engine.freeModel();
		return memory.ownRamBytes;
	};
	expect(await taken(withDraft)).toBe(2 * (await taken(settings)));
	expect((await engine.memory()).ownRamBytes).toBe(0);
});

test('above temperature 0 a draft model guesses, too', async () => {
	const settings = {...wanted, draftModel: guidePath, draftGpuLayers: 0};
	await engine.setConversation(nobody);
	await engine.loadModel({path: guidePath, settings});
	await engine.createContext({settings});
	const sampling = {temperature: 0.8, seed: 7, topK: 40, topP: 0.95, minP: 0.05};
	const {text, drafting} = await engine.answer({prompt: 'what is a kv cache?', sampling, maxTokens: 60});
	expect(text).not.toBe('');
	expect(drafting?.accepted).toBeGreaterThan(0);
});

test('an answer that is cut off leaves nothing behind that was not written', async () => {
	const settings = {...wanted, lookup: true};
	const questions = Array.from({length: 5}, () => 'what is a kv cache?');
	const lengths = [20, 21, 22, 23];
	for (const maxTokens of lengths) {
		const cut = await answersOf(guidePath, settings, questions, maxTokens);
		expect(textsOf(cut)).toEqual(textsOf(await answersOf(guidePath, wanted, questions, maxTokens)));
		expect(cut.every(({stopReason}) => stopReason === 'length')).toBe(true);
	}
});

test('a full context forgets what it would have forgotten without', async () => {
	const questions = Array.from({length: 6}, (_, at) => (at % 2 === 0 ? 'what is a kv cache?' : 'what is a gpu layer?'));
	const small = {...wanted, contextSize: 256};
	const without = await answersOf(guidePath, small, questions);
	expect(without.at(-1)?.forgot).toBe(true);
	for (const drafting of [{lookup: true}, {draftModel: guidePath, draftGpuLayers: 0}]) {
		const drafted = await answersOf(guidePath, {...small, ...drafting}, questions);
		expect(textsOf(drafted)).toEqual(textsOf(without));
		expect(drafted.map(({contextUsed}) => contextUsed)).toEqual(without.map(({contextUsed}) => contextUsed));
		expect(total(drafted, 'accepted')).toBeGreaterThan(30);
	}
});

test('the evaluated state survives another context', async () => {
	const settings = {...wanted, lookup: true};
	const file = join(folder, 'state.bin');
	const ask = askerOf(engine);
	await engine.setConversation(nobody);
	await engine.loadModel({path: guidePath, settings});
	await engine.createContext({settings});
	await ask('what is a kv cache?');
	const {contextUsed} = await ask('what is a kv cache?', {maxTokens: 30});
	await engine.saveState({file});
	await engine.freeContext();
	await engine.createContext({settings: {...settings, contextSize: 2048}});
	expect(await engine.restoreState({file})).toEqual({tokens: contextUsed});
	const {prompt, drafting} = await ask('what is a kv cache?');
	expect(prompt.tokens).toBeLessThan(contextUsed / 2);
	expect(drafting?.accepted).toBeGreaterThan(0);
});

test('a model that cannot take back single tokens goes without', async () => {
	const path = join(folder, 'sliding-window.gguf');
	writeGguf(path, tinySlidingWindow(await guideVocabulary()));
	await engine.loadModel({path, settings: wanted});
	const {draftingOff} = await engine.createContext({settings: {...wanted, lookup: true}});
	expect(draftingOff).toContain('cannot be taken back');
});
