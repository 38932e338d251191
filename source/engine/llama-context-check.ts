import {setTimeout as delay} from 'node:timers/promises';
import {GgmlType, type LlamaModel} from 'node-llama-cpp';
import {usedBatchSize} from '../planner/settings.js';
import {EngineError} from './engine-errors.js';
import type {LlamaLog} from './llama-log.js';
import {flash, ggmlType} from './llama-words.js';
import type {WantedSettings} from './types.js';

type Scene = {readonly contextSize: number; readonly log: LlamaLog; readonly hasGpu: boolean};

/**
Refuses a context that a dry run could not make: node-llama-cpp 3.22.1 keeps the claim of a context that failed on its model once the context is
collected as garbage, and the model could never be freed again.

@throws EngineError
*/
export const checkContext = async (loaded: LlamaModel, settings: WantedSettings, {contextSize, log, hasGpu}: Scene): Promise<void> => {
	const fallbacks = log.fallbacks();
	await loaded.fileInsights.estimateContextResourceRequirementsV2({
		contextSize,
		modelGpuLayers: loaded.gpuLayers,
		batchSize: usedBatchSize({batchSize: settings.batchSize, contextSize}),
		sequences: 1,
		kvCacheKeyType: GgmlType[ggmlType(settings.cacheTypeK)],
		kvCacheValueType: GgmlType[ggmlType(settings.cacheTypeV)],
		flashAttention: flash(settings),
	});
	if (log.fallbacks() === fallbacks) return;
	await delay(20); // what llama.cpp logs can come after its answer
	const reason = log.reason({hasGpu});
	if (reason) throw new EngineError(reason.code, 'The context could not be created.', reason);
};
