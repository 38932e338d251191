import {setTimeout as delay} from 'node:timers/promises';
import {GgmlType, GgufInsights, type Llama, readGgufFileInfo} from 'node-llama-cpp';
import {EngineError} from './engine-errors.js';
import type {LlamaLog} from './llama-log.js';
import {flash, ggmlType} from './llama-words.js';
import type {DryRun, MemorySplit, Settings} from './types.js';

const toSplit = ({gpuVram, cpuRam}: {readonly gpuVram: number; readonly cpuRam: number}): MemorySplit => ({
	vramBytes: gpuVram,
	ramBytes: cpuRam,
});

const logDelayMs = 50;

/** Asks llama.cpp what settings would take; answers are kept. */
export const createDryRuns = (log: LlamaLog) => {
	const known = new Map<string, Promise<DryRun>>();
	let last: Promise<unknown> = Promise.resolve();
	/** The file that was last asked about. */
	let file: {readonly path: string; readonly insights: Promise<GgufInsights>} | undefined;

	const run = async (llama: Llama, path: string, settings: Settings): Promise<DryRun> => {
		if (file?.path !== path) file = {path, insights: readGgufFileInfo(path).then(info => GgufInsights.from(info, llama))};
		const insights = await file.insights.catch(error => {
			file = undefined;
			throw error;
		});
		const {gpuLayers, mmap} = settings;
		const fallbacks = log.fallbacks();
		const weights = await insights.estimateModelResourceRequirementsV2({gpuLayers, useMmap: mmap});
		if (log.fallbacks() > fallbacks) {
			// What llama.cpp logs comes from another thread, at times later than the answer.
			if (!log.reason()) await delay(logDelayMs);
			const reason = log.reason();
			if (reason?.code === 'bad-model') throw new EngineError('bad-model', 'llama.cpp cannot load this model.', reason);
		}

		log.forgetComputeBuffers();
		const context = await insights.estimateContextResourceRequirementsV2({
			contextSize: settings.contextSize,
			modelGpuLayers: gpuLayers,
			batchSize: Math.min(settings.batchSize, settings.contextSize),
			sequences: 1,
			kvCacheKeyType: GgmlType[ggmlType(settings.cacheTypeK)],
			kvCacheValueType: GgmlType[ggmlType(settings.cacheTypeV)],
			flashAttention: flash(settings),
			useMmap: mmap,
		});
		return {exact: log.fallbacks() === fallbacks, weights: toSplit(weights), context: toSplit(context), compute: log.computeBuffers()};
	};

	return {
		ask(llama: Llama, path: string, settings: Settings): Promise<DryRun> {
			const {threads: _, ...rest} = settings;
			const key = JSON.stringify([path, rest]);
			const earlier = known.get(key);
			if (earlier) return earlier;
			// One after the other: each reads what the log says while it runs.
			const asked = last.then(() => run(llama, path, settings));
			last = asked.catch(() => {});
			known.set(key, asked);
			asked.catch(() => known.delete(key));
			return asked;
		},
	};
};
