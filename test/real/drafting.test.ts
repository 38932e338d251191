import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Answer, Engine, WantedSettings} from '../../source/engine/types.ts';
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
