import type {Settings, WantedSettings} from '../engine/types.js';
import {type Fit, fitGivenLayers, fitLayers, type PlanFor} from './fit.js';
import {isContextOpen, type LargestContext, largestContext, smallestContext} from './fit-context.js';
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

/** Layers for the wanted context first; then the context, where it was asked for or does not fit, and the layers that a smaller one makes room for. */
export const fitSettings = async (wishes: Wishes, planFor: PlanFor): Promise<SettingsFit> => {
	const {areLayersOpen, contextSize, trainedContext, machine} = wishes;
	const fitAt = async (settings: Settings): Promise<Fit> => (areLayersOpen ? fitLayers : fitGivenLayers)({...wishes, settings}, planFor);
	const first = await fitAt(wishes.settings);
	const wanted = first.plan;
	if (!isContextOpen(contextSize, wanted)) return {...first, context: undefined, wanted};
	const context = await largestContext(wanted, trainedContext, machine, planFor);
	if (!context && contextSize === 'auto') {
		const least = await fitAt({...wishes.settings, contextSize: smallestContext(trainedContext)});
		const larger = await largestContext(least.plan, trainedContext, machine, planFor);
		return {...least, plan: larger?.plan ?? least.plan, context: larger, wanted};
	}

	// Where weights are read from the disk anyway, a larger one only makes it worse.
	const isWorse = context?.plan.verdict === 'paging' && wanted.verdict === 'paging';
	if (!context || isWorse) return {...first, context: undefined, wanted};
	if (wanted.verdict !== 'does not fit') return {...first, plan: context.plan, context, wanted};
	return {...(await fitAt({...wishes.settings, contextSize: context.plan.settings.contextSize})), context, wanted};
};
