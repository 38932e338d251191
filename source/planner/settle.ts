import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {fitLayers} from './fit.js';
import {planOf} from './memory.js';
import {wantedContext} from './settings.js';
import type {Machine} from './types.js';

type Options = {
	readonly model: ModelFacts;
	readonly machine: Machine;
	readonly driverBytes: number;
	readonly dryRun: (settings: Settings) => Promise<DryRun>;
	readonly signal: AbortSignal;
};

/** Turns `auto` GPU layers into a number that keeps the budget; where there is no device to plan for, the engine chooses. */
export const settleLayers = async (
	wanted: WantedSettings,
	{model, machine, driverBytes, dryRun, signal}: Options,
): Promise<WantedSettings> => {
	if (wanted.gpuLayers !== 'auto' || !machine.vram) return wanted;
	const settings: Settings = {...wanted, gpuLayers: 0, contextSize: wantedContext(wanted.contextSize, model.trainedContext), threads: 1};
	const hasBudget = machine.vram.budgetBytes !== undefined;
	const {plan} = await fitLayers({settings, layers: model.layers, hasBudget}, async tried => {
		if (signal.aborted) throw new EngineError('aborted', 'Stopped.');
		return planOf({settings: tried, dryRun: await dryRun(tried), weights: model.weights, machine, speeds: undefined, driverBytes});
	});
	return {...wanted, gpuLayers: plan.settings.gpuLayers};
};
