import fc from 'fast-check';
import {expect, test} from 'vitest';
import {rowLayers} from '../../source/commands/plan-rows.js';
import type {Settings} from '../../source/engine/types.js';
import {fitGivenLayers, fitLayers} from '../../source/planner/fit.js';
import {isFine} from '../../source/planner/layer-search.js';
import {planOf} from '../../source/planner/memory.js';
import {mostCpuExperts, placedBytes} from '../../source/planner/placement.js';
import type {LayerSizes, Machine} from '../../source/planner/types.js';
import {baseSettings, gib} from '../support/fake-engine.js';

const mib = 1024 ** 2;

/** An engine whose layers take what their sizes say, and something more that is not in them. */
const scene = (blockMib: readonly number[], vramGib: number, budgetGib: number | undefined, overheadMib: number) => {
	const sizes: LayerSizes = {
		inputBytes: 100 * mib,
		blocks: blockMib.map(size => ({bytes: size * mib, expertBytes: 0})),
		outputBytes: 100 * mib,
	};
	const machine: Machine = {
		vram: {totalBytes: vramGib * gib, otherBytes: 0, budgetBytes: budgetGib === undefined ? undefined : budgetGib * gib},
		ram: undefined,
	};
	const layers = blockMib.length + 1;
	const asked = new Set<number>();
	const planFor = async (settings: Settings) => {
		asked.add(settings.gpuLayers);
		const onGpu = blockMib.slice(Math.max(0, layers - settings.gpuLayers)).reduce((sum, size) => sum + size, 0);
		const weights = settings.gpuLayers === 0 ? 0 : (onGpu * 1.05 + 100) * mib;
		return planOf({
			settings,
			dryRun: {
				exact: true,
				weights: {vramBytes: weights, ramBytes: 0},
				context: {vramBytes: (overheadMib + settings.gpuLayers) * mib, ramBytes: 0},
				compute: undefined,
			},
			weights: {sizes, activeExperts: 1, parameters: 1e9},
			machine,
			speeds: undefined,
			driverBytes: 0,
		});
	};

	const wishes = {settings: baseSettings, layers, sizes, machine};
	return {wishes, planFor, asked};
};

test('it answers as the search over all layers does, whatever the layers weigh', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.integer({min: 10, max: 900}), {minLength: 1, maxLength: 60}),
			fc.integer({min: 1, max: 48}),
			fc.option(fc.integer({min: 1, max: 48}), {nil: undefined}),
			fc.integer({min: 0, max: 3000}),
			async (blocks, vram, budget, overhead) => {
				const {wishes, planFor} = scene(blocks, vram, budget, overhead);
				const {plan, bindingLimit} = await fitLayers(wishes, planFor);
				const counts = Array.from({length: wishes.layers + 1}, (_, gpuLayers) => gpuLayers);
				const plans = await Promise.all(counts.map(gpuLayers => planFor({...wishes.settings, gpuLayers})));
				const most = Math.max(
					0,
					plans.findLastIndex(one => isFine(one, wishes.machine)),
				);
				expect(plan.settings.gpuLayers).toBe(most);
				expect(bindingLimit?.next).toBe(most === wishes.layers ? undefined : most + 1);
				expect(bindingLimit?.missingBytes ?? 1).toBeGreaterThan(0);
			},
		),
		{numRuns: 200},
	);
});

test('with few questions, since each takes half a second', async () => {
	const {wishes, planFor, asked} = scene(
		Array.from({length: 80}, (_, index) => (index % 3 === 0 ? 560 : 480)),
		12,
		undefined,
		300,
	);
	const {plan} = await fitLayers(wishes, planFor);
	expect(plan.settings.gpuLayers).toBe(22);
	expect(asked.size).toBeLessThanOrEqual(5);
});

test('what is missing is what the next layer takes beyond the margin', async () => {
	const {wishes, planFor} = scene([100, 100, 100, 100], 1, undefined, 400);
	const {plan, bindingLimit} = await fitLayers(wishes, planFor);
	expect(plan.settings.gpuLayers).toBe(3);
	// 100 MiB of output, three blocks of 105, 400 of context and 4 of cache, in 1024 MiB less 256.
	expect(bindingLimit).toEqual({limit: 'VRAM', next: 4, missingBytes: (100 + 315 + 400 + 4 - 768) * mib});
});

test('where VRAM is a part of the RAM, both bind', async () => {
	// Ten blocks of 1 GiB, on a GPU that may have all of 6 GiB of RAM, of which others hold 2.
	const {wishes, planFor} = scene(
		Array.from({length: 10}, () => 1024),
		6,
		undefined,
		100,
	);
	const machine = {...wishes.machine, ram: {totalBytes: 6 * gib, otherBytes: 2 * gib, budgetBytes: undefined}, isUnified: true};
	const onMachine = async (settings: Settings) => {
		const {vramBytes} = await planFor(settings);
		const dryRun = {exact: true, weights: {vramBytes, ramBytes: 0}, context: {vramBytes: 0, ramBytes: 0}, compute: undefined};
		const weights = {sizes: wishes.sizes, activeExperts: 1, parameters: 1e9};
		return planOf({settings, dryRun, weights, machine, speeds: undefined, driverBytes: 0});
	};
	const {plan, bindingLimit} = await fitLayers({...wishes, machine}, onMachine);
	// The output and 3 blocks of 1.05 GiB take 3.35 GiB; a fourth does not leave 2 to the others.
	expect([plan.settings.gpuLayers, plan.verdict]).toEqual([4, 'fits']);
	expect(bindingLimit).toMatchObject({limit: 'RAM', next: 5});
});

test('experts: all layers on the GPU with the fewest of them on the CPU, and only when that does not do, fewer layers', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.record({shared: fc.integer({min: 10, max: 100}), experts: fc.integer({min: 0, max: 900})}), {
				minLength: 1,
				maxLength: 40,
			}),
			fc.integer({min: 1, max: 24}),
			fc.integer({min: 0, max: 300}),
			async (blocks, vram, overhead) => {
				const sizes: LayerSizes = {
					inputBytes: 0,
					blocks: blocks.map(({shared, experts}) => ({bytes: (shared + experts) * mib, expertBytes: experts * mib})),
					outputBytes: 100 * mib,
				};
				const layers = blocks.length + 1;
				const machine: Machine = {vram: {totalBytes: vram * gib, otherBytes: 0, budgetBytes: undefined}, ram: undefined};
				const planFor = async (settings: Settings) =>
					planOf({
						settings,
						dryRun: {
							exact: true,
							weights: {vramBytes: placedBytes(settings, sizes).gpu * 1.02, ramBytes: 0},
							// What experts on the CPU cost in buffers.
							context: {vramBytes: (overhead + (settings.cpuExpertLayers > 0 ? 30 : 0)) * mib, ramBytes: 0},
							compute: undefined,
						},
						weights: {sizes, activeExperts: 0.1, parameters: 1e9},
						machine,
						speeds: undefined,
						driverBytes: 0,
					});
				const most = mostCpuExperts(sizes);
				const {plan} = await fitLayers({settings: baseSettings, layers, cpuExpertLayers: most, sizes, machine}, planFor);
				const isFineAt = async (gpuLayers: number, cpuExpertLayers: number) =>
					isFine(await planFor({...baseSettings, gpuLayers, cpuExpertLayers}), machine);
				const fewest = await Promise.all(Array.from({length: most + 1}, (_, count) => isFineAt(layers, count)));
				const best = fewest.indexOf(true);
				const half = Math.ceil(layers / 2);
				const wishes = {settings: {...baseSettings, gpuLayers: half}, layers, cpuExpertLayers: most, sizes, machine};
				const given = await fitGivenLayers(wishes, planFor);
				const atHalf = await Promise.all(Array.from({length: most + 1}, (_, count) => isFineAt(half, count)));
				expect(given.plan.settings).toMatchObject({gpuLayers: half, cpuExpertLayers: atHalf.includes(true) ? atHalf.indexOf(true) : most});
				if (best >= 0) {
					expect(plan.settings).toMatchObject({gpuLayers: layers, cpuExpertLayers: best});
					return;
				}

				expect(plan.settings.cpuExpertLayers).toBe(most);
				expect(plan.settings.gpuLayers).toBeLessThan(layers);
				expect(await isFineAt(plan.settings.gpuLayers + 1, most)).toBe(false);
			},
		),
		{numRuns: 200},
	);
});

test('rows: from none to all, the recommended one among them', () => {
	expect(rowLayers(81, 12)).toEqual([0, 12, 14, 27, 41, 54, 68, 81]);
	expect(rowLayers(81, 81)).toEqual([0, 14, 27, 41, 54, 68, 81]);
	expect(rowLayers(3, 2)).toEqual([0, 1, 2, 3]);
	expect(rowLayers(1, 0)).toEqual([0, 1]);
});
