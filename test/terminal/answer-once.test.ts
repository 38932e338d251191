import {once} from 'node:events';
import {closeSync, existsSync, openSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {writeEndlessModel} from '../support/endless-model.ts';
import {guidePath, type Home, leavingMs, makeHome, testTimeout} from './program.ts';
import {exitOf, runProgram, startProgram} from './run-program.ts';

vi.setConfig({testTimeout});

const question = 'what is vramble?';
const answer =
	'vramble is a full-screen terminal program for running GGUF models. It has live gauges for VRAM, RAM and tokens per second, a tuner, and a chat, all over one llama.cpp session in the same process.\n';

let home: Home;
let endless: string;

beforeAll(async () => {
	home = makeHome();
	endless = await writeEndlessModel(join(home.folder, 'endless.gguf'));
});

afterAll(() => home.remove());

const answered = {code: 0, signal: null, stdout: answer, stderr: ''};

test('-p puts the answer on stdout and nothing else anywhere', async () => {
	expect(await runProgram(home, [guidePath, '-p', question])).toEqual(answered);
});

test('without a model the guide model answers', async () => {
	expect(await runProgram(home, ['-p', question])).toEqual(answered);
});

test('standard input is a question too', async () => {
	expect(await runProgram(home, [], {input: `${question}\n`})).toEqual(answered);
});

test('with -p standard input is what the question is about', async () => {
	const json = async (args: readonly string[], input?: string) => {
		const {stdout, stderr} = await runProgram(home, ['--json', '-n', '1', ...args], {input});
		expect(stderr).toBe('');
		return JSON.parse(stdout).prompt.tokens as number;
	};
	const joined = await json(['-p', question], 'a file\nof two lines\n');
	expect(joined).toBe(await json(['-p', `a file\nof two lines\n\n${question}`]));
	expect(joined).toBeGreaterThan(await json(['-p', question]));
});

test('the answer is written while it is generated', async () => {
	const child = startProgram(home, [endless, '--temp', '0', '-p', 'hello']);
	child.stdin?.end();
	const [chunk] = await once(child.stdout ?? child, 'data');
	expect(String(chunk)).toMatch(/^ ?layer/);
	expect(child.exitCode).toBeNull();
	child.kill('SIGTERM');
	expect(await exitOf(child)).toEqual({code: 143, signal: null});
});

const number = expect.any(Number);

test('--json is one line with the documented fields', async () => {
	const {code, stdout, stderr} = await runProgram(home, [guidePath, '-p', question, '--json']);
	expect({code, stderr}).toEqual({code: 0, stderr: ''});
	expect(stdout.indexOf('\n')).toBe(stdout.length - 1);
	const parsed = JSON.parse(stdout);
	expect(parsed).toEqual({
		schema: 1,
		text: answer.trim(),
		stopReason: 'end',
		prompt: {tokens: number, ms: number, tokensPerSecond: number},
		generation: {tokens: number, ms: number, tokensPerSecond: number, firstTokenMs: number},
		memory: {vramBytes: 0, ramBytes: number},
		settings: expect.objectContaining({
			gpuLayers: 0,
			contextSize: 2048,
			cacheTypeK: 'f16',
			cacheTypeV: 'f16',
			batchSize: 512,
			threads: number,
			flashAttention: 'auto',
		}),
	});
	const {prompt, generation} = parsed;
	expect(prompt.tokens).toBeGreaterThan(5);
	expect(prompt.tokensPerSecond).toBeCloseTo((prompt.tokens / prompt.ms) * 1000, 0);
	expect(generation.tokens).toBeGreaterThan(20);
	expect(generation.tokensPerSecond).toBeGreaterThan(0);
});

test('its speed is learned from', async () => {
	const own = makeHome();
	await runProgram(own, [guidePath, '-p', question]);
	const [machine] = Object.values(JSON.parse(readFileSync(join(own.env.XDG_DATA_HOME, 'vramble', 'calibration.json'), 'utf8')).machines);
	expect(machine).toMatchObject({observed: [{model: guidePath, tokensPerSecond: number}]});
	own.remove();
});

test('what cannot be measured is null', async () => {
	const {stdout} = await runProgram(home, [guidePath, '-p', question, '--json', '-n', '1']);
	expect(JSON.parse(stdout).generation).toMatchObject({tokens: 1, tokensPerSecond: null});
});

test('-n limits the answer', async () => {
	const {code, stdout} = await runProgram(home, [endless, '--temp', '0', '-p', 'hello', '-n', '3', '--json']);
	expect(code).toBe(0);
	expect(JSON.parse(stdout)).toMatchObject({
		text: expect.stringMatching(/^ ?layer layer layer$/),
		stopReason: 'length',
		generation: {tokens: 3},
	});
});

test('the same seed gives the same text, another one another', async () => {
	const sampling = ['--temp', '1', '--top-k', '0', '--top-p', '1', '--min-p', '0', '-n', '20'];
	const text = async (seed: string) => (await runProgram(home, [endless, '-p', 'hello', ...sampling, '--seed', seed])).stdout;
	const first = await text('7');
	expect(first.trim()).not.toBe('');
	expect(await text('7')).toBe(first);
	expect(await text('8')).not.toBe(first);
});

test('--system is told to the model, and by default there is none', async () => {
	const tokens = async (args: readonly string[]) =>
		JSON.parse((await runProgram(home, ['-p', question, '-n', '1', '--json', ...args])).stdout).prompt.tokens as number;
	const without = await tokens([]);
	// <|im_start|>user\n … <|im_end|>\n<|im_start|>assistant\n and nothing before it.
	expect(without).toBeLessThan(25);
	expect(await tokens(['--system', 'You are a pirate.'])).toBeGreaterThan(without + 5);
});

test('a context larger than the model was trained for is allowed, with a warning', async () => {
	const {stderr, ...rest} = await runProgram(home, [guidePath, '-c', '4096', '-p', question]);
	expect(rest).toEqual({code: 0, signal: null, stdout: answer});
	expect(stderr).toMatch(/^vramble: .*\b4,?096\b.*\b2,?048\b.*\n$/);
});

test('more layers than there are means all', async () => {
	const stderr = expect.stringMatching(/^(vramble: llama\.cpp uses no GPU: --gpu-layers changes nothing.*\n)?$/);
	expect(await runProgram(home, [guidePath, '-ngl', '9999', '-p', question])).toEqual({...answered, stderr});
});

describe('interrupted', () => {
	test.each([
		['SIGINT', 130],
		['SIGTERM', 143],
		['SIGHUP', 129],
	] as const)('%s in the middle of an answer ends with %i', async (signal, code) => {
		const child = startProgram(home, [endless, '--temp', '0', '-p', 'hello']);
		child.stdin?.end();
		await once(child.stdout ?? child, 'data');
		const startedAt = performance.now();
		child.kill(signal);
		expect(await exitOf(child)).toEqual({code, signal: null});
		expect(performance.now() - startedAt).toBeLessThan(leavingMs);
	});

	test('SIGINT while standard input is awaited', async () => {
		const child = startProgram(home, ['-p', question]);
		let said = '';
		child.stderr?.on('data', chunk => {
			said += chunk;
		});
		await vi.waitFor(() => expect(said).toContain('waiting for the end of standard input'), {timeout: 60_000});
		child.kill('SIGINT');
		expect(await exitOf(child)).toEqual({code: 130, signal: null});
	});
});

describe('nobody listens', () => {
	test.skipIf(!existsSync('/dev/full')).each([
		['the help', ['--help']],
		['the version', ['--version']],
		['a plan', ['plan', guidePath, '-ngl', '0']],
		['an answer', [guidePath, '-p', question]],
	])('a full disk is told: %s', async (_what, args) => {
		const disk = openSync('/dev/full', 'w');
		const child = startProgram(home, args, {stdout: disk});
		closeSync(disk);
		child.stdin?.end();
		let said = '';
		child.stderr?.on('data', chunk => {
			said += chunk;
		});
		expect(await exitOf(child)).toEqual({code: 1, signal: null});
		expect(said).toBe('vramble: the output cannot be written: ENOSPC: no space left on device, write.\n');
	});

	test('a closed pipe ends it quietly', async () => {
		const child = startProgram(home, [endless, '--temp', '0', '-p', 'hello']);
		child.stdin?.end();
		let said = '';
		child.stderr?.on('data', chunk => {
			said += chunk;
		});
		await once(child.stdout ?? child, 'data');
		const startedAt = performance.now();
		child.stdout?.destroy();
		expect(await exitOf(child)).toMatchObject({signal: null});
		expect(performance.now() - startedAt).toBeLessThan(leavingMs);
		expect(said).toBe('');
	});

	test('so does one that was closed before the answer began', async () => {
		const child = startProgram(home, [guidePath, '-p', question]);
		child.stdin?.end();
		child.stdout?.destroy();
		let said = '';
		child.stderr?.on('data', chunk => {
			said += chunk;
		});
		expect(await exitOf(child)).toEqual({code: 0, signal: null});
		expect(said).toBe('');
	});

	test('a closed stderr changes nothing', async () => {
		const child = startProgram(home, [guidePath, '-c', '4096', '-p', question]);
		child.stdin?.end();
		child.stderr?.destroy();
		let said = '';
		child.stdout?.on('data', chunk => {
			said += chunk;
		});
		expect(await exitOf(child)).toEqual({code: 0, signal: null});
		expect(said).toBe(answer);
	});
});

test('an answer that is not ended by a line break gets one', async () => {
	const {stdout} = await runProgram(home, [endless, '--temp', '0', '-p', 'hello', '-n', '2']);
	expect(stdout).toMatch(/^ ?layer layer\n$/);
});
