import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Device} from '../../source/engine/types.ts';
import {type Home, makeHome} from '../terminal/program.ts';
import {runProgram} from '../terminal/run-program.ts';
import {askerOf, guidePath, wanted} from './engines.ts';

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

	beforeAll(() => {
		home = makeHome();
	});

	afterAll(() => home.remove());

	test('changes no word of an answer', async () => {
		const args = [guidePath, '-p', 'what is vramble?', '-t', '2', '-n', '8'];
		const [on, off] = [await runProgram(home, args), await runProgram(home, args, {env: {VRAMBLE_NATIVE: 'off'}})];
		expect(on).toMatchObject({code: 0, stdout: expect.stringContaining('vramble'), stderr: ''});
		expect(off).toEqual(on);
	});
});
