import type {PlanFor} from './fit.js';
import {smallerBatches, usedBatchSize} from './settings.js';
import type {Plan} from './types.js';

/** The largest smaller batch that alone makes room for the settings of a plan; undefined: it is not VRAM that lacks, or none does. */
export const fittingBatch = async ({settings, vramVerdict}: Plan, planFor: PlanFor): Promise<number | undefined> => {
	if (vramVerdict !== 'does not fit') return undefined;
	for (const batchSize of smallerBatches(usedBatchSize(settings))) {
		const {verdict} = await planFor({...settings, batchSize});
		if (verdict !== 'does not fit') return batchSize;
	}

	return undefined;
};
