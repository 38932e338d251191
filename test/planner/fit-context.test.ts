import {expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {largestContext} from '../../source/planner/fit-context.js';
import {planOf} from '../../source/planner/memory.js';
import {contextSizes} from '../../source/planner/settings.js';
import type {Machine} from '../../source/planner/types.js';
import {planOn} from '../support/context-plans.js';
import {baseSettings, gib} from '../support/fake-engine.js';

const mib = 1024 ** 2;

test.each<[string, {readonly now: number; readonly ramMib: number; readonly trained?: number}, number | undefined]>([
	['as small as llama.cpp makes them', {now: 8192, ramMib: 116}, 256],
	['between that and the smallest of the tuner', {now: 8192, ramMib: 131}, 256],
	['the smallest of the tuner', {now: 8192, ramMib: 132}, 512],
	['the one that was asked for is smaller still', {now: 64, ramMib: 104}, 64],
	['what the model was trained for', {now: 64, ramMib: 500, trained: 128}, 128],
	['none', {now: 8192, ramMib: 115}, undefined],
	['between two of the tuner', {now: 8192, ramMib: 100 + 4864 / 16}, 4864],
	['a byte less than that takes', {now: 8192, ramMib: 100 + 4864 / 16 - 1 / mib}, 4608],
	['up to what the model was trained for', {now: 8192, ramMib: 100 + 5000 / 16 - 1, trained: 5000}, 4864],
])('the largest context: %s', async (_what, {now, ramMib, trained = 8192}, expected) => {
	const machine: Machine = {vram: undefined, ram: {totalBytes: 8 * gib, otherBytes: 0, budgetBytes: ramMib * mib}};
	const planFor = planOn(machine);
	const chosen = await planFor({...baseSettings, contextSize: now});
	const found = await largestContext(chosen, trained, machine, planFor);
	expect(found?.plan.settings.contextSize).toBe(expected);
	if (found) expect(found.plan.verdict).toBe('fits');
});

/** Of a machine with so much RAM and no budget, of which a twentieth is the margin. */
const largestWith = async (ramMib: number) => {
	const machine: Machine = {vram: undefined, ram: {totalBytes: ramMib * mib, otherBytes: 0, budgetBytes: undefined}};
	const planFor = planOn(machine);
	return largestContext(await planFor({...baseSettings, contextSize: 8192}), 65_536, machine, planFor);
};

test.each<[string, number, number, string]>([
	['keeps the margin where more than is wanted fits', 1000, 13_568, 'fits'],
	['takes of it for what is wanted', 630, 8192, 'tight'],
	['takes all of it for what is wanted', 500, 6400, 'tight'],
	['is small where that is all there is', 123, 256, 'fits'],
])('without a budget the largest context %s', async (_what, ramMib, expected, verdict) => {
	const {plan, bindingLimit} = (await largestWith(ramMib)) ?? {};
	expect([plan?.settings.contextSize, plan?.verdict, bindingLimit?.next]).toEqual([expected, verdict, expected + 256]);
});

test('more RAM never makes the largest context smaller', async () => {
	let before = 0;
	for (let ramMib = 116; ramMib < 1000; ramMib += 4) {
		const {plan} = (await largestWith(ramMib)) ?? {};
		expect(plan?.settings.contextSize ?? 0).toBeGreaterThanOrEqual(before);
		before = plan?.settings.contextSize ?? 0;
	}
});

test.each<[string, (contextSize: number) => number, number]>([
	['in proportion', contextSize => contextSize * 1000, 2],
	['less and less for each token', contextSize => contextSize ** 0.8 * 12_000, 4],
	['all at once, from some size on', contextSize => (contextSize < 70_000 ? 1000 : 200_000_000), 9],
])('few questions find the largest context between two of the tuner where it takes memory %s', async (_what, bytesAt, most) => {
	const asked: number[] = [];
	const bytes = 70_000_000;
	const machine: Machine = {vram: {totalBytes: 8 * gib, otherBytes: 0, budgetBytes: bytes}, ram: undefined};
	const planFor = async (settings: Settings) => {
		asked.push(settings.contextSize);
		return planOf({
			settings,
			dryRun: {
				exact: true,
				weights: {vramBytes: 0, ramBytes: 0},
				context: {vramBytes: bytesAt(settings.contextSize), ramBytes: 0},
				compute: undefined,
			},
			weights: {sizes: {inputBytes: 0, blocks: [{bytes: 1, expertBytes: 0}], outputBytes: 0}, activeExperts: 1, parameters: 1},
			machine,
			speeds: undefined,
			driverBytes: 0,
		});
	};
	const chosen = await planFor(baseSettings);
	const found = await largestContext(chosen, 131_072, machine, planFor);
	const {contextSize} = found?.plan.settings ?? baseSettings;
	expect(bytesAt(contextSize)).toBeLessThanOrEqual(bytes);
	expect(bytesAt(contextSize + 256)).toBeGreaterThan(bytes);
	const {limit, next, missingBytes} = found?.bindingLimit ?? {};
	expect([limit, next, missingBytes]).toEqual(['VRAM', contextSize + 256, bytesAt(contextSize + 256) - bytes]);
	const between = asked.filter(size => ![256, ...contextSizes].includes(size));
	expect(between.length).toBeLessThanOrEqual(most);
});

test('nothing is asked twice about the same context', async () => {
	const machine: Machine = {vram: undefined, ram: {totalBytes: 8 * gib, otherBytes: 0, budgetBytes: 400 * mib}};
	const asked: number[] = [];
	const chosen = await planOn(machine)(baseSettings);
	await largestContext(chosen, 131_072, machine, async settings => {
		asked.push(settings.contextSize);
		return planOn(machine)(settings);
	});
	expect(new Set(asked).size).toBe(asked.length);
});
