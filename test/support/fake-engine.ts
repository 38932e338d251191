import {EngineError, type EngineErrorCode} from '../../source/engine/engine-errors.js';
import type {
	Answer,
	AnswerEvent,
	Call,
	Device,
	Engine,
	EngineMemory,
	Measured,
	Settings,
	WantedSettings,
} from '../../source/engine/types.js';

export const gib = 1024 ** 3;

export const cpuDevice: Device = {backend: 'cpu', names: []};
export const gpuDevice: Device = {backend: 'cuda', names: ['RTX 3060']};

export const baseSettings: Settings = {
	gpuLayers: 12,
	contextSize: 4096,
	cacheTypeK: 'f16',
	cacheTypeV: 'f16',
	batchSize: 512,
	threads: 4,
	flashAttention: 'auto',
	cpuExpertLayers: 0,
	mmap: true,
	mlock: false,
};

export const wantedAuto: WantedSettings = {...baseSettings, gpuLayers: 'auto', contextSize: 'auto', threads: 'auto'};

type Options = {
	readonly device?: Device;
	/** What it says to a prompt, word by word. */
	readonly reply?: (prompt: string) => string;
	/** Threads that it goes on with after so many tokens of an answer; default: as before. */
	readonly tried?: (tokens: number) => number | undefined;
	/** Tokens that a conversation has when it is evaluated again; 0: it does not fit into the context. */
	readonly replayed?: number;
	/** How long a measurement takes; default: 1 ms a prompt token, 10 ms a generated one. */
	readonly measured?: (request: MeasureRequest) => Measured;
	/** Asked before weights and contexts are made, and after the first word of an answer: an error there is thrown instead. */
	readonly refuse?: (verb: RefusedVerb, settings: WantedSettings | undefined) => EngineErrorCode | undefined;
	/** What device and llama.cpp say of memory; `settings` are those of the context, undefined: nothing is loaded. */
	readonly memory?: (settings: Settings | undefined) => EngineMemory;
};

type RefusedVerb = 'start' | 'loadModel' | 'createContext' | 'restoreState' | 'answer' | 'measure';

type MeasureRequest = {readonly promptTokens: number; readonly generatedTokens: number; readonly settings: Settings};

/** An engine in memory: does at once what it is told, and writes down what that was. Its gates hold a verb until a test opens them. */
export const createFakeEngine = ({
	device = gpuDevice,
	reply = prompt => `You said: ${prompt}`,
	tried,
	replayed = 10,
	measured = ({promptTokens, generatedTokens}) => ({promptMs: promptTokens, generationMs: 10 * generatedTokens}),
	refuse = () => undefined,
	memory = () => ({
		vram: device.backend === 'cpu' ? undefined : {totalBytes: 12 * gib, usedBytes: 10 * gib},
		ownVramBytes: 9 * gib,
		ownRamBytes: gib,
	}),
}: Options = {}) => {
	const calls: string[] = [];
	const gates = new Map<string, Promise<void>>();
	const said: string[] = [];
	/** Prompt and generated tokens of each. */
	const measurements: Array<readonly [number, number]> = [];
	let system: string | undefined;
	let context: Settings | undefined;
	let evaluated = 0;
	let inUse = 4;
	let saved = 0;

	const pass = async (verb: string, signal?: AbortSignal) => {
		calls.push(verb);
		if (signal?.aborted) throw new EngineError('aborted', 'Stopped.');
		const gate = gates.get(verb);
		if (!gate) return;
		await new Promise<void>((resolve, reject) => {
			void gate.then(resolve);
			signal?.addEventListener('abort', () => reject(new EngineError('aborted', 'Stopped.')), {once: true});
		});
	};

	const check = (verb: RefusedVerb, settings?: WantedSettings) => {
		const code = refuse(verb, settings);
		if (code) throw new EngineError(code, `No: ${verb}.`, {why: 'It was told to.'});
	};

	const engine: Engine = {
		async start() {
			await pass('start');
			check('start');
			return device;
		},
		measureKernels: async ({kernels}) => kernels.map(() => undefined),
		describe: async () => ({nodeLlamaCpp: '3.22.1', llamaCpp: 'v0.5.0', mathCores: 4, instructionSets: ['AVX', 'AVX2'], devices: []}),
		async loadModel({settings}, call: Call<{progress: number}> = {}) {
			call.onEvent?.({progress: 0.5});
			await pass('loadModel', call.signal);
			check('loadModel', settings);
		},
		async createContext({settings}, {signal} = {}) {
			await pass('createContext', signal);
			check('createContext', settings);
			const {gpuLayers, contextSize, threads} = settings;
			const got = {
				...settings,
				gpuLayers: device.backend === 'cpu' ? 0 : gpuLayers === 'auto' ? 12 : gpuLayers,
				cpuExpertLayers: settings.cpuExpertLayers === 'auto' ? 0 : settings.cpuExpertLayers,
				contextSize: typeof contextSize === 'number' ? contextSize : 4096,
				threads: threads === 'auto' ? 4 : threads,
			};
			context = got;
			inUse = got.threads;
			return {settings: got, memory: memory(got)};
		},
		async setThreads({threads}) {
			calls.push(`setThreads ${threads}`);
			inUse = threads;
		},
		async freeContext() {
			calls.push('freeContext');
			context = undefined;
			evaluated = 0;
		},
		async freeModel() {
			calls.push('freeModel');
			context = undefined;
			evaluated = 0;
		},
		async saveState() {
			await pass('saveState');
			saved = evaluated;
			return {tokens: saved, sizeBytes: saved * 100};
		},
		async restoreState() {
			await pass('restoreState');
			check('restoreState');
			evaluated = saved;
			return {tokens: saved};
		},
		async replay(_request, call: Call<AnswerEvent> = {}) {
			if (replayed > 0) call.onEvent?.({type: 'processing', done: replayed / 2, total: replayed});
			evaluated = await pass('replay', call.signal).then(
				() => replayed,
				() => replayed / 2,
			);
			return {tokens: evaluated};
		},
		async setConversation({system: instruction, messages}) {
			calls.push('setConversation');
			system = instruction;
			evaluated = 0;
			said.splice(0, said.length, ...messages.map(({text}) => text));
		},
		async answer({prompt}, call: Call<AnswerEvent> = {}): Promise<Answer> {
			call.onEvent?.({type: 'processing', done: 0, total: 7});
			let text = '';
			let tokens = 0;
			let stopReason: Answer['stopReason'] = 'end';
			if (gates.has('prompt')) await pass('prompt', call.signal);
			for (const word of reply(prompt).split(/(?<= )/)) {
				text += word;
				tokens++;
				evaluated += 1;
				inUse = tried?.(tokens) ?? inUse;
				call.onEvent?.({type: 'text', text: word, tokens, contextUsed: evaluated, threads: inUse});
				if (tokens === 1 || gates.has('answer')) {
					const isStopped = await pass('answer', call.signal).then(
						() => false,
						() => true,
					);
					if (isStopped) {
						stopReason = 'interrupted';
						break;
					}

					check('answer');
				}
			}

			said.push(prompt, text);
			return {
				text,
				stopReason,
				prompt: {tokens: 7, ms: 70, threads: inUse},
				generation: {tokens, ms: 100, tokensPerSecond: tokens > 1 ? (tokens - 1) * 10 : undefined, firstTokenMs: 70},
				steady: {
					threads: inUse,
					tokens: tokens - 1,
					tokensPerSecond: tokens > 1 ? (tokens - 1) * 10 : undefined,
					fillTokens: evaluated - (tokens - 1) / 2,
				},
				contextUsed: evaluated,
				forgot: false,
			};
		},
		async measure({promptTokens, generatedTokens}, {signal, onEvent} = {}) {
			onEvent?.({progress: 0.5});
			await pass('measure', signal);
			check('measure', context);
			measurements.push([promptTokens, generatedTokens]);
			return measured({promptTokens, generatedTokens, settings: context ?? baseSettings});
		},
		memory: async () => memory(context),
		async dryRun({settings}) {
			await pass('dryRun');
			const onGpu = device.backend === 'cpu' ? 0 : settings.gpuLayers / 81;
			const cacheBytes = settings.contextSize * 320 * 1024 * (settings.cacheTypeK === 'f16' ? 1 : 0.53);
			return {
				exact: true,
				weights: {vramBytes: 40 * gib * onGpu, ramBytes: 40 * gib * (1 - onGpu)},
				context: {vramBytes: cacheBytes * onGpu, ramBytes: cacheBytes * (1 - onGpu)},
				compute: {vramBytes: 0, ramBytes: 0},
			};
		},
		async capVram({bytes}) {
			calls.push(`capVram ${bytes}`);
		},
		async dispose() {
			calls.push('dispose');
		},
	};

	return {
		engine,
		calls,
		/** The conversation as the engine has it. */
		said,
		measurements,
		/** The system prompt as the engine has it. */
		system: () => system,
		/** Holds a verb from now on until what is returned is called; an answer is held after its next word, at `prompt` before the first. */
		hold(verb: string): () => void {
			const {promise, resolve} = Promise.withResolvers<void>();
			gates.set(verb, promise);
			return () => {
				if (gates.get(verb) === promise) gates.delete(verb);
				resolve();
			};
		},
	};
};
