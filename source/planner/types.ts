import type {DryRun, Settings} from '../engine/types.js';

/** Bytes of weights by where llama.cpp places them; the GPU takes whole blocks from the last one down, after the output. */
export type LayerSizes = {
	/** Embeddings, which always stay on the CPU. */
	readonly inputBytes: number;
	/** `expertBytes` is the part of `bytes` that can stay on the CPU while the rest of the block is on the GPU. */
	readonly blocks: ReadonlyArray<{readonly bytes: number; readonly expertBytes: number}>;
	readonly outputBytes: number;
	/** The part of `outputBytes` that are the input embeddings again: shared with them while the output layer is on the CPU, copied when it is on the GPU. */
	readonly tiedBytes?: number;
};

/** Bytes by tensor type as in `tensorTypes` (`Q4_K`). */
export type TypeBytes = Readonly<Record<string, number>>;

/** What the planner has to know of a model file besides what is shown of it. */
export type ModelWeights = {
	readonly sizes: LayerSizes;
	/** Share of the experts that a token uses, 0 to 1; 1: a dense model. */
	readonly activeExperts: number;
	readonly parameters: number;
	/** What types the weights are of, without the input embeddings: some cost a CPU more per byte than others. undefined: a usual mix is assumed. */
	readonly types?: {readonly shared: TypeBytes; readonly experts: TypeBytes};
	/** undefined: the file does not say, or not as one number for all layers. */
	readonly attention?: {readonly headsPerKvHead: number; readonly headSize: number} | undefined;
};

/** What there is to plan with; undefined: there is no device, or it could not be read. */
export type Machine = {
	readonly vram: Memory | undefined;
	readonly ram: Memory | undefined;
	/** The VRAM is a part of the RAM: what lies there is gone from both. */
	readonly isUnified?: boolean | undefined;
};

export type Memory = {
	readonly totalBytes: number;
	/** Held by other programs now. */
	readonly otherBytes: number;
	/** The most that vramble may take of it itself; undefined: what others leave. */
	readonly budgetBytes: number | undefined;
	/** How many devices it is the sum of; default: 1. */
	readonly devices?: number | undefined;
};

/** What a byte costs one CPU thread, compared with a byte of Q8_0 weights: when one token is generated, and when a prompt is read. */
export type Costs = {
	readonly token: number;
	readonly prompt: number;
	/** By so much more than theirs is the exponent of what threads are worth for it, where the RAM does not limit it; default: 0. */
	readonly threadsExponent?: number | undefined;
};

/** By `kernelKey`. */
export type KernelCosts = Readonly<Record<string, Costs>>;

/** How fast this machine is, measured; undefined: not known yet. Bytes per second, milliseconds. */
export type Speeds = {
	readonly gpuBytesPerSecond: number | undefined;
	readonly cpuBytesPerSecond: number | undefined;
	/** Per token, whatever the model: sampling, graph, hand-overs. */
	readonly overheadMs: number;
	/** What one CPU thread gets through of Q8_0 weights, bytes per second; undefined: RAM is taken for the limit. */
	readonly threadBytesPerSecond?: number | undefined;
	/** The same of weights that its cache holds; undefined: not measured. */
	readonly cachedBytesPerSecond?: number | undefined;
	/** What n threads do is n to this power times what one does. */
	readonly threadsExponent?: number | undefined;
	/** The same of a prompt. */
	readonly promptThreadsExponent?: number | undefined;
	/** What attention with heads that do not fill a vector register costs, per byte of KV cache; a byte of Q8_0 weights is 1. */
	readonly shortHeadCost?: number | undefined;
	/** As far as the native hooks have measured them. */
	readonly kernelCosts?: KernelCosts | undefined;
	/** How often they have measured the speed of this CPU; what is kept is the mean. */
	readonly timesMeasured?: number | undefined;
	/** Of a prompt, with all of the work on that side; undefined: not measured yet. GPU: active parameters times tokens per second. CPU: cost (`Work.promptCost`) per second of one thread. */
	readonly promptPerSecond?: {readonly gpu: number | undefined; readonly cpu: number | undefined};
	/** Measured over predicted tokens per second of the model at hand, in generation and of prompts; undefined: it has not answered yet. */
	readonly modelFactor?: number | undefined;
	readonly promptFactor?: number | undefined;
};

/** `tight`: less than the margin is left. `paging`: the weights do not stay in RAM, the disk is read for every token. */
export type Verdict = 'fits' | 'tight' | 'does not fit' | 'paging';

/** Bytes by what they are for. */
export type Breakdown = {
	readonly weights: number;
	/** KV cache. */
	readonly cache: number;
	/** What a model with recurrent layers keeps of the conversation, however long it is. */
	readonly recurrent: number;
	readonly compute: number;
	readonly driver: number;
	/** All that the draft model takes. */
	readonly draft: number;
};

export type Plan = {
	readonly settings: Settings;
	/** false: from tensor sizes alone, or the engine fell back to its rough formula. */
	readonly exact: boolean;
	/** The engine was asked, and fell back to its rough formula. */
	readonly isRough: boolean;
	/** The engine did not survive the question: the device gives no buffer for such a KV cache. */
	readonly isCacheTooLarge?: boolean | undefined;
	readonly vramBytes: number;
	readonly ramBytes: number;
	readonly breakdown: {readonly vram: Breakdown; readonly ram: Breakdown};
	readonly vramVerdict: Verdict;
	readonly ramVerdict: Verdict;
	/** The worse of the two. */
	readonly verdict: Verdict;
	/** Below 0: over the limit. undefined: no device. */
	readonly vramLeftBytes: number | undefined;
	readonly ramLeftBytes: number | undefined;
	/** What lacks for it to run at all, be it with weights that are read from the disk again and again. */
	readonly ramMissingBytes: number;
	readonly tokensPerSecond: number | undefined;
	readonly promptTokensPerSecond: number | undefined;
	/** By `vramble bench`, with exactly these settings on this machine and in an empty context. `generatedTokens` undefined: not known any more. */
	readonly measured?: {readonly tokensPerSecond: number; readonly generatedTokens: number | undefined} | undefined;
};

/** Asks the engine; cached by settings. */
export type AskDryRun = (settings: Settings) => Promise<DryRun>;

export type Advice = {
	/** A plain sentence without its effect: "context 16,384 → 8,192". */
	readonly text: string;
	/** Bytes of memory it frees; undefined: none to speak of, or that is not its point. */
	readonly freesVramBytes: number | undefined;
	readonly freesRamBytes?: number | undefined;
	/** Beyond those that there is room for without it. */
	readonly moreLayers: number | undefined;
	/** Layers on the GPU then, where some of them take no advice. */
	readonly layersInAll?: number | undefined;
	/** Layers whose experts need no longer be on the CPU. */
	readonly moreExpertLayers?: number | undefined;
	/** What the context becomes, where it becomes larger. */
	readonly contextSize?: number | undefined;
	/** What it makes of the speed, in tokens per second. */
	readonly tokensPerSecond: number | undefined;
	/** Tokens in the context that this takes, where they make most of the difference. */
	readonly fillTokens?: number | undefined;
	/** Settings that do it; undefined: it takes another file, another machine or another start. */
	readonly settings: Settings | undefined;
	/** What the verdict becomes, where it becomes a better one. */
	readonly verdict?: Verdict | undefined;
};
