import {expect, test} from 'vitest';
import {EngineError} from '../../source/engine/engine-errors.js';
import type {ModelFacts, Settings, WantedSettings} from '../../source/engine/types.js';
import {usedBatchSize} from '../../source/planner/settings.js';
import {settle} from '../../source/planner/settle.js';
import type {Machine, Speeds} from '../../source/planner/types.js';
import {createFakeEngine, gib, wantedAuto} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const machine = (vramGib: number | undefined, ramGib: number, budgets: {vramGib?: number; ramGib?: number} = {}): Machine => ({
	vram:
		vramGib === undefined ? undefined : {totalBytes: vramGib * gib, otherBytes: 0, budgetBytes: budgets.vramGib && budgets.vramGib * gib},
	ram: {totalBytes: ramGib * gib, otherBytes: 2 * gib, budgetBytes: budgets.ramGib && budgets.ramGib * gib},
});

const long: ModelFacts = {...bigModel, trainedContext: 131_072};

type Scene = {
	readonly model?: ModelFacts;
	readonly driverBytes?: number;
	readonly refuseFrom?: number;
	/** The share of its layers that the device takes. */
	readonly taken?: number;
	/** Of VRAM, for each token of a batch. */
	readonly computeBytes?: number;
	readonly speeds?: Speeds;
};

const settled = async (
	wanted: Partial<WantedSettings>,
	on: Machine,
	{model = bigModel, driverBytes = 0, refuseFrom = Number.POSITIVE_INFINITY, taken = 1, computeBytes = 0, speeds}: Scene = {},
) => {
	const {engine} = createFakeEngine();
	const dryRun = async (settings: Settings) => {
		if (settings.contextSize >= refuseFrom) throw new EngineError('failed', 'llama.cpp gave up on these settings.');
		const said = await engine.dryRun({path: model.path, settings});
		const {vramBytes, ramBytes} = said.weights;
		const compute = {vramBytes: usedBatchSize(settings) * computeBytes, ramBytes: 0};
		return {
			...said,
			weights: {vramBytes: vramBytes * taken, ramBytes: ramBytes + vramBytes * (1 - taken)},
			context: {...said.context, vramBytes: said.context.vramBytes + compute.vramBytes},
			compute,
		};
	};
	return settle(
		{...wantedAuto, contextSize: 'usual', ...wanted},
		{
			model,
			machine: on,
			canPlaceExperts: true,
			speeds,
			driverBytes,
			mlockLimitBytes: undefined,
			dryRun,
			askCarefully: dryRun,
			signal: new AbortController().signal,
		},
	);
};

test('layers that fit with the usual context, and what binds them', async () => {
	const {settings, layersLimit, contextLimit} = await settled({}, machine(12, 64));
	expect(settings).toMatchObject({gpuLayers: 22, contextSize: 8192});
	expect(layersLimit).toMatch(/^VRAM binds: 22 layers; the 23rd needs [\d.]+ MiB more\. KV q8_0 would give 1 more layer\.$/);
	expect(contextLimit).toBeUndefined();
});

test('what the driver takes is left to it', async () => {
	expect((await settled({}, machine(12, 64), {driverBytes: gib})).settings.gpuLayers).toBe(20);
	expect((await settled({}, machine(12, 64, {vramGib: 8}), {driverBytes: gib})).settings.gpuLayers).toBe(13);
});

test('all layers: nothing binds', async () => {
	const {settings, layersLimit} = await settled({}, machine(80, 64));
	expect([settings.gpuLayers, layersLimit]).toEqual([81, undefined]);
});

const slower = 'No layers on the GPU: the GPU leaves so much of its layers in RAM that the CPU alone is faster.';
test.each<[string, number, number | undefined, number, string | undefined]>([
	['slower than the CPU', 0.1, 1, 0, slower],
	['faster', 0.1, 300, 81, undefined],
	['whose speed is not known', 0.1, undefined, 81, undefined],
	['slower than the CPU, which takes all', 1, 1, 81, undefined],
])('a device that leaves weights in RAM, %s', async (_what, taken, gpuGb, layers, limit) => {
	const speeds = {gpuBytesPerSecond: gpuGb && gpuGb * 1e9, cpuBytesPerSecond: 40e9, overheadMs: 0.5};
	const {settings, layersLimit} = await settled({}, machine(80, 64), {taken, speeds});
	expect([settings.gpuLayers, layersLimit]).toEqual([layers, limit]);
});

test('what was given stays as it is', async () => {
	const {settings, layersLimit} = await settled({gpuLayers: 5, contextSize: 4096}, machine(12, 64));
	expect([settings.gpuLayers, settings.contextSize, layersLimit]).toEqual([5, 4096, undefined]);
});

test('-c auto: the layers of the usual context first, then the largest context with them', async () => {
	const {settings, contextLimit} = await settled({contextSize: 'auto', gpuLayers: 10}, machine(12, 128), {model: long});
	expect(settings).toMatchObject({gpuLayers: 10, contextSize: 131_072});
	expect(contextLimit).toBe('Context: 131,072 tokens, what the model was trained for.');
	const tight = await settled({contextSize: 'auto'}, machine(12, 64), {model: long});
	expect(tight.settings.gpuLayers).toBe(22);
	expect(tight.contextLimit).toMatch(/^Context: [\d,]+ tokens; [\d,]+ (?:need [\d.]+ [MG]iB more|would leave too little) VRAM/);
});

test.each<[string, Machine, number, string]>([
	['RAM, of which a margin stays free', machine(undefined, 48), 11_776, '12,032 would leave too little RAM free'],
	['a budget, which is used up', machine(undefined, 48, {ramGib: 44.9}), 15_872, '16,128 need 22 MiB more RAM'],
])('-c auto on the CPU does not push the weights out of RAM: %s', async (_what, on, contextSize, words) => {
	const {settings, contextLimit} = await settled({contextSize: 'auto'}, on, {model: long});
	expect(settings.contextSize).toBe(contextSize);
	expect(contextLimit).toBe(`Context: ${contextSize.toLocaleString('en-US')} tokens; ${words}.`);
});

test('-c auto where the weights do not stay in RAM anyway leaves the usual context', async () => {
	const {settings, contextLimit, paging} = await settled({contextSize: 'auto'}, machine(undefined, 24), {model: long});
	expect([settings.contextSize, contextLimit]).toEqual([8192, undefined]);
	expect(paging).toBeDefined();
});

// 40 GiB of weights; 320 KiB a token.
test.each([
	['auto', 'With a context of 256 tokens they take 40.1 GiB, 39.1 GiB more', 'Use a smaller file, or a larger budget.'],
	['usual', 'They take 42.5 GiB, 41.5 GiB more', 'Use a smaller context or file, or a larger budget.'],
] as const)('where no context fits the bytes are those of the last one that was tried: -c %s', async (contextSize, why, advice) => {
	const refused = settled({contextSize}, machine(undefined, 64, {ramGib: 1}));
	await expect(refused).rejects.toMatchObject({why: expect.stringContaining(why), advice});
});

test('a context that the device cannot hold is too large', async () => {
	const {settings, contextLimit} = await settled({contextSize: 'auto', gpuLayers: 1}, machine(12, 64), {model: long, refuseFrom: 40_000});
	expect(settings.contextSize).toBe(32_768);
	expect(contextLimit).toMatch(/^Context: 32,768 tokens; the device cannot hold [\d,]+\.$/);
});

test('a smaller context where the usual one does not fit, not where one was given', async () => {
	// 320 KiB a token, none of which the system takes back.
	const {settings, contextLimit} = await settled({}, machine(undefined, 3.5));
	expect(settings.contextSize).toBe(4864);
	expect(contextLimit).toMatch(/^Context: 4,864 tokens \(paging\); 5,120 need /);
	expect((await settled({contextSize: 8192}, machine(undefined, 3.5))).settings.contextSize).toBe(8192);
});

test('a smaller batch is taken where the context would be so small that it has no other', async () => {
	const on = machine(12, 64, {vramGib: 0.4});
	const {settings, contextLimit} = await settled({}, on, {computeBytes: 1024 ** 2});
	expect([settings.contextSize, settings.batchSize]).toEqual([8192, 256]);
	expect(contextLimit).toMatch(/^Context: 8,192 tokens[,;].*\. Batch: 256; a larger one would leave less room for the context\.$/);
	expect((await settled({}, on, {computeBytes: 4 * 1024 ** 2}).catch(error => error)).advice).not.toContain('-b');
});

test('a smaller batch is offered where it alone keeps the context', async () => {
	const {settings, contextLimit} = await settled({gpuLayers: 9}, machine(12, 64, {vramGib: 5}), {computeBytes: 1024 ** 2});
	expect([settings.contextSize, settings.batchSize]).toEqual([1536, 512]);
	expect(contextLimit).toBe('Context: 1,536 tokens; 1,792 need 5.3 MiB more VRAM. With a batch of 256 (-b 256) 8,192 fit.');
});

test('weights that do not stay in RAM are told before they are loaded', async () => {
	expect((await settled({}, machine(undefined, 24))).paging).toBe(
		'40.0 GiB of weights, 22.0 GiB of RAM for them: it will page, and read the disk for every token.',
	);
	expect((await settled({}, machine(undefined, 64))).paging).toBeUndefined();
	expect((await settled({mmap: false}, machine(undefined, 24))).paging).toBeUndefined();
});

test('a smaller context makes room for layers', async () => {
	const {settings, layersLimit, contextLimit} = await settled({}, machine(24, 3));
	expect([settings.gpuLayers, settings.contextSize]).toEqual([45, 7168]);
	expect((await settled({contextSize: 8192}, machine(24, 3))).settings.gpuLayers).toBe(44);
	expect(layersLimit).toMatch(/^VRAM binds: 45 layers/);
	expect(contextLimit).toMatch(/^Context: 7,168 tokens(?: \(paging\))?; 7,424 need [\d.]+ MiB more RAM with 44 layers\.$/);
});

test.each<[string, Partial<WantedSettings>, Machine, string]>([
	['VRAM, with layers that were given', {gpuLayers: 30}, machine(24, 64, {vramGib: 8}), 'VRAM'],
	['RAM, which no number of layers keeps', {}, machine(12, 64, {ramGib: 16}), 'RAM'],
	['RAM, without a device', {}, machine(undefined, 64, {ramGib: 16}), 'RAM'],
])('a budget that cannot be kept is refused with both numbers: %s', async (_what, wanted, on, name) => {
	await expect(settled(wanted, on)).rejects.toMatchObject({
		code: 'over-budget',
		message: `These settings do not keep the ${name} budget.`,
		why: expect.stringMatching(/^They take [\d.]+ GiB, [\d.]+ GiB more than the [\d.]+ GiB of the budget\.$/),
	});
});

test('a RAM budget that layers on the device make room for is kept', async () => {
	expect((await settled({}, machine(48, 64, {ramGib: 16}))).settings.gpuLayers).toBe(81);
});

test('what llama.cpp would refuse once the weights are read is refused before', async () => {
	await expect(settled({cacheTypeV: 'q8_0', flashAttention: 'off'}, machine(12, 64))).rejects.toMatchObject({
		code: 'unsupported',
		message: 'A quantized V cache needs flash attention.',
	});
});

test.each([
	[3, 0, true],
	[9999, 0, true],
	[0, 0, false],
	['auto', 0, false],
	[3, 80, false],
] as const)('%s experts on the CPU of a model with %d layers of them', async (cpuExpertLayers, expertLayers, isIdle) => {
	const {idle} = await settled({cpuExpertLayers}, machine(12, 64), {model: {...bigModel, expertLayers}});
	expect(idle).toEqual(isIdle ? ['The model has no experts: --n-cpu-moe and --cpu-moe change nothing.'] : []);
});
