import {EngineError, type EngineErrorCode} from './engine-errors.js';
import type {Call, Engine} from './types.js';

/** What both ends of a worker thread share: `worker_threads`' ports, or a pair made in a test. */
export type Port = {
	postMessage(message: unknown): void;
	on(event: 'message', listener: (message: unknown) => void): unknown;
};

type Verb = keyof Engine;
type Asked = {readonly id: number; readonly verb: Verb; readonly request: unknown} | {readonly id: number; readonly abort: true};
type SentError = {readonly code: EngineErrorCode; readonly message: string; readonly why?: string; readonly advice?: string};
type Told =
	| {readonly id: number; readonly event: unknown}
	| {readonly id: number; readonly result: unknown}
	| {readonly id: number; readonly error: SentError};

const sendable = (error: unknown): SentError => {
	if (error instanceof EngineError) return {code: error.code, message: error.message, why: error.why, advice: error.advice};
	return {code: 'failed', message: error instanceof Error ? error.message : String(error)};
};

/** Answers what comes through the port with the engine behind it. */
export const serveEngine = (engine: Engine, port: Port): void => {
	const running = new Map<number, AbortController>();

	port.on('message', async message => {
		const asked = message as Asked;
		const {id} = asked;
		if ('abort' in asked) {
			running.get(id)?.abort();
			return;
		}

		const controller = new AbortController();
		running.set(id, controller);
		try {
			const verb = engine[asked.verb] as (request: unknown, call: Call<unknown>) => Promise<unknown>;
			const onEvent = (event: unknown) => port.postMessage({id, event} satisfies Told);
			const result = await verb(asked.request, {signal: controller.signal, onEvent});
			port.postMessage({id, result} satisfies Told);
		} catch (error) {
			port.postMessage({id, error: sendable(error)} satisfies Told);
		} finally {
			running.delete(id);
		}
	});
};

type Pending = {readonly resolve: (result: unknown) => void; readonly reject: (error: unknown) => void; readonly call: Call<unknown>};

/** The engine at the other end of a port, which is opened when something is asked. `fail` rejects everything that is under way: the other end is gone. */
export const connectEngine = (openPort: () => Port): {readonly engine: Engine; readonly fail: (error: EngineError) => void} => {
	const pending = new Map<number, Pending>();
	let lastId = 0;
	let failure: EngineError | undefined;

	const listen = (message: unknown) => {
		const told = message as Told;
		const asked = pending.get(told.id);
		if (!asked) return;
		if ('event' in told) {
			asked.call.onEvent?.(told.event);
			return;
		}

		pending.delete(told.id);
		if ('error' in told) asked.reject(new EngineError(told.error.code, told.error.message, told.error));
		else asked.resolve(told.result);
	};

	let opened: Port | undefined;
	const port = (): Port => {
		if (!opened) {
			opened = openPort();
			opened.on('message', listen);
		}

		return opened;
	};

	const verb =
		(name: Verb) =>
		(request: unknown = {}, call: Call<unknown> = {}) =>
			new Promise<never>((resolve, reject) => {
				if (failure) throw failure;
				if (call.signal?.aborted) throw new EngineError('aborted', 'Stopped.');
				lastId++;
				const id = lastId;
				const abort = () => port().postMessage({id, abort: true} satisfies Asked);
				call.signal?.addEventListener('abort', abort, {once: true});
				const settled = <T>(settle: (value: T) => void) => {
					return (value: T) => {
						call.signal?.removeEventListener('abort', abort);
						settle(value);
					};
				};

				pending.set(id, {resolve: settled(resolve as (result: unknown) => void), reject: settled(reject), call});
				port().postMessage({id, verb: name, request} satisfies Asked);
			});

	const engine: Engine = {
		start: verb('start'),
		describe: verb('describe'),
		loadModel: verb('loadModel'),
		createContext: verb('createContext'),
		setThreads: verb('setThreads'),
		freeContext: verb('freeContext'),
		freeModel: verb('freeModel'),
		saveState: verb('saveState'),
		restoreState: verb('restoreState'),
		replay: verb('replay'),
		setConversation: verb('setConversation'),
		answer: verb('answer'),
		measure: verb('measure'),
		measureKernels: verb('measureKernels'),
		memory: verb('memory'),
		dryRun: verb('dryRun'),
		capVram: verb('capVram'),
		dispose: verb('dispose'),
	};

	return {
		engine,
		fail(error) {
			failure = error;
			for (const {reject} of pending.values()) reject(error);
			pending.clear();
		},
	};
};
