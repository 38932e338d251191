import type {ModelWeights} from '../planner/types.js';

/**
The port between vramble and its engine. Everything that crosses it can be sent as a message (the screen runs the engine on a worker thread),
so handles stay behind it; sizes are bytes, times milliseconds, ratios 0 to 1.
*/

export type GpuChoice = 'auto' | 'cuda' | 'vulkan' | 'metal' | 'off';
export type Backend = 'cuda' | 'vulkan' | 'metal' | 'cpu';
export const cacheTypeNames = ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;
export type CacheType = (typeof cacheTypeNames)[number];
/** The split modes that a backend here has: rows can be split by none of CUDA, Vulkan and Metal in llama.cpp v0.5.0. */
export const splitModes = ['none', 'layer'] as const;
export type SplitMode = (typeof splitModes)[number];
export type FlashAttention = 'auto' | 'on' | 'off';

/** Settings in llama.cpp's words, all resolved: no "auto" but where llama.cpp itself knows one. */
export type Settings = {
	/** Layers on the GPU, 0 to `ModelFacts.layers` (the output layer counts as one). */
	readonly gpuLayers: number;
	/** Layers whose experts stay on the CPU although the layer is on the GPU (`--n-cpu-moe`); 0 where nothing can place them. */
	readonly cpuExpertLayers: number;
	/** Tokens. */
	readonly contextSize: number;
	readonly cacheTypeK: CacheType;
	readonly cacheTypeV: CacheType;
	/** Tokens evaluated at once while a prompt is processed. */
	readonly batchSize: number;
	readonly threads: number;
	readonly flashAttention: FlashAttention;
	/** Weights on the CPU are mapped from the file, not copied. */
	readonly mmap: boolean;
	/** The system may not take the weights out of RAM again. */
	readonly mlock: boolean;
	/** `PATTERN=CPU,…`: tensors that stay on the CPU although their layer is on the GPU (`--override-tensor`). */
	readonly overrideTensor?: string | undefined;
	/** false: the KV cache stays in RAM, and attention is computed there (`--no-kv-offload`). */
	readonly kvOffload?: boolean | undefined;
	/** `CUDA0,CUDA1`: the devices that layers go to (`--device`); undefined: all. */
	readonly device?: string | undefined;
	/** `none`: all layers go to one device (`--split-mode`); undefined: `layer`. */
	readonly splitMode?: SplitMode | undefined;
	/** The device of `none`, counted from 0 (`--main-gpu`). */
	readonly mainGpu?: number | undefined;
	/** `3,1`: each device's share of the layers (`--tensor-split`); undefined: as much as is free on each. */
	readonly tensorSplit?: string | undefined;
	/** Tokens that stood in the conversation before are guessed to come again, and checked several at once (prompt lookup). */
	readonly lookup?: boolean | undefined;
	/** The path of a smaller model with the same vocabulary, which guesses what comes (`--draft-model`). */
	readonly draftModel?: string | undefined;
	/** Its layers on the GPU (`--gpu-layers-draft`). */
	readonly draftGpuLayers?: number | undefined;
};

/** What the engine is asked for: `auto` lets it choose; the answer says what it chose. The planner settles layers and context before. */
export type WantedSettings = Omit<Settings, 'gpuLayers' | 'cpuExpertLayers' | 'contextSize' | 'threads'> & {
	readonly gpuLayers: number | 'auto';
	readonly cpuExpertLayers: number | 'auto';
	/** `usual`: 8,192 or the model's own if smaller; `auto`: what fits. */
	readonly contextSize: number | 'auto' | 'usual';
	readonly threads: number | 'auto';
};

/** Where llama.cpp computes, as it says itself once it is loaded. */
export type Device = {
	readonly backend: Backend;
	/** Empty: CPU only. */
	readonly names: readonly string[];
	/** Why the native hooks do nothing here; undefined: they work. */
	readonly hooksOff?: string | undefined;
	/** What `auto` threads stand for; undefined: it was not asked. */
	readonly autoThreads?: number | undefined;
};

/** A device that layers can go to, as llama.cpp calls it. */
export type GpuDevice = {
	/** `CUDA0` */
	readonly name: string;
	readonly description: string;
	/** It takes its memory from the RAM. */
	readonly isIntegrated: boolean;
	readonly totalBytes: number;
	readonly freeBytes: number;
};

/** llama.cpp as it is loaded. */
export type EngineFacts = {
	readonly nodeLlamaCpp: string;
	readonly llamaCpp: string;
	/** Cores that are worth a thread of their own. */
	readonly mathCores: number;
	/** Those that its CPU part was compiled for: `AVX2`. */
	readonly instructionSets: readonly string[];
	/** Told by the native hooks; none without them. */
	readonly devices: readonly GpuDevice[];
};

export type ModelFacts = {
	readonly path: string;
	readonly name: string;
	readonly architecture: string;
	/** As in file names: `Q4_K_M`; undefined: the file does not say. */
	readonly quantization: string | undefined;
	readonly sizeBytes: number;
	/** Blocks and the output layer, as llama.cpp counts GPU layers. */
	readonly layers: number;
	/** Tokens; undefined: the file does not say. */
	readonly trainedContext: number | undefined;
	/** Layers with experts; 0: a dense model. */
	readonly expertLayers: number;
	readonly weights: ModelWeights;
};

/** Of all devices that layers go to, summed: llama.cpp tells no more. `usedBytes` counts every program, as far as the driver tells. */
export type DeviceMemory = {
	readonly totalBytes: number;
	readonly usedBytes: number;
	/** How many there are; default: 1. */
	readonly devices?: number;
	/** It is a part of the RAM: integrated GPUs, Apple silicon. */
	readonly isUnified?: boolean;
};

/** llama.cpp's own accounting of what this process holds, and what the device says of itself. */
export type EngineMemory = {
	/** undefined: no device. */
	readonly vram: DeviceMemory | undefined;
	readonly ownVramBytes: number;
	readonly ownRamBytes: number;
	/** The part of it that is weights; where they are mapped, all of the file from the first to the last one that stays on the CPU. */
	readonly ownRamWeightsBytes?: number | undefined;
};

/** Bytes on either side; what llama.cpp maps from the file counts as RAM. */
export type MemorySplit = {readonly vramBytes: number; readonly ramBytes: number};

/** What settings would take, asked of llama.cpp without loading anything. */
export type DryRun = {
	/** false: llama.cpp could not simulate it, and node-llama-cpp's rough formula answered. */
	readonly exact: boolean;
	readonly weights: MemorySplit;
	/** All that the context takes: KV cache, recurrent state and compute buffers. */
	readonly context: MemorySplit;
	/** The part of `context` that is compute buffers, as llama.cpp says in its log (to 0.01 MiB); the rest is KV cache and recurrent state. undefined: it did not say. */
	readonly compute: MemorySplit | undefined;
	/** The part that is recurrent state, told in the same way; it does not grow with the context. undefined: there is none. */
	readonly recurrent?: MemorySplit | undefined;
	/** All that the draft model takes, weights and context; undefined: there is none. */
	readonly draft?: MemorySplit | undefined;
	/** The device gives no buffer of the size that the KV cache would need: the numbers are guesses. */
	readonly isCacheTooLarge?: boolean;
};

/** `settings` is what was really got: a context may come out smaller than asked. */
export type Loaded = {
	readonly settings: Settings;
	readonly memory: EngineMemory;
	/** Why nothing is guessed although the settings say so. */
	readonly draftingOff?: string | undefined;
};

export type Message = {readonly role: 'user' | 'assistant'; readonly text: string};

export type Sampling = {
	/** 0: always the most likely token. */
	readonly temperature: number;
	readonly seed: number | undefined;
	readonly topK: number;
	readonly topP: number;
	readonly minP: number;
};

/** What guessing ahead was worth in an answer: tokens that were guessed, and those of them that sampling would have chosen anyway. */
export type Drafting = {
	readonly drafted: number;
	readonly accepted: number;
	/** It does not pay now, and is tried again later. */
	readonly off: {readonly tokensPerSecondWith: number; readonly tokensPerSecondWithout: number} | undefined;
};

export type StopReason = 'end' | 'length' | 'interrupted';

export type Answer = {
	readonly text: string;
	readonly stopReason: StopReason;
	/** `tokens` counts what was evaluated, not what was restored or still in the cache. */
	readonly prompt: {readonly tokens: number; readonly ms: number; readonly threads: number};
	readonly generation: {
		readonly tokens: number;
		/** From the first text to the last. */
		readonly ms: number;
		/** In that time; undefined: there was none. */
		readonly tokensPerSecond: number | undefined;
		readonly firstTokenMs: number;
	};
	/** Its longest part that was computed with one number of threads, mostly all of it: what it says of the machine's speed. */
	readonly steady: {
		readonly threads: number;
		readonly tokens: number;
		readonly tokensPerSecond: number | undefined;
		/** Tokens in the context in the middle of it. */
		readonly fillTokens: number;
	};
	readonly contextUsed: number;
	/** The beginning of the conversation no longer fits into the context. */
	readonly forgot: boolean;
	/** undefined: nothing was guessed, as the settings say. */
	readonly drafting?: Drafting | undefined;
};

export type AnswerEvent =
	| {readonly type: 'processing'; readonly done: number; readonly total: number}
	| {
			readonly type: 'text';
			readonly text: string /** in all, since the answer began */;
			readonly tokens: number;
			readonly contextUsed: number;
			readonly drafting?: Drafting | undefined;
			/** That the next token is computed with. */
			readonly threads: number;
	  };

/** What comes with a call: a way to stop it and what it reports on the way. */
export type Call<Event = never> = {readonly signal?: AbortSignal; readonly onEvent?: (event: Event) => void};

export type Progress = {readonly progress: number};

/** Something that the CPU computes: weights of a type (`Q4_K`, as in `tensorTypes`), from the RAM or all from a cache, experts of which a token reads a few, or attention over a KV cache. */
export type Kernel =
	| {readonly kind: 'weights' | 'cached' | 'experts'; readonly type: string}
	| {readonly kind: 'attention'; readonly type: CacheType; readonly headSize: number; readonly headsPerKvHead: number};

export const kernelKey = (kernel: Kernel): string =>
	kernel.kind === 'attention'
		? `attention ${kernel.type} ${kernel.headSize} x ${kernel.headsPerKvHead}`
		: kernel.kind === 'weights'
			? kernel.type
			: `${kernel.kind} ${kernel.type}`;

/** For one token, and for each of many at once. */
type ByUse = {readonly token: number; readonly prompt: number};

/** Bytes per second that one thread gets through, and all together; of a KV cache once for each head that reads it. */
export type KernelSpeed = {readonly one: ByUse; readonly all: ByUse};

export type Measured = {readonly promptMs: number; readonly generationMs: number};

/**
One llama.cpp session: at most one model, one context, one conversation.

Every verb rejects with an `EngineError`; a verb whose signal is aborted rejects with code `aborted` and leaves the engine without what it was about to make.
*/
export type Engine = {
	/** Loads llama.cpp itself and picks the backend. */
	start(request: {readonly gpu: GpuChoice}): Promise<Device>;
	describe(): Promise<EngineFacts>;
	/** Loads weights; there must be none. With `auto` layers, room is left for a context of `wantedContextSize`. */
	loadModel(request: {readonly path: string; readonly settings: WantedSettings}, call?: Call<Progress>): Promise<void>;
	/** Makes a context over the loaded weights; there must be none. The conversation (if any) belongs to it from then on. */
	createContext(request: {readonly settings: WantedSettings}, call?: Call): Promise<Loaded>;
	/** From the next batch on, also of an answer that is being written. */
	setThreads(request: {readonly threads: number}): Promise<void>;
	/** The conversation so far is kept, as text. */
	freeContext(): Promise<void>;
	/** Context first, where there is one. The conversation so far is kept, as text. */
	freeModel(): Promise<void>;
	/** Writes the evaluated state of the conversation to a file. */
	saveState(request: {readonly file: string}): Promise<{readonly tokens: number; readonly sizeBytes: number}>;
	/** Reads it back into a context, whose layers and size may differ. */
	restoreState(request: {readonly file: string}): Promise<{readonly tokens: number}>;
	/** Evaluates the conversation again where its state could not be restored. Stopped, it resolves with what is evaluated; the next answer evaluates the rest. */
	replay(request: Record<string, never>, call?: Call<AnswerEvent>): Promise<{readonly tokens: number}>;
	/** Replaces the conversation. */
	setConversation(request: {readonly system: string | undefined; readonly messages: readonly Message[]}): Promise<void>;
	answer(
		request: {readonly prompt: string; readonly sampling: Sampling; readonly maxTokens: number | undefined},
		call?: Call<AnswerEvent>,
	): Promise<Answer>;
	/** Evaluates `promptTokens` at once and `generatedTokens` one after the other, none of which mean anything, in an empty context and without sampling. The conversation's evaluated state is gone afterwards. */
	measure(request: {readonly promptTokens: number; readonly generatedTokens: number}, call?: Call<Progress>): Promise<Measured>;
	/** Some 0.3 s for each; undefined: the native hooks are off, or it cannot be computed here. */
	measureKernels(
		request: {readonly kernels: readonly Kernel[]; readonly threads: number},
		call?: Call,
	): Promise<ReadonlyArray<KernelSpeed | undefined>>;
	/** The VRAM of the devices that `settings` choose; without them: of those that the settings chose that were asked about last. */
	memory(request?: {readonly settings?: WantedSettings}): Promise<EngineMemory>;
	/** Asks llama.cpp what settings would take. Costs some 0.2 s for a layer count that was not asked about lately, 0.03 s for a context. */
	dryRun(request: {readonly path: string; readonly settings: Settings}): Promise<DryRun>;
	/** The most VRAM that llama.cpp may take from now on; undefined: what there is. */
	capVram(request: {readonly bytes: number | undefined}): Promise<void>;
	/** Frees everything in order. Nothing can be asked afterwards. */
	dispose(): Promise<void>;
};
