import {expect, test} from 'vitest';
import {fitSettings} from '../../source/planner/fit-settings.js';
import type {Machine} from '../../source/planner/types.js';
import {planOn} from '../support/context-plans.js';
import {baseSettings, gib} from '../support/fake-engine.js';

const mib = 1024 ** 2;

test.each<[string, number, {readonly contextSize: number; readonly batchSize: number} | undefined]>([
	['with all of the batch', 100 + 128 + 64, {contextSize: 1024, batchSize: 512}],
	['with the batch that a smaller one would have anyway', 100 + 64 + 48, {contextSize: 768, batchSize: 256}],
	['no larger than that', 100 + 64 + 16, {contextSize: 256, batchSize: 512}],
	['none', 100 + 64 + 15, undefined],
])('a context that fits into RAM: %s', async (_what, ramMib, expected) => {
	const machine: Machine = {vram: undefined, ram: {totalBytes: 8 * gib, otherBytes: 0, budgetBytes: ramMib * mib}};
	const {context} = await fitSettings(
		{
			settings: {...baseSettings, gpuLayers: 0, contextSize: 8192, batchSize: 512},
			areLayersOpen: false,
			contextSize: 'auto',
			layers: 2,
			trainedContext: 8192,
			sizes: {inputBytes: 0, blocks: [{bytes: 100 * mib, expertBytes: 0}], outputBytes: 0},
			machine,
		},
		planOn(machine, 4),
	);
	expect(context?.plan.settings).toEqual(expected && {...baseSettings, gpuLayers: 0, ...expected});
});
