import {expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {breachesOf, checkBudgets, mappedAlongBytes} from '../../source/planner/breach.js';
import {planOf} from '../../source/planner/memory.js';
import type {Machine} from '../../source/planner/types.js';
import {baseSettings, gib} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const machine = (vramGib: number | undefined, ramGib: number | undefined): Machine => ({
	vram: {totalBytes: 24 * gib, otherBytes: 0, budgetBytes: vramGib && vramGib * gib},
	ram: {totalBytes: 64 * gib, otherBytes: 0, budgetBytes: ramGib && ramGib * gib},
});

const taken = {vram: undefined, ownVramBytes: 11.75 * gib, ownRamBytes: 30 * gib};

const settings = baseSettings;
const planned = (on: Machine, change: Partial<Settings> = {}) =>
	planOf({
		settings: {...settings, ...change},
		dryRun: {
			exact: true,
			weights: {vramBytes: 11 * gib, ramBytes: 29 * gib},
			context: {vramBytes: ((change.batchSize ?? 512) / 1024) * gib, ramBytes: gib},
			compute: undefined,
		},
		weights: bigModel.weights,
		machine: on,
		speeds: undefined,
		driverBytes: 0.25 * gib,
	});

const vramBreach = 'The VRAM budget is not kept: 11.8 GiB are taken, 256 MiB more than the 11.5 GiB of the budget.';
const ramBreach = 'The RAM budget is not kept: 30.0 GiB are taken, 2.0 GiB more than the 28.0 GiB of the budget.';

test.each<[string, Machine, readonly string[]]>([
	['no budget', machine(undefined, undefined), []],
	['budgets that are used up', machine(11.75, 30), []],
	['too much VRAM', machine(11.5, undefined), [vramBreach]],
	['too much RAM', machine(undefined, 28), [ramBreach]],
	['too much of both', machine(11.5, 28), [vramBreach, ramBreach]],
])('%s', async (_what, on, expected) => {
	expect(breachesOf(taken, on)).toEqual(expected);
	const checked = checkBudgets(planned(on), {machine: on, layers: 81, planFor: async other => planned(on, other)});
	if (expected.length === 0) await expect(checked).resolves.toBeUndefined();
	else await expect(checked).rejects.toMatchObject({code: 'over-budget', why: expect.stringContaining('more than the')});
	expect(planned(on).verdict === 'does not fit').toBe(expected.length > 0);
});

const layers = 81;
test.each<[string, Partial<Settings>, Machine, string]>([
	['half of the batch', {}, machine(11.5, undefined), 'a batch of 256 (-b 256 is enough), fewer GPU layers, a smaller context'],
	['a quarter of it', {}, machine(11.4, undefined), 'a batch of 128 (-b 128 is enough), fewer GPU layers, a smaller context'],
	['not the batch', {}, machine(11.2, undefined), 'fewer GPU layers, a smaller context'],
	['no layers, where none are there', {gpuLayers: 0}, machine(11.2, undefined), 'a smaller context, no GPU (--gpu off)'],
	['layers, where some are not there', {gpuLayers: 80}, machine(undefined, 28), 'more GPU layers, a smaller context or file'],
	['no layers, where all are there', {gpuLayers: layers}, machine(undefined, 28), 'a smaller context or file'],
])('what is refused names what would help: %s', async (_what, change, on, ways) => {
	const checked = checkBudgets(planned(on, change), {machine: on, layers, planFor: async other => planned(on, other)});
	await expect(checked).rejects.toMatchObject({advice: `Use ${ways}, or a larger budget.`});
});

test.each<[string, number, Partial<Settings>, number, number?]>([
	['the layers of the GPU between those of the CPU', 35, {}, 6],
	['nothing, where the CPU has the first ones', 29, {}, 0],
	['never more than the GPU has: the rest is a breach', 60, {}, 11],
	['what has copies in another layout', 50, {}, 21, 0],
	['nothing twice: the rest is a breach', 60, {}, 29, 0],
	['nothing that is locked', 35, {mlock: true}, 0],
	['nothing that is copied', 35, {mmap: false}, 0],
])('mapped along: %s', (_what, weightsGib, other, expectedGib, onGpuGib = 11) => {
	const dryRun = {
		exact: true,
		weights: {vramBytes: onGpuGib * gib, ramBytes: 29 * gib},
		context: {vramBytes: 0, ramBytes: 0},
		compute: undefined,
	};
	expect(mappedAlongBytes({...taken, ownRamWeightsBytes: weightsGib * gib}, {...settings, ...other}, dryRun)).toBe(expectedGib * gib);
	expect(mappedAlongBytes({...taken, ownRamWeightsBytes: weightsGib * gib}, {...settings, ...other}, {...dryRun, exact: false})).toBe(0);
});
