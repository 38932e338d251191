import {PassThrough, Readable} from 'node:stream';
import {expect, test, vi} from 'vitest';
import {type AnswerOnceOptions, answerOnce, joinPrompt, readInput} from '../../source/commands/answer-once.js';
import type {WantedSettings} from '../../source/engine/types.js';
import {baseSettings, createFakeEngine, wantedAuto} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const question: AnswerOnceOptions = {
	prompt: 'hello',
	model: bigModel,
	gpu: 'auto',
	wanted: wantedAuto,
	sampling: {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05},
	system: undefined,
	maxTokens: undefined,
	json: false,
};

const collect = () => {
	const stream = new PassThrough({encoding: 'utf8'});
	let text = '';
	stream.on('data', chunk => {
		text += chunk;
	});
	return {stream, text: () => text};
};

const planner = {
	settle: async (wanted: WantedSettings) => wanted,
	loaded: async () => {},
	taken: async () => ({vramBytes: 20, ramBytes: 10}),
	answered: async () => {},
};

const start = (fake: ReturnType<typeof createFakeEngine>, options: Partial<AnswerOnceOptions> = {}) => {
	const [stdout, stderr] = [collect(), collect()];
	const controller = new AbortController();
	const code = answerOnce(
		{...question, ...options},
		{engine: fake.engine, planner, stdout: stdout.stream, stderr: stderr.stream, signal: controller.signal},
	);
	return {code, stdout, stderr, interrupt: () => controller.abort()};
};

const run = async (options?: Partial<AnswerOnceOptions>, fakeOptions?: Parameters<typeof createFakeEngine>[0]) => {
	const fake = createFakeEngine(fakeOptions);
	const {code, stdout, stderr} = start(fake, options);
	return {...fake, code: await code, stdout: stdout.text(), stderr: stderr.text()};
};

test('the answer on stdout with a line end, nothing on stderr, 0', async () => {
	const {code, stdout, stderr, calls} = await run();
	expect([code, stdout, stderr]).toEqual([0, 'You said: hello\n', '']);
	expect(calls).toEqual(['start', 'setConversation', 'loadModel', 'createContext', 'answer']);
});

test('an answer that ends its line itself gets no second end', async () => {
	expect((await run({}, {reply: () => 'one\ntwo\n'})).stdout).toBe('one\ntwo\n');
	expect((await run({}, {reply: () => ''})).stdout).toBe('\n');
});

test('it streams', async () => {
	const fake = createFakeEngine();
	const release = fake.hold('answer');
	const {code, stdout} = start(fake);
	await expect.poll(stdout.text).toBe('You ');
	release();
	await code;
	expect(stdout.text()).toBe('You said: hello\n');
});

test('--json: one line that scripts rely on', async () => {
	const {code, stdout, stderr} = await run({json: true});
	expect([code, stderr, stdout.match(/\n/g)?.length]).toEqual([0, '', 1]);
	expect(JSON.parse(stdout)).toEqual({
		schema: 1,
		text: 'You said: hello',
		stopReason: 'end',
		prompt: {tokens: 7, ms: 70, tokensPerSecond: 100},
		generation: {tokens: 3, ms: 100, tokensPerSecond: 20, firstTokenMs: 70},
		memory: {vramBytes: 20, ramBytes: 10},
		settings: baseSettings,
	});
});

test('--json: what could not be measured is null', async () => {
	const {stdout} = await run({json: true}, {reply: () => 'one'});
	expect(JSON.parse(stdout).generation).toMatchObject({tokens: 1, tokensPerSecond: null});
});

test('the system prompt', async () => {
	expect((await run({system: 'Be brief.'})).system()).toBe('Be brief.');
});

test('more layers than the model has are all of them', async () => {
	const {stdout} = await run({json: true, wanted: {...wantedAuto, gpuLayers: 9999}});
	expect(JSON.parse(stdout).settings.gpuLayers).toBe(81);
});

test('a context larger than trained is allowed, with a word on stderr', async () => {
	const {code, stdout, stderr} = await run({wanted: {...wantedAuto, contextSize: 16_384}});
	expect([code, stdout]).toEqual([0, 'You said: hello\n']);
	expect(stderr).toBe('vramble: the context of 16384 tokens is larger than the 8192 that the model was trained for.\n');
});

test.each(['start', 'loadModel', 'createContext'] as const)('%s fails: 1, the reason on stderr, nothing on stdout', async verb => {
	const refuse = (refused: string) => (refused === verb ? ('out-of-memory' as const) : undefined);
	const {code, stdout, stderr} = await run({}, {refuse});
	expect([code, stdout, stderr]).toEqual([1, '', `vramble: No: ${verb}. It was told to.\n`]);
});

test('the answer fails in its middle: 1, what was written stays', async () => {
	const {code, stdout, stderr} = await run({}, {refuse: verb => (verb === 'answer' ? 'failed' : undefined)});
	expect([code, stdout.trimEnd(), stderr]).toEqual([1, 'You', 'vramble: No: answer. It was told to.\n']);
});

test.each(['loadModel', 'createContext'])('interrupted in %s: 130, nothing said', async verb => {
	const fake = createFakeEngine();
	fake.hold(verb);
	const {code, stdout, stderr, interrupt} = start(fake);
	await expect.poll(() => fake.calls.at(-1)).toBe(verb);
	interrupt();
	expect([await code, stdout.text(), stderr.text()]).toEqual([130, '', '']);
});

test('interrupted while it is written: 130, what was written stays', async () => {
	const fake = createFakeEngine();
	fake.hold('answer');
	const {code, stdout, interrupt} = start(fake);
	await expect.poll(stdout.text).toBe('You ');
	interrupt();
	expect([await code, stdout.text()]).toEqual([130, 'You \n']);
});

test.each([
	['', 'why?', 'why?'],
	['file\n\n', 'why?', 'file\n\nwhy?'],
	['why?\n', undefined, 'why?'],
	['  \n', undefined, ''],
	['', undefined, ''],
	['  indented\n', ' why? ', '  indented\n\n why? '],
])('input %j and prompt %j: %j', (input, prompt, joined) => {
	expect(joinPrompt(input, prompt)).toBe(joined);
});

test('standard input is read to its end, also where a character comes in two pieces', async () => {
	const euro = Buffer.from('€');
	const stderr = collect();
	const input = await readInput(Readable.from([Buffer.from('10 '), euro.subarray(0, 1), euro.subarray(1)]), stderr.stream);
	expect([input, stderr.text()]).toEqual(['10 €', '']);
});

test('standard input without an end is not read into the RAM', async () => {
	const endless = Readable.from(
		(function* () {
			for (;;) yield Buffer.alloc(1024 ** 2, 'x');
		})(),
	);
	await expect(readInput(endless, collect().stream)).rejects.toThrow('longer than 16 MiB');
});

test('standard input that does not end is told of', async () => {
	vi.useFakeTimers({toFake: ['setTimeout', 'clearTimeout']});
	const stderr = collect();
	const stdin = new PassThrough();
	const reading = readInput(stdin, stderr.stream);
	vi.useRealTimers();
	stdin.end('late');
	expect(await reading).toBe('late');
});
