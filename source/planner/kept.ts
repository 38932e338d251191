import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {planOf} from './memory.js';
import type {Machine} from './types.js';

type Scene = {
	readonly model: ModelFacts;
	readonly readMachine: (settings: Settings) => Promise<Machine>;
	readonly driverBytes: number;
	readonly dryRun: (settings: Settings) => Promise<DryRun>;
};

/** The settings that were kept for a model, where there is room for them now; else what is wanted. */
export const keptOr = async (
	kept: Settings | undefined,
	wanted: WantedSettings,
	{model, readMachine, driverBytes, dryRun}: Scene,
): Promise<WantedSettings> => {
	if (!kept) return wanted;
	try {
		const machine = await readMachine(kept);
		const plan = planOf({settings: kept, dryRun: await dryRun(kept), weights: model.weights, machine, speeds: undefined, driverBytes});
		return plan.verdict === 'does not fit' ? wanted : {...wanted, ...kept};
	} catch (error) {
		// A device that is gone, or experts that nothing can place any more.
		if (error instanceof EngineError && error.code === 'unsupported') return wanted;
		throw error;
	}
};
