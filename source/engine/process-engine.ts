import {type ChildProcess, fork} from 'node:child_process';
import {connectEngine} from './engine-channel.js';
import {EngineError} from './engine-errors.js';
import type {DryRun, Engine, GpuChoice, Settings} from './types.js';

/** What Node.js writes where node-llama-cpp cannot be loaded, or ggml before it ends the process: `…/ggml-backend.cpp:941: pre-allocated tensor …`. */
const lastWords = (written: string): string | undefined => {
	const [, error] = /^\w*Error(?: \[\w+\])?: (.+)$/m.exec(written) ?? [];
	if (error) return error.replace(/\.$/, '');
	const line = written.split('\n').find(text => /\.(?:c|cpp|cu|h|m|mm):\d+: /.test(text));
	return line?.replace(/^.*\.(?:c|cpp|cu|h|m|mm):\d+: /, '').trim();
};

const ended = (written: string, signal: NodeJS.Signals | undefined, isStarted: boolean): EngineError => {
	if (!isStarted && !signal) {
		const words = lastWords(written);
		return new EngineError('failed', 'llama.cpp does not start.', {
			...(words && {why: `It said: ${words}.`}),
			advice: 'Install vramble again (npm ci).',
		});
	}

	if (signal === 'SIGKILL') {
		return new EngineError('out-of-memory', 'llama.cpp was ended from outside.', {
			why: 'That is what the system does when memory runs out.',
			advice: 'Use a smaller context, or a smaller model.',
		});
	}

	const words = lastWords(written);
	if (words?.startsWith('pre-allocated tensor (cache_')) {
		return new EngineError('out-of-memory', 'The KV cache is too large for the GPU: its driver gives no buffer of that size.', {
			advice: 'Use a smaller context, a q8_0 KV cache, or fewer GPU layers.',
		});
	}

	return new EngineError('failed', 'llama.cpp gave up on these settings.', {
		...(words && {why: `It said: ${words}.`}),
		advice: 'Try a smaller context, or fewer GPU layers.',
	});
};

/** One dry run in a process that ends with it. */
export const askInProcess =
	(script: URL, gpu: GpuChoice) =>
	async (path: string, settings: Settings): Promise<DryRun> => {
		const engine = createProcessEngine(script);
		try {
			await engine.start({gpu});
			return await engine.dryRun({path, settings});
		} finally {
			await engine.dispose();
		}
	};

/** Without the verbs of a conversation, which would be gone with the process. */
export type ProcessEngine = Pick<
	Engine,
	| 'start'
	| 'describe'
	| 'memory'
	| 'dryRun'
	| 'capVram'
	| 'loadModel'
	| 'createContext'
	| 'freeContext'
	| 'freeModel'
	| 'measure'
	| 'measureKernels'
	| 'dispose'
> & {
	/** How many processes have ended by themselves; what was loaded before is gone. */
	readonly deaths: () => number;
};

/**
The engine in a process of its own: llama.cpp ends the process on some questions (a KV cache that the device cannot hold, among others). What was asked is then
answered with an error, and the next one starts another process, in which nothing is loaded.
*/
export const createProcessEngine = (
	script: URL,
): ProcessEngine & {
	/** Of the process that is running; undefined: none is. */
	readonly pid: () => number | undefined;
} => {
	let child: ChildProcess | undefined;
	let current: Engine | undefined;
	let request: Parameters<Engine['start']>[0] | undefined;
	let cap: Parameters<Engine['capVram']>[0] | undefined;
	let deaths = 0;

	const open = (): Engine => {
		const opened = fork(script, {
			serialization: 'advanced',
			stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
			// Nobody reads it, and it costs 1.5 s.
			env: {...process.env, GGML_NO_BACKTRACE: '1'},
		});
		child = opened;
		let written = '';
		let isStarted = false;
		opened.stderr?.setEncoding('utf8').on('data', (text: string) => {
			written = `${written}${text}`.slice(-10_000);
		});
		const {engine, fail} = connectEngine(() => ({
			postMessage: message => opened.send(message as object),
			on: (event, listener) => opened.on(event, listener),
		}));
		const die = (_code?: unknown, signal?: NodeJS.Signals) => {
			if (child === opened) {
				child = undefined;
				current = undefined;
				deaths++;
			}

			fail(ended(written, signal, isStarted));
		};

		// `close`: after what it wrote.
		opened.on('close', die).on('error', die);
		return {
			...engine,
			async start(asked) {
				const device = await engine.start(asked);
				isStarted = true;
				return device;
			},
		};
	};

	const running = async (): Promise<Engine> => {
		if (!current) {
			current = open();
			if (request) await current.start(request);
			if (cap) await current.capVram(cap);
		}

		return current;
	};

	return {
		async start(asked) {
			request = undefined;
			const device = await (await running()).start(asked);
			request = asked;
			return device;
		},
		describe: async () => (await running()).describe(),
		memory: async asked => (await running()).memory(asked),
		dryRun: async asked => (await running()).dryRun(asked),
		async capVram(asked) {
			await (await running()).capVram(asked);
			cap = asked;
		},
		loadModel: async (asked, call) => (await running()).loadModel(asked, call),
		createContext: async (asked, call) => (await running()).createContext(asked, call),
		freeContext: async () => (await running()).freeContext(),
		freeModel: async () => (await running()).freeModel(),
		measure: async (asked, call) => (await running()).measure(asked, call),
		measureKernels: async (asked, call) => (await running()).measureKernels(asked, call),
		deaths: () => deaths,
		pid: () => child?.pid,
		async dispose() {
			const last = child;
			child = undefined;
			current = undefined;
			last?.kill('SIGKILL');
		},
	};
};
