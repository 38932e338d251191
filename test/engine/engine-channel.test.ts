import {MessageChannel} from 'node:worker_threads';
import {afterEach, expect, test} from 'vitest';
import {connectEngine, serveEngine} from '../../source/engine/engine-channel.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import type {AnswerEvent, Engine} from '../../source/engine/types.js';
import {baseSettings, createFakeEngine, gpuDevice, wantedAuto} from '../support/fake-engine.js';

let close: (() => void) | undefined;
afterEach(() => {
	close?.();
	close = undefined;
});

/** An engine behind a port, as on its worker thread. */
const connect = (engine: Engine) =>
	connectEngine(() => {
		const {port1, port2} = new MessageChannel();
		close = () => port1.close();
		serveEngine(engine, port2);
		return port1;
	});

const connectFake = (options?: Parameters<typeof createFakeEngine>[0]) => {
	const fake = createFakeEngine(options);
	return {...fake, ...connect(fake.engine)};
};

const question = {
	prompt: 'hello',
	sampling: {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05},
	maxTokens: undefined,
};

test('results come back', async () => {
	const {engine, calls} = connectFake();
	expect(await engine.start({gpu: 'auto'})).toEqual(gpuDevice);
	expect(await engine.loadModel({path: '/models/x.gguf', settings: wantedAuto})).toBeUndefined();
	expect(await engine.createContext({settings: wantedAuto})).toMatchObject({settings: baseSettings});
	expect(await engine.dryRun({path: '/models/x.gguf', settings: baseSettings})).toMatchObject({exact: true});
	await engine.freeContext();
	await engine.dispose();
	expect(calls).toEqual(['start', 'loadModel', 'createContext', 'dryRun', 'freeContext', 'dispose']);
});

test('nothing is opened before something is asked, and then once', async () => {
	const {engine} = connectFake();
	expect(close).toBeUndefined();
	await engine.memory();
	const first = close;
	expect(first).toBeDefined();
	await engine.memory();
	expect(close).toBe(first);
});

test('every verb of the port goes through', async () => {
	const verbs = Object.keys(createFakeEngine().engine) as Array<keyof Engine>;
	const echo = Object.fromEntries(verbs.map(verb => [verb, async (request: unknown) => ({verb, request})]));
	const {engine} = connect(echo as unknown as Engine);
	expect(Object.keys(engine).sort()).toEqual([...verbs].sort());
	for (const verb of verbs) {
		const call = engine[verb] as (request: unknown) => Promise<unknown>;
		expect(await call({of: verb})).toEqual({verb, request: {of: verb}});
	}
});

test('events come before the result, each to its own call', async () => {
	const {engine} = connectFake({reply: prompt => `${prompt} ${prompt}`});
	const ask = async (prompt: string) => {
		const events: AnswerEvent[] = [];
		const answer = await engine.answer({...question, prompt}, {onEvent: event => events.push(event)});
		return [answer.text, events.map(event => (event.type === 'text' ? event.text : event.total))];
	};

	expect(await Promise.all([ask('one'), ask('two')])).toEqual([
		['one one', [7, 'one ', 'one']],
		['two two', [7, 'two ', 'two']],
	]);
});

test('calls that run at the same time get each their own result', async () => {
	const {engine, hold} = connectFake();
	const release = hold('loadModel');
	const loading = engine.loadModel({path: '/models/x.gguf', settings: wantedAuto});
	expect(await engine.memory()).toMatchObject({ownVramBytes: expect.any(Number)});
	release();
	await loading;
});

test('errors keep code, reason and advice', async () => {
	const error = new EngineError('out-of-memory', 'No room.', {why: 'It is full.', advice: 'Use fewer layers.'});
	const {engine} = connect({...createFakeEngine().engine, start: async () => Promise.reject(error)});
	const failure = await engine.start({gpu: 'auto'}).catch((caught: unknown) => caught);
	expect(failure).toBeInstanceOf(EngineError);
	expect(failure).toMatchObject({code: 'out-of-memory', message: 'No room.', why: 'It is full.', advice: 'Use fewer layers.'});
});

test.each([
	['another error', new TypeError('x is not a function'), 'x is not a function'],
	['no error at all', 'nonsense', 'nonsense'],
])('%s is a failure of the engine', async (_what, thrown, message) => {
	const {engine} = connect({...createFakeEngine().engine, memory: async () => Promise.reject(thrown)});
	await expect(engine.memory()).rejects.toMatchObject({name: 'EngineError', code: 'failed', message});
});

test('what cannot be sent is an error and not a hang', async () => {
	const unsendable = {ownVramBytes: () => 1} as never;
	const {engine} = connect({...createFakeEngine().engine, memory: async () => unsendable});
	await expect(engine.memory()).rejects.toMatchObject({code: 'failed'});
});

test('a call can be stopped, and only that one', async () => {
	const {engine, hold} = connectFake();
	const release = hold('loadModel');
	const controller = new AbortController();
	const settings = wantedAuto;
	const stopped = engine.loadModel({path: '/models/a.gguf', settings}, {signal: controller.signal});
	const other = engine.loadModel({path: '/models/b.gguf', settings}, {signal: new AbortController().signal});
	controller.abort();
	await expect(stopped).rejects.toMatchObject({code: 'aborted'});
	release();
	await other;
});

test('an answer that is stopped ends with what it has', async () => {
	const {engine, hold} = connectFake();
	hold('answer');
	const controller = new AbortController();
	const answer = engine.answer(question, {
		signal: controller.signal,
		onEvent: event => {
			if (event.type === 'text') controller.abort();
		},
	});
	expect(await answer).toMatchObject({text: 'You ', stopReason: 'interrupted'});
});

test('what is stopped before it begins is not asked; stopped after its end changes nothing', async () => {
	const {engine, calls} = connectFake();
	await expect(engine.answer(question, {signal: AbortSignal.abort()})).rejects.toMatchObject({code: 'aborted'});
	const controller = new AbortController();
	await engine.answer(question, {signal: controller.signal});
	controller.abort();
	await engine.memory();
	expect(calls).toEqual(['answer']);
});

test('when the other end is gone, what is under way fails, and what is asked afterwards too', async () => {
	const {engine, hold, fail} = connectFake();
	hold('start');
	hold('loadModel');
	const underWay = [engine.start({gpu: 'auto'}), engine.loadModel({path: '/models/x.gguf', settings: wantedAuto})];
	const gone = new EngineError('failed', 'The engine has ended.');
	fail(gone);
	for (const call of underWay) await expect(call).rejects.toBe(gone);
	await expect(engine.memory()).rejects.toBe(gone);
});
