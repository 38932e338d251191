import {setTimeout as delay} from 'node:timers/promises';
import {GgmlType, type GgufFileInfo, GgufInsights, type Llama, readGgufFileInfo} from 'node-llama-cpp';
import {draftSettingsOf, withoutDrafting} from '../planner/draft-settings.js';
import {dryRunKey, usedBatchSize} from '../planner/settings.js';
import {EngineError} from './engine-errors.js';
import {checkVocabularies} from './llama-draft-model.js';
import {freeKept, loadWith} from './llama-insights.js';
import type {LlamaLog} from './llama-log.js';
import {flash, ggmlType} from './llama-words.js';
import {type Placement, type Placing, placementKey} from './native-hooks.js';
import type {DryRun, MemorySplit, Settings} from './types.js';

const toSplit = ({gpuVram, cpuRam}: {readonly gpuVram: number; readonly cpuRam: number}): MemorySplit => ({
	vramBytes: gpuVram,
	ramBytes: cpuRam,
});

/**
Without a GPU llama.cpp keeps weights in the layout of the CPU's vector unit (AMX, CPU_REPACK), some of them twice. It counts that only where it reads the file itself
instead of what node-llama-cpp has read of it; reading it costs a quarter of a second with large vocabularies.
*/
const asFile = (info: GgufFileInfo): GgufFileInfo => ({...info, sourceData: []});

const logDelayMs = 50;

/** A file that was asked about. It keeps models without weights by their layers, so there is one for each placement. */
type Asked = {readonly path: string; readonly info: Promise<GgufFileInfo>; readonly byPlacement: Map<string, Promise<GgufInsights>>};

/** A model and its draft model. */
const mostFiles = 2;

/** Placements whose models are kept: where somebody moves back and forth. Each takes as much as the vocabulary. */
const mostPlacements = 3;

type Options = {
	/** Questions go on while a model is loaded. */
	readonly areMany: boolean;
	/** Asked once the engine has started: a backend may have found no device. */
	readonly hasGpu: () => boolean;
};

/** Asks llama.cpp what settings would take; answers are kept. */
export const createDryRuns = (log: LlamaLog, placed: Placing, {areMany, hasGpu}: Options) => {
	const known = new Map<string, Promise<DryRun>>();
	const checkedDrafts = new Map<string, Promise<void>>();
	let last: Promise<unknown> = Promise.resolve();
	/** The last one first. */
	let files: readonly Asked[] = [];

	const insightsFor = (llama: Llama, {info, byPlacement}: Asked, settings: Settings): Promise<GgufInsights> => {
		const key = placementKey(settings);
		const insights = byPlacement.get(key) ?? info.then(read => GgufInsights.from(hasGpu() ? read : asFile(read), llama));
		byPlacement.delete(key);
		byPlacement.set(key, insights);
		const [oldest] = byPlacement;
		if (oldest && byPlacement.size > mostPlacements) {
			byPlacement.delete(oldest[0]);
			void oldest[1].then(freeKept).catch(() => {});
		}

		return insights;
	};

	const run = async (llama: Llama, path: string, settings: Settings): Promise<DryRun> => {
		const file = files.find(asked => asked.path === path) ?? {path, info: readGgufFileInfo(path), byPlacement: new Map()};
		const others = files.filter(asked => asked !== file);
		files = [file, ...others].slice(0, mostFiles);
		const insights = await insightsFor(llama, file, settings).catch(error => {
			files = others;
			throw error;
		});
		const {mmap} = settings;
		const gpuLayers = Math.min(settings.gpuLayers, insights.totalLayers);
		const fallbacks = log.fallbacks();
		// Mapped weights that it keeps in another layout are copies as well.
		const weights = await insights.estimateModelResourceRequirementsV2({
			gpuLayers,
			useMmap: mmap,
			...(!hasGpu() && {gpuSupportsMmap: false}),
		});
		if (log.fallbacks() > fallbacks) {
			// What llama.cpp logs comes from another thread, at times later than the answer.
			if (!log.reason()) await delay(logDelayMs);
			const reason = log.reason();
			if (reason?.code === 'bad-model') throw new EngineError('bad-model', 'llama.cpp cannot load this model.', reason);
		}

		log.forgetBuffers();
		const context = await insights.estimateContextResourceRequirementsV2({
			contextSize: settings.contextSize,
			modelGpuLayers: gpuLayers,
			batchSize: usedBatchSize(settings),
			sequences: 1,
			kvCacheKeyType: GgmlType[ggmlType(settings.cacheTypeK)],
			kvCacheValueType: GgmlType[ggmlType(settings.cacheTypeV)],
			flashAttention: flash(settings),
			useMmap: mmap,
		});
		const {compute, recurrent} = log.buffers();
		return {
			exact: log.fallbacks() === fallbacks,
			weights: toSplit(weights),
			context: toSplit(context),
			compute,
			...(recurrent && {recurrent}),
		};
	};

	const ask = (llama: Llama, path: string, settings: Settings): Promise<DryRun> => {
		// Of what it has answered already llama.cpp writes no more in its log.
		const key = `${dryRunKey(settings)} ${path}`;
		const earlier = known.get(key);
		if (earlier) return earlier;
		// One after the other: each reads what the log says while it runs.
		const asked = last.then(() => placed(settings, () => run(llama, path, settings)));
		last = asked.catch(() => {});
		known.set(key, asked);
		asked.catch(() => known.delete(key));
		return asked;
	};

	/** Reading both headers takes up to a second. */
	const checkDraft = (path: string, draftModel: string): Promise<void> => {
		const key = `${draftModel} ${path}`;
		const check = checkedDrafts.get(key) ?? checkVocabularies(path, draftModel);
		checkedDrafts.set(key, check);
		check.catch(() => checkedDrafts.delete(key));
		return check;
	};

	return {
		/** Loads a model with what was asked about it. */
		async load<Model>(path: string, settings: Placement, load: () => Promise<Model>): Promise<Model> {
			const asked = files.find(file => file.path === path)?.byPlacement.get(placementKey(settings));
			const insights = await asked?.catch(() => undefined);
			if (!insights) return load();
			if (!areMany) await freeKept(insights);
			return loadWith(insights, load);
		},
		async ask(llama: Llama, path: string, settings: Settings): Promise<DryRun> {
			if (settings.draftModel === undefined) return ask(llama, path, withoutDrafting(settings));
			await checkDraft(path, settings.draftModel);
			const own = ask(llama, path, withoutDrafting(settings));
			const [dryRun, draft] = await Promise.all([own, ask(llama, settings.draftModel, draftSettingsOf(settings))]);
			return {
				...dryRun,
				exact: dryRun.exact && draft.exact,
				draft: {
					vramBytes: draft.weights.vramBytes + draft.context.vramBytes,
					ramBytes: draft.weights.ramBytes + draft.context.ramBytes,
				},
			};
		},
	};
};
