import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {DryRun, Settings} from '../../source/engine/types.js';
import {estimateOf, limitBytes, nearestKnown, planOf, ramMarginBytes, vramMarginBytes, worseOf} from '../../source/planner/memory.js';
import {activeBytes, firstGpuBlock, gpuBlocks, placedBytes} from '../../source/planner/placement.js';
import type {Machine, ModelWeights, Verdict} from '../../source/planner/types.js';
import {baseSettings} from '../support/fake-engine.js';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const blocks = 8;

const weights: ModelWeights = {
	sizes: {
		inputBytes: 100 * mib,
		outputBytes: 200 * mib,
		blocks: Array.from({length: blocks}, () => ({bytes: gib, expertBytes: 0.75 * gib})),
	},
	activeExperts: 0.25,
	parameters: 14e9,
};

/** An engine whose numbers follow the tensor sizes to the byte. */
const dryRunAt = ({gpuLayers, cpuExpertLayers, contextSize, cacheTypeK, batchSize}: Settings): DryRun => {
	const {gpu, cpu} = placedBytes({gpuLayers, cpuExpertLayers}, weights.sizes);
	const cache = contextSize * 1024 * 64 * (cacheTypeK === 'f16' ? 1 : 17 / 32);
	const onGpu = (cache * gpuBlocks(gpuLayers, blocks)) / blocks;
	const compute = {vramBytes: batchSize * 2 ** 18, ramBytes: batchSize * 2 ** 14};
	return {
		exact: true,
		weights: {vramBytes: gpu, ramBytes: cpu},
		context: {vramBytes: onGpu + compute.vramBytes, ramBytes: cache - onGpu + compute.ramBytes},
		compute,
	};
};

const machine = (vram: number | undefined, ram: number | undefined, budget?: number): Machine => ({
	vram: vram === undefined ? undefined : {totalBytes: vram, otherBytes: 0, budgetBytes: budget},
	ram: ram === undefined ? undefined : {totalBytes: ram, otherBytes: 0, budgetBytes: undefined},
});

const plan = (change: Partial<Settings>, on: Machine, driverBytes = 0) => {
	const settings = {...baseSettings, ...change};
	return planOf({settings, dryRun: dryRunAt(settings), weights, machine: on, speeds: undefined, driverBytes});
};

describe('which layers are on the GPU', () => {
	test.each([
		[0, 9, 0, false],
		[1, 8, 0, true],
		[2, 7, 1, true],
		[8, 1, 7, true],
		[9, 0, 8, true],
		[99, 0, 8, true],
	])('%d: blocks from %d on, %d of them', (gpuLayers, first, many, isOutput) => {
		expect(firstGpuBlock(gpuLayers, blocks)).toBe(first);
		expect(gpuBlocks(gpuLayers, blocks)).toBe(many);
		const {gpu} = placedBytes({gpuLayers, cpuExpertLayers: 0}, weights.sizes);
		expect(gpu).toBe(many * gib + (isOutput ? 200 * mib : 0));
	});

	test('experts of the first blocks stay on the CPU', () => {
		expect(placedBytes({gpuLayers: 9, cpuExpertLayers: 3}, weights.sizes).gpu).toBe(8 * gib - 2.25 * gib + 200 * mib);
		expect(placedBytes({gpuLayers: 5, cpuExpertLayers: 3}, weights.sizes).gpu).toBe(4 * gib + 200 * mib);
	});

	test('shared embeddings are on the CPU once, and on the GPU again', () => {
		const tied = {...weights.sizes, outputBytes: 101 * mib, tiedBytes: 100 * mib};
		expect(placedBytes({gpuLayers: 0, cpuExpertLayers: 0}, tied)).toEqual({gpu: 0, cpu: 8 * gib + 101 * mib});
		expect(placedBytes({gpuLayers: 1, cpuExpertLayers: 0}, tied)).toEqual({gpu: 101 * mib, cpu: 8 * gib + 100 * mib});
	});

	test('a token reads the experts that work, and of the embeddings next to nothing', () => {
		const {shared, experts} = activeBytes({gpuLayers: 5, cpuExpertLayers: 0}, weights);
		expect(shared).toEqual({gpu: gib + 200 * mib, cpu: gib});
		expect(experts).toEqual({gpu: 0.75 * gib, cpu: 0.75 * gib});
	});

	test.each([
		['some experts', 2 * gib, {gpu: gib + 200 * mib, cpu: gib}, {gpu: 0.25 * gib, cpu: 1.25 * gib}],
		['more than the experts', 3.5 * gib, {gpu: 0.5 * gib + 200 * mib, cpu: 1.5 * gib}, {gpu: 0, cpu: 1.5 * gib}],
		['more than there is', 9 * gib, {gpu: 0, cpu: 2 * gib + 200 * mib}, {gpu: 0, cpu: 1.5 * gib}],
	])('a device that does not take %s: they are read in RAM', (_what, untaken, shared, experts) => {
		expect(activeBytes({gpuLayers: 5, cpuExpertLayers: 0}, weights, untaken)).toEqual({shared, experts});
	});
});

describe('verdicts', () => {
	// 9 layers: 8.2 GiB of weights, 0.375 GiB of context (4,096 tokens), on the GPU; 4 layers: 3.2 GiB on it.
	test.each<[string, Partial<Settings>, Machine, Verdict, Verdict]>([
		['all on a large card', {gpuLayers: 9}, machine(12 * gib, 32 * gib), 'fits', 'fits'],
		['all on a card that is just large enough', {gpuLayers: 9}, machine(8.75 * gib, 32 * gib), 'tight', 'fits'],
		['all on a small card', {gpuLayers: 9}, machine(8 * gib, 32 * gib), 'does not fit', 'fits'],
		['a budget that is kept', {gpuLayers: 4}, machine(12 * gib, 32 * gib, 4 * gib), 'fits', 'fits'],
		['a budget that is not kept', {gpuLayers: 9}, machine(12 * gib, 32 * gib, 4 * gib), 'does not fit', 'fits'],
		['no device', {gpuLayers: 0}, machine(undefined, 32 * gib), 'fits', 'fits'],
		['RAM that cannot be read', {gpuLayers: 0}, machine(undefined, undefined), 'fits', 'fits'],
		['little RAM left', {gpuLayers: 0}, machine(undefined, 8.7 * gib), 'fits', 'tight'],
		['mapped weights larger than RAM', {gpuLayers: 0}, machine(undefined, 6 * gib), 'fits', 'paging'],
		['copied weights larger than RAM', {gpuLayers: 0, mmap: false}, machine(undefined, 6 * gib), 'fits', 'does not fit'],
		['locked weights larger than RAM', {gpuLayers: 0, mlock: true}, machine(undefined, 6 * gib), 'fits', 'does not fit'],
		['a context larger than RAM', {gpuLayers: 0, contextSize: 131_072}, machine(undefined, 6 * gib), 'fits', 'does not fit'],
		['half on a GPU that takes it from RAM', {gpuLayers: 5}, {...machine(12 * gib, 10 * gib), isUnified: true}, 'fits', 'fits'],
		['VRAM that is RAM, and mapped weights beside it', {gpuLayers: 5}, {...machine(12 * gib, 8 * gib), isUnified: true}, 'fits', 'paging'],
		['all on a GPU that takes it from RAM', {gpuLayers: 9}, {...machine(12 * gib, 8 * gib), isUnified: true}, 'fits', 'does not fit'],
		['weights on the GPU do not count against RAM', {gpuLayers: 9}, machine(12 * gib, gib), 'fits', 'fits'],
	])('%s', (_what, change, on, vram, ram) => {
		const {vramVerdict, ramVerdict, verdict} = plan(change, on);
		expect([vramVerdict, ramVerdict]).toEqual([vram, ram]);
		expect(verdict).toBe(worseOf(vram, ram));
	});

	test('nobody may take what others hold', () => {
		expect(limitBytes({totalBytes: 12, otherBytes: 2, budgetBytes: 11})).toBe(10);
		expect(limitBytes({totalBytes: 12, otherBytes: 2, budgetBytes: 9})).toBe(9);
		expect(limitBytes({totalBytes: 12, otherBytes: 13, budgetBytes: undefined})).toBe(0);
	});

	test('margins', () => {
		expect(vramMarginBytes({totalBytes: 8 * gib})).toBe(256 * mib);
		expect(vramMarginBytes({totalBytes: 80 * gib})).toBeCloseTo(1.6 * gib);
		expect(vramMarginBytes({totalBytes: 16 * gib, devices: 2})).toBe(512 * mib);
		expect(ramMarginBytes({totalBytes: 32 * gib})).toBeCloseTo(1.6 * gib);
	});
});

describe('a plan', () => {
	test('is the sum of its breakdown, and says what is left', () => {
		const {vramBytes, ramBytes, breakdown, vramLeftBytes, ramLeftBytes} = plan(
			{gpuLayers: 4},
			machine(12 * gib, 32 * gib, 4 * gib),
			90 * mib,
		);
		expect(breakdown.vram).toEqual({
			weights: 3 * gib + 200 * mib,
			cache: 96 * mib,
			recurrent: 0,
			compute: 128 * mib,
			driver: 90 * mib,
			draft: 0,
		});
		expect(vramBytes).toBe(3 * gib + 514 * mib);
		expect(vramLeftBytes).toBe(4 * gib - vramBytes);
		expect(breakdown.ram.driver).toBe(0);
		expect(ramBytes + (ramLeftBytes ?? 0)).toBe(32 * gib);
	});

	test('counts the draft model, which does not page', () => {
		const settings = {...baseSettings, gpuLayers: 0, mmap: true, draftModel: 'small.gguf', draftGpuLayers: 99};
		const dryRun: DryRun = {
			exact: true,
			weights: {vramBytes: 0, ramBytes: 8 * gib},
			context: {vramBytes: 0, ramBytes: gib},
			compute: undefined,
			draft: {vramBytes: 2 * gib, ramBytes: gib},
		};
		const on = (vram: number, ram: number) =>
			planOf({settings, dryRun, weights, machine: machine(vram, ram), speeds: undefined, driverBytes: 90 * mib});
		const {vramBytes, ramBytes, breakdown} = on(12 * gib, 32 * gib);
		expect([vramBytes, ramBytes]).toEqual([2 * gib + 90 * mib, 10 * gib]);
		expect(breakdown.vram).toEqual({weights: 0, cache: 0, recurrent: 0, compute: 0, driver: 90 * mib, draft: 2 * gib});
		expect(on(2 * gib, 32 * gib).vramVerdict).toBe('does not fit');
		expect(on(12 * gib, 9 * gib).ramVerdict).toBe('paging');
		expect(on(12 * gib, 1.5 * gib).ramVerdict).toBe('does not fit');
	});

	test.each<[string, Partial<Settings>, number, number]>([
		['all of them', {}, 0, 3.5 * gib + 200 * mib],
		['no more than rounding left behind', {}, 100 * mib, 3.5 * gib + 200 * mib],
		['without its experts', {}, 6 * gib, 2 * gib + 200 * mib],
		['as it was told', {overrideTensor: 'exps'}, 6 * gib, 2 * gib + 200 * mib],
		['nothing', {}, 8 * gib + 200 * mib, 0],
	])('a GPU with layers that it takes, %s: the speed counts bytes where they are', (_what, change, untaken, onGpu) => {
		const settings = {...baseSettings, gpuLayers: 9, ...change};
		const said = dryRunAt(settings);
		const dryRun = {...said, weights: {vramBytes: said.weights.vramBytes - untaken, ramBytes: said.weights.ramBytes + untaken}};
		const speeds = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 40e9, overheadMs: 0};
		const about = {dryRun, weights, machine: machine(12 * gib, 32 * gib), speeds, driverBytes: 0, fillTokens: 0};
		const seconds = onGpu / 300e9 + (3.5 * gib + 200 * mib - onGpu) / 40e9 + 0.000_072;
		expect(planOf({settings, ...about}).tokensPerSecond).toBeCloseTo(1 / seconds, 6);
	});

	test('a recurrent state is no KV cache: it moves with the layers, and does not grow with the context', () => {
		const settings = {...baseSettings, gpuLayers: 0, contextSize: 1024};
		const dryRun: DryRun = {
			exact: true,
			weights: {vramBytes: 0, ramBytes: gib},
			context: {vramBytes: 0, ramBytes: 80 * mib},
			compute: {vramBytes: 0, ramBytes: 6 * mib},
			recurrent: {vramBytes: 0, ramBytes: 10 * mib},
		};
		const about = {weights, machine: machine(2 * gib, 16 * gib), speeds: undefined, driverBytes: 0};
		expect(planOf({settings, dryRun, ...about}).breakdown.ram).toMatchObject({cache: 64 * mib, recurrent: 10 * mib, compute: 6 * mib});
		const larger = estimateOf({settings: {...settings, contextSize: 4096}, known: {settings, dryRun}, ...about});
		expect(larger.breakdown.ram).toMatchObject({cache: 256 * mib, recurrent: 10 * mib});
		const all = {...settings, gpuLayers: weights.sizes.blocks.length + 1};
		const onGpu = estimateOf({settings: all, known: {settings, dryRun}, ...about});
		expect(onGpu.breakdown).toMatchObject({vram: {cache: 64 * mib, recurrent: 10 * mib}, ram: {cache: 0, recurrent: 0}});
	});

	test('what the engine rounds in its compute buffers is no cache: without layers no speed of the GPU is needed', () => {
		const settings = {...baseSettings, gpuLayers: 0};
		const dryRun: DryRun = {
			exact: true,
			weights: {vramBytes: 0, ramBytes: gib},
			context: {vramBytes: 127.664551 * mib, ramBytes: 90 * mib + 10},
			compute: {vramBytes: 127.66 * mib, ramBytes: 6 * mib},
		};
		const speeds = {gpuBytesPerSecond: undefined, cpuBytesPerSecond: 40e9, overheadMs: 0.5};
		const result = planOf({settings, dryRun, weights, machine: machine(2 * gib, 16 * gib), speeds, driverBytes: 0});
		expect(result.breakdown.vram).toMatchObject({cache: 0, compute: 127.664551 * mib});
		expect(result.breakdown.ram).toMatchObject({cache: 84 * mib + 10, compute: 6 * mib});
		expect(result.tokensPerSecond).toBeGreaterThan(1);
	});

	test.each([
		['fits', 12 * gib, 16 * gib, true],
		['paging', 12 * gib, 2 * gib, false],
		['does not fit', 2 * gib, 16 * gib, true],
		['does not fit', 2 * gib, 2 * gib, false],
	] as const)('%s on %d and %d bytes: no speed is known where it pages', (verdict, vram, ram, isKnown) => {
		const settings = {...baseSettings, gpuLayers: 4};
		const speeds = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 40e9, overheadMs: 0.5, promptPerSecond: {gpu: 1e12, cpu: 1e12}};
		const result = planOf({settings, dryRun: dryRunAt(settings), weights, machine: machine(vram, ram), speeds, driverBytes: 0});
		expect(result.verdict).toBe(verdict);
		expect([result.tokensPerSecond !== undefined, result.promptTokensPerSecond !== undefined]).toEqual([isKnown, isKnown]);
	});

	test('has no driver where nothing is on the device, and no speed where none is known', () => {
		const dryRun: DryRun = {exact: false, weights: {vramBytes: 0, ramBytes: 5}, context: {vramBytes: 0, ramBytes: 3}, compute: undefined};
		const settings = {...baseSettings, gpuLayers: 0};
		const result = planOf({settings, dryRun, weights, machine: machine(gib, gib), speeds: undefined, driverBytes: 90});
		expect(result).toMatchObject({exact: false, vramBytes: 0, ramBytes: 8, tokensPerSecond: undefined, promptTokensPerSecond: undefined});
		expect(result.breakdown.ram).toEqual({weights: 5, cache: 3, recurrent: 0, compute: 0, driver: 0, draft: 0});
	});
});

const anySettings = fc
	.record({
		gpuLayers: fc.integer({min: 0, max: 9}),
		cpuExpertLayers: fc.integer({min: 0, max: 8}),
		contextSize: fc.integer({min: 2, max: 64}).map(count => count * 512),
		cacheTypeK: fc.constantFrom('f16' as const, 'q8_0' as const),
		batchSize: fc.constantFrom(128, 512),
	})
	.map(change => ({...baseSettings, ...change, cacheTypeV: change.cacheTypeK}));

describe('the estimate', () => {
	test('is right to the byte where memory follows the tensors, from wherever it starts', () => {
		fc.assert(
			fc.property(anySettings, anySettings, (from, to) => {
				const request = {settings: to, weights, machine: machine(12 * gib, 32 * gib), speeds: undefined, driverBytes: 0};
				const estimate = estimateOf({...request, known: {settings: from, dryRun: dryRunAt(from)}});
				const exact = planOf({...request, dryRun: dryRunAt(to)});
				expect(Math.abs(estimate.vramBytes - exact.vramBytes)).toBeLessThan(4);
				expect(Math.abs(estimate.ramBytes - exact.ramBytes)).toBeLessThan(4);
				expect(estimate.exact).toBe(false);
			}),
		);
	});

	test('starts from the nearest', () => {
		const known = [0, 4, 9].map(gpuLayers => ({settings: {...baseSettings, gpuLayers}, dryRun: dryRunAt({...baseSettings, gpuLayers})}));
		expect(nearestKnown({...baseSettings, gpuLayers: 5}, known)).toBe(known[1]);
		expect(nearestKnown({...baseSettings, gpuLayers: 9, contextSize: 8192}, known)).toBe(known[2]);
		expect(nearestKnown(baseSettings, [])).toBeUndefined();
	});
});
