import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {planOf} from './memory.js';
import type {Machine} from './types.js';

type Scene = {
	readonly model: ModelFacts;
	readonly machine: Machine;
	readonly driverBytes: number;
	readonly dryRun: (settings: Settings) => Promise<DryRun>;
};

/** The settings that were kept for a model, where there is room for them now; else what is wanted. */
export const keptOr = async (
	kept: Settings | undefined,
	wanted: WantedSettings,
	{model, machine, driverBytes, dryRun}: Scene,
): Promise<WantedSettings> => {
	if (!kept) return wanted;
	const plan = planOf({settings: kept, dryRun: await dryRun(kept), weights: model.weights, machine, speeds: undefined, driverBytes});
	return plan.verdict === 'does not fit' ? wanted : {...wanted, ...kept};
};
