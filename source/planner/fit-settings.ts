import type {Settings, WantedSettings} from '../engine/types.js';
import {type Fit, fitGivenLayers, fitLayers, type PlanFor} from './fit.js';
import {isContextOpen, type LargestContext, largestContext, smallestContext} from './fit-context.js';
import {usedBatchSize} from './settings.js';
import type {LayerSizes, Machine, Plan} from './types.js';

type Wishes = {
	/** With the wanted context. */
	readonly settings: Settings;
	/** Whether the GPU layers are to be found; those of `settings` otherwise. */
	readonly areLayersOpen: boolean;
	readonly contextSize: WantedSettings['contextSize'];
	readonly layers: number;
	/** As of `fitLayers`. */
	readonly cpuExpertLayers?: number | undefined;
	readonly trainedContext: number | undefined;
	readonly sizes: LayerSizes;
	readonly machine: Machine;
};

export type SettingsFit = Fit & {
	/** undefined: the context is the wanted one. */
	readonly context: LargestContext | undefined;
	/** With the wanted context. */
	readonly wanted: Plan;
};

/** The largest context; where it is so small that llama.cpp cuts the batch to it, with that batch, which makes room for a larger one. */
const roomiest = async (plan: Plan, {trainedContext, machine}: Wishes, planFor: PlanFor): Promise<LargestContext | undefined> => {
	const context = await largestContext(plan, trainedContext, machine, planFor);
	const batchSize = context && usedBatchSize(context.plan.settings);
	if (!context || batchSize === undefined || batchSize >= usedBatchSize(plan.settings)) return context;
	const smaller = await planFor({...plan.settings, batchSize});
	const larger = await largestContext(smaller, trainedContext, machine, planFor);
	return larger && larger.plan.settings.contextSize > context.plan.settings.contextSize ? larger : context;
};

/** Layers for the wanted context first; then the context, where it was asked for or does not fit, and the layers that a smaller one makes room for. */
export const fitSettings = async (wishes: Wishes, planFor: PlanFor): Promise<SettingsFit> => {
	const {areLayersOpen, contextSize, trainedContext} = wishes;
	const fitAt = async (settings: Settings): Promise<Fit> => (areLayersOpen ? fitLayers : fitGivenLayers)({...wishes, settings}, planFor);
	const first = await fitAt(wishes.settings);
	const wanted = first.plan;
	if (!isContextOpen(contextSize, wanted)) return {...first, context: undefined, wanted};
	const context = await roomiest(wanted, wishes, planFor);
	if (!context && contextSize === 'auto') {
		const least = await fitAt({...wishes.settings, contextSize: smallestContext(trainedContext)});
		const larger = await roomiest(least.plan, wishes, planFor);
		return {...least, plan: larger?.plan ?? least.plan, context: larger, wanted};
	}

	// Where weights are read from the disk anyway, a larger one only makes it worse.
	const isWorse = context?.plan.verdict === 'paging' && wanted.verdict === 'paging';
	if (!context || isWorse) return {...first, context: undefined, wanted};
	if (wanted.verdict !== 'does not fit') return {...first, plan: context.plan, context, wanted};
	const {contextSize: fitting, batchSize} = context.plan.settings;
	return {...(await fitAt({...wishes.settings, contextSize: fitting, batchSize})), context, wanted};
};
