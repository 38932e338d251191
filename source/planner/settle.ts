import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {fitLayers} from './fit.js';
import {planOf} from './memory.js';
import {checkMlock} from './mlock.js';
import {wantedContext} from './settings.js';
import type {Machine} from './types.js';

type Options = {
	readonly model: ModelFacts;
	readonly machine: Machine;
	readonly driverBytes: number;
	readonly mlockLimitBytes: number | undefined;
	readonly dryRun: (settings: Settings) => Promise<DryRun>;
	readonly signal: AbortSignal;
};

/** Settles what the user left open before a load: turns `auto` GPU layers into a number that keeps the budget; where there is no device to plan for, the engine chooses. Refuses what the system would refuse. */
export const settleLayers = async (
	wanted: WantedSettings,
	{model, machine, driverBytes, mlockLimitBytes, dryRun, signal}: Options,
): Promise<WantedSettings> => {
	const base = {...wanted, contextSize: wantedContext(wanted.contextSize, model.trainedContext), threads: 1};
	const check = async (gpuLayers: number) => {
		if (!wanted.mlock) return;
		const {weights} = await dryRun({...base, gpuLayers: Math.min(gpuLayers, model.layers)});
		checkMlock(wanted, weights.ramBytes, mlockLimitBytes);
	};

	if (wanted.gpuLayers !== 'auto' || !machine.vram) {
		await check(wanted.gpuLayers === 'auto' ? 0 : wanted.gpuLayers);
		return wanted;
	}

	const settings: Settings = {...base, gpuLayers: 0};
	const {plan} = await fitLayers({settings, layers: model.layers, sizes: model.weights.sizes, machine}, async tried => {
		if (signal.aborted) throw new EngineError('aborted', 'Stopped.');
		return planOf({settings: tried, dryRun: await dryRun(tried), weights: model.weights, machine, speeds: undefined, driverBytes});
	});
	await check(plan.settings.gpuLayers);
	return {...wanted, gpuLayers: plan.settings.gpuLayers};
};
