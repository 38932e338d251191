import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {count} from '../lib/format.js';
import {checkBudgets} from './breach.js';
import {layersWithQ8Cache, type PlanFor} from './fit.js';
import {fitSettings, type SettingsFit} from './fit-settings.js';
import {fittingBatch} from './fitting-batch.js';
import {planOf} from './memory.js';
import {checkMlock} from './mlock.js';
import {mostCpuExperts} from './placement.js';
import {bindingText, contextBindingText, pagingText, q8CacheText, slowerGpuText, withLayersText} from './plan-words.js';
import {checkPossible} from './possible.js';
import {concrete, idleWishes} from './settings.js';
import type {Machine, Speeds} from './types.js';

type Options = {
	readonly model: ModelFacts;
	readonly machine: Machine;
	/** Something can place experts by number. */
	readonly canPlaceExperts: boolean;
	/** That the device begins with where none were given; undefined: 1. */
	readonly autoThreads?: number | undefined;
	readonly speeds: Speeds | undefined;
	readonly driverBytes: number;
	readonly mlockLimitBytes: number | undefined;
	readonly dryRun: (settings: Settings) => Promise<DryRun>;
	/** About contexts that are larger than wanted: the engine may not survive the question. */
	readonly askCarefully: (settings: Settings) => Promise<DryRun>;
	readonly signal: AbortSignal;
};

export type Settled = {
	readonly settings: WantedSettings;
	/** What keeps the layers and the context that were chosen from being more, in words; undefined: they were not chosen, or all fits. */
	readonly layersLimit: string | undefined;
	readonly contextLimit: string | undefined;
	/** Says so where the weights do not stay in RAM. */
	readonly paging: string | undefined;
	/** What was asked for and changes nothing. */
	readonly idle: readonly string[];
};

/** Of a smaller context than the wanted one also a batch that would keep that one, of a smaller batch than the wanted one why it is. */
const contextLimitOf = async ({plan, context, wanted}: SettingsFit, planFor: PlanFor): Promise<string | undefined> => {
	if (!context) return undefined;
	const isWithOthers = context.bindingLimit !== undefined && context.plan.settings.gpuLayers !== plan.settings.gpuLayers;
	const layers = isWithOthers ? ` ${withLayersText(context.plan.settings)}` : '';
	const text = `Context: ${contextBindingText(context)}${layers}.`;
	const {batchSize} = context.plan.settings;
	if (batchSize < wanted.settings.batchSize) return `${text} Batch: ${batchSize}; a larger one would leave less room for the context.`;
	const batch = await fittingBatch(wanted, planFor);
	return batch === undefined ? text : `${text} With a batch of ${batch} (-b ${batch}) ${count(wanted.settings.contextSize)} fit.`;
};

/**
Settles what the user left open before a load: `auto` GPU layers become a number that keeps the budget, and the context becomes a number: the wanted one, or what fits
where that does not or where it was asked for. Refuses what would not keep a budget, and what the system would refuse.

@throws EngineError
*/
export const settle = async (
	wanted: WantedSettings,
	{model, machine, canPlaceExperts, autoThreads = 1, speeds, driverBytes, mlockLimitBytes, dryRun, askCarefully, signal}: Options,
): Promise<Settled> => {
	checkPossible(wanted);
	const given = concrete(wanted.threads === 'auto' ? {...wanted, threads: autoThreads} : wanted, model);
	// Without a GPU they are on the CPU anyway.
	const first = machine.vram ? given : {...given, cpuExpertLayers: 0};
	const planFor: PlanFor = async settings => {
		if (signal.aborted) throw new EngineError('aborted', 'Stopped.');
		const said = await (settings.contextSize > first.contextSize ? askCarefully : dryRun)(settings);
		return planOf({settings, dryRun: said, weights: model.weights, machine, speeds, driverBytes});
	};

	const {layers, trainedContext, weights} = model;
	const {sizes} = weights;
	const areLayersOpen = wanted.gpuLayers === 'auto' && machine.vram !== undefined;
	const cpuExpertLayers = wanted.cpuExpertLayers === 'auto' && canPlaceExperts ? mostCpuExperts(sizes) : undefined;
	const wishes = {settings: first, areLayersOpen, contextSize: wanted.contextSize, layers, cpuExpertLayers, trainedContext, sizes, machine};
	const fit = await fitSettings(wishes, planFor);
	const {plan, bindingLimit, isGpuSlower} = fit;
	await checkBudgets(plan, {machine, layers, planFor});
	checkMlock(wanted, plan.breakdown.ram.weights, mlockLimitBytes);
	// Of a larger context each question would take a process of its own.
	const isUsual = plan.settings.contextSize <= first.contextSize;
	const more = areLayersOpen && isUsual ? await layersWithQ8Cache(fit, {...wishes, settings: plan.settings}, planFor) : 0;
	return {
		settings: {
			...wanted,
			gpuLayers: wanted.gpuLayers === 'auto' ? plan.settings.gpuLayers : wanted.gpuLayers,
			cpuExpertLayers: plan.settings.cpuExpertLayers,
			contextSize: plan.settings.contextSize,
			batchSize: plan.settings.batchSize,
		},
		layersLimit: isGpuSlower
			? `No layers on the GPU: ${slowerGpuText}.`
			: bindingLimit && (areLayersOpen || bindingLimit.isOfExperts)
				? `${bindingText(plan, bindingLimit)}.${more > 0 ? ` ${q8CacheText(more)}.` : ''}`
				: undefined,
		contextLimit: await contextLimitOf(fit, planFor),
		paging: pagingText(plan, machine),
		idle: idleWishes(wanted, model),
	};
};
