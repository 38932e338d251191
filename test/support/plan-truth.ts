import type {CacheType, Engine, MemorySplit, Settings} from '../../source/engine/types.ts';
import {guidePath, smolPath} from '../real/engines.ts';
import {guideVocabulary, tinyDense, tinyExperts, tinyHybrid, tinySlidingWindow} from './gguf-shapes.ts';
import {writeModel} from './gguf-writer.ts';

const mib = 1024 ** 2;

/** What was predicted of settings, and what llama.cpp has really allocated. */
export type Truth = {
	readonly settings: Settings;
	/** false: llama.cpp could not simulate them. */
	readonly exact: boolean;
	readonly predicted: MemorySplit;
	readonly loaded: MemorySplit;
	/** After a prompt that fills the context; undefined: nothing was asked. */
	readonly filled: MemorySplit | undefined;
};

/** The guide model, SmolLM2 where it was fetched, and a generated model of each kind, written into the folder. */
export const truthModels = async (folder: string): Promise<readonly string[]> => {
	const vocabulary = await guideVocabulary();
	/** A block of q8_0: smaller heads take no quantized KV cache. */
	const headSize = {width: 128, heads: 4, kvHeads: 2, headSize: 32};
	return [
		guidePath,
		writeModel(folder, 'dense', tinyDense(vocabulary, headSize)),
		writeModel(folder, 'experts', tinyExperts(vocabulary)),
		writeModel(folder, 'sliding-window', tinySlidingWindow(vocabulary, headSize)),
		writeModel(folder, 'hybrid', tinyHybrid(vocabulary, {stateLength: 600})),
		...(smolPath ? [smolPath] : []),
	];
};

/** For a model of so many layers: none, one, half, all but one and all of them on the device, two contexts, two types of the KV cache. */
export const truthSettings = (layers: number): readonly Settings[] => {
	const counts = new Set([0, 1, Math.floor(layers / 2), layers - 1, layers]);
	return [...counts].flatMap(gpuLayers =>
		[256, 1024].flatMap(contextSize =>
			(['f16', 'q8_0'] as const).map((type: CacheType) => ({
				gpuLayers,
				cpuExpertLayers: 0,
				contextSize,
				cacheTypeK: type,
				cacheTypeV: type,
				batchSize: 512,
				threads: 1,
				flashAttention: 'auto' as const,
				// With mmap llama.cpp counts all of the file from the first to the last tensor that stays on the CPU.
				mmap: false,
				mlock: false,
			})),
		),
	);
};

/** What of an engine it takes, in this process or in one of its own. */
type Asked = Pick<Engine, 'dryRun' | 'loadModel' | 'createContext' | 'freeModel' | 'memory' | 'measure'>;

const taken = async (engine: Asked): Promise<MemorySplit> => {
	const {ownVramBytes, ownRamBytes} = await engine.memory();
	return {vramBytes: ownVramBytes, ramBytes: ownRamBytes};
};

/** node-llama-cpp keeps one cell free. */
const fill = async (engine: Asked, contextSize: number) => {
	const generatedTokens = 4;
	await engine.measure({promptTokens: contextSize - 1 - generatedTokens, generatedTokens});
};

/** Loads a model with the settings and leaves nothing behind. */
export const measureTruth = async (engine: Asked, path: string, settings: Settings, isFilled: boolean): Promise<Truth> => {
	const {exact, weights, context} = await engine.dryRun({path, settings});
	const predicted = {vramBytes: weights.vramBytes + context.vramBytes, ramBytes: weights.ramBytes + context.ramBytes};
	await engine.loadModel({path, settings});
	try {
		await engine.createContext({settings});
		const loaded = await taken(engine);
		if (isFilled) await fill(engine, settings.contextSize);
		return {settings, exact, predicted, loaded, filled: isFilled ? await taken(engine) : undefined};
	} finally {
		await engine.freeModel();
	}
};

/** What was predicted beyond what was taken, and what it may be: VRAM within 1 % or 8 MiB and never under, RAM within 5 % or 1 MiB. */
export const judge = (predicted: MemorySplit, real: MemorySplit) => {
	const vram = predicted.vramBytes - real.vramBytes;
	const ram = predicted.ramBytes - real.ramBytes;
	return {
		vram,
		ram,
		isVramTrue: vram >= 0 && vram <= Math.max(8 * mib, 0.01 * real.vramBytes),
		isRamTrue: Math.abs(ram) <= Math.max(mib, 0.05 * real.ramBytes),
	};
};
