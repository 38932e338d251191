import {expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {largestContext} from '../../source/planner/fit-context.js';
import {planOf} from '../../source/planner/memory.js';
import type {Machine} from '../../source/planner/types.js';
import {baseSettings, gib} from '../support/fake-engine.js';

const mib = 1024 ** 2;

/** 100 MiB of weights, and 1 MiB for every 16 tokens. */
const planOn = (machine: Machine) => async (settings: Settings) =>
	planOf({
		settings,
		dryRun: {
			exact: true,
			weights: {vramBytes: 0, ramBytes: 100 * mib},
			context: {vramBytes: 0, ramBytes: (settings.contextSize / 16) * mib},
			compute: undefined,
		},
		weights: {sizes: {inputBytes: 0, blocks: [{bytes: 100 * mib, expertBytes: 0}], outputBytes: 0}, activeExperts: 1, parameters: 1e8},
		machine,
		speeds: undefined,
		driverBytes: 0,
	});

test.each<[string, {readonly now: number; readonly ramMib: number; readonly trained?: number}, number | undefined]>([
	['as small as llama.cpp makes them', {now: 8192, ramMib: 116}, 256],
	['between that and the smallest of the tuner', {now: 8192, ramMib: 131}, 256],
	['the smallest of the tuner', {now: 8192, ramMib: 132}, 512],
	['the one that was asked for is smaller still', {now: 64, ramMib: 104}, 64],
	['what the model was trained for', {now: 64, ramMib: 500, trained: 128}, 128],
	['none', {now: 8192, ramMib: 115}, undefined],
])('the largest context: %s', async (_what, {now, ramMib, trained = 8192}, expected) => {
	const machine: Machine = {vram: undefined, ram: {totalBytes: 8 * gib, otherBytes: 0, budgetBytes: ramMib * mib}};
	const planFor = planOn(machine);
	const chosen = await planFor({...baseSettings, contextSize: now});
	const found = await largestContext(chosen, trained, machine, planFor);
	expect(found?.plan.settings.contextSize).toBe(expected);
	if (found) expect(found.plan.verdict).toBe('fits');
});
