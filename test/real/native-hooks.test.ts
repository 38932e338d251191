import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Device, Kernel} from '../../source/engine/types.ts';
import {guideVocabulary, tinyDense} from '../support/gguf-shapes.ts';
import {writeModel} from '../support/gguf-writer.ts';
import {type Home, makeHome} from '../terminal/program.ts';
import {runProgram} from '../terminal/run-program.ts';
import {askerOf, greedy, guidePath, wanted} from './engines.ts';

vi.setConfig({testTimeout: 120_000});

const areBuilt = existsSync(join(import.meta.dirname, '../../build/hooks.node'));
const isOff = process.env.VRAMBLE_NATIVE === 'off';
const reason = areBuilt && !isOff ? '' : ' (skipped: they were not compiled, or are off)';

describe.skipIf(!areBuilt || isOff)(`the native hooks${reason}`, () => {
	const engine = createLlamaEngine();
	let device: Device;

	beforeAll(async () => {
		device = await engine.start({gpu: 'off'});
	});

	afterAll(() => engine.dispose());

	const countThreads = () => readdirSync('/proc/self/task').length;

	test('know the llama.cpp that they are with', () => {
		expect(device.hooksOff).toBeUndefined();
	});

	test('measure what the CPU takes for weights, experts and attention', async () => {
		const heads = {headSize: 64, headsPerKvHead: 2};
		const kernels: readonly Kernel[] = [
			{kind: 'weights', type: 'Q8_0'},
			{kind: 'weights', type: 'IQ2_XXS'},
			{kind: 'experts', type: 'Q4_K'},
			{kind: 'attention', type: 'f16', ...heads},
			{kind: 'attention', type: 'q8_0', ...heads},
			{kind: 'weights', type: 'no type'},
		];
		const speeds = await engine.measureKernels({kernels, threads: 2});
		expect(speeds.at(-1)).toBeUndefined();
		for (const speed of speeds.slice(0, -1)) {
			for (const value of [speed?.one.token, speed?.one.prompt, speed?.all.token, speed?.all.prompt]) expect(value).toBeGreaterThan(0);
		}
	});

	test('keep the threads of a context from its first token until it is freed', async () => {
		await engine.loadModel({path: guidePath, settings: wanted});
		await engine.createContext({settings: {...wanted, threads: 1}});
		await askerOf(engine)('hi', {maxTokens: 2});
		await engine.freeContext();
		const before = countThreads();

		await engine.createContext({settings: {...wanted, threads: 2}});
		await askerOf(engine)('hi', {maxTokens: 2});
		expect(countThreads()).toBe(before + 1);
		await engine.setThreads({threads: 3});
		await askerOf(engine)('hi', {maxTokens: 2});
		expect(countThreads()).toBe(before + 1 + 2);
		await engine.freeModel();
		expect(countThreads()).toBe(before);
	});
});

describe('VRAMBLE_NATIVE=off', () => {
	let home: Home;
	/** Whatever it is asked, it has no preference: what it writes shows what was drawn. */
	let undecided: string;

	beforeAll(async () => {
		home = makeHome();
		undecided = writeModel(home.folder, 'undecided', tinyDense(await guideVocabulary()));
	});

	afterAll(() => {
		vi.unstubAllEnvs();
		home.remove();
	});

	test.each([
		['an answer', ['--temp', '0', '-n', '60']],
		['one that is drawn', ['--temp', '2', '-s', '7', '-n', '60']],
		['one drawn from all tokens', ['--temp', '1', '-s', '7', '--top-k', '0', '--top-p', '1', '--min-p', '0', '-n', '40']],
		['one drawn from some hundred tokens', ['--temp', '2', '-s', '7', '--top-k', '700', '-n', '40']],
		['one that its context is too small for', ['--temp', '1.5', '-s', '3', '-c', '128', '-n', '200']],
	])('changes no word of %s', async (_what, flags) => {
		const args = [undecided, '-p', 'what is vramble?', '-t', '2', ...flags];
		const [on, off] = [await runProgram(home, args), await runProgram(home, args, {env: {VRAMBLE_NATIVE: 'off'}})];
		expect(on).toMatchObject({code: 0, stdout: expect.stringMatching(/.{100}/s), stderr: ''});
		expect(off).toEqual(on);
	});

	test('changes no word of a conversation whose answers are stopped and cut off', async () => {
		const talk = async () => {
			const engine = createLlamaEngine();
			await engine.start({gpu: 'off'});
			await engine.loadModel({path: undecided, settings: wanted});
			await engine.createContext({settings: wanted});
			const answers = [];
			for (const [at, stopAt] of [3, 20, 21, 40, undefined].entries()) {
				const controller = new AbortController();
				const {text, stopReason, contextUsed} = await engine.answer(
					{prompt: `question ${at}`, sampling: {...greedy, temperature: 2, seed: at}, maxTokens: 50},
					{signal: controller.signal, onEvent: event => event.type === 'text' && event.tokens === stopAt && controller.abort()},
				);
				answers.push({text, stopReason, contextUsed});
			}

			await engine.dispose();
			return answers;
		};
		const on = await talk();
		vi.stubEnv('VRAMBLE_NATIVE', 'off');
		expect(await talk()).toEqual(on);
		expect(on.map(({stopReason}) => stopReason)).toEqual([...Array.from({length: 4}, () => 'interrupted'), 'length']);
	});
});
