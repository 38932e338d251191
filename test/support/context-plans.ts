import type {Settings} from '../../source/engine/types.js';
import {planOf} from '../../source/planner/memory.js';
import {usedBatchSize} from '../../source/planner/settings.js';
import type {Machine} from '../../source/planner/types.js';

const mib = 1024 ** 2;

/** 100 MiB of weights, 1 MiB for every 16 tokens of context, and as much for so many of the batch; undefined: none for it. */
export const planOn = (machine: Machine, batchPerMib?: number) => async (settings: Settings) =>
	planOf({
		settings,
		dryRun: {
			exact: true,
			weights: {vramBytes: 0, ramBytes: 100 * mib},
			context: {vramBytes: 0, ramBytes: (settings.contextSize / 16 + (batchPerMib ? usedBatchSize(settings) / batchPerMib : 0)) * mib},
			compute: undefined,
		},
		weights: {sizes: {inputBytes: 0, blocks: [{bytes: 100 * mib, expertBytes: 0}], outputBytes: 0}, activeExperts: 1, parameters: 1e8},
		machine,
		speeds: undefined,
		driverBytes: 0,
	});
