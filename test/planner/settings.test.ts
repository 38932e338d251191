import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {cacheTypeNames, type Device, type Settings, type WantedSettings} from '../../source/engine/types.js';
import {
	concrete,
	contextSizes,
	dryRunKey,
	followThreads,
	idleLayers,
	idleWishes,
	limitsOf,
	type Move,
	movableNames,
	moveSetting,
	type SettingName,
	settingNames,
	stepBetween,
	wantedContext,
	warningsOf,
} from '../../source/planner/settings.js';
import {baseSettings, cpuDevice, gpuDevice, wantedAuto} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const limits = limitsOf(bigModel, gpuDevice, 8);
const moves = ['less', 'more', 'muchLess', 'muchMore', 'least', 'most'] as const satisfies readonly Move[];

describe('what a change needs', () => {
	test.each<[string, Partial<Settings>, ReturnType<typeof stepBetween>]>([
		['nothing', {}, 'nothing'],
		['the value that it has', {gpuLayers: 12}, 'nothing'],
		['context size', {contextSize: 8192}, 'context'],
		['K cache', {cacheTypeK: 'q8_0'}, 'context'],
		['V cache', {cacheTypeV: 'q8_0'}, 'context'],
		['batch size', {batchSize: 256}, 'context'],
		['threads', {threads: 8}, 'threads'],
		['threads and context size', {threads: 8, contextSize: 8192}, 'context'],
		['flash attention', {flashAttention: 'on'}, 'context'],
		['layers', {gpuLayers: 13}, 'model'],
		['layers and context', {gpuLayers: 0, contextSize: 8192}, 'model'],
	])('%s', (_what, change, step) => {
		expect(stepBetween(baseSettings, {...baseSettings, ...change})).toBe(step);
	});
});

test.each<[string, number, number]>([
	['the same wish', 4, 2],
	['another one', 6, 6],
])('threads that change by themselves from 4 to 2, and what is wanted: %s', (_what, threads, followed) => {
	const wanted = {...baseSettings, threads, gpuLayers: 20};
	expect(followThreads(wanted, {...baseSettings, threads: 4}, {...baseSettings, threads: 2})).toEqual({...wanted, threads: followed});
});

test.each<[string, Partial<Settings>, Partial<Settings>, boolean]>([
	['threads and locking', {}, {threads: 8, mlock: true}, true],
	['batches beyond the context', {contextSize: 512, batchSize: 512}, {contextSize: 512, batchSize: 1024}, true],
	['batches within it', {}, {batchSize: 256}, false],
	['weights that are copied', {}, {mmap: false}, false],
])('dry runs of %s', (_what, a, b, isSame) => {
	expect(dryRunKey({...baseSettings, ...a}) === dryRunKey({...baseSettings, ...b})).toBe(isSame);
});

test('what a machine and a model allow', () => {
	expect(limits).toEqual({gpuLayers: 81, cpuExpertLayers: 0, trainedContext: 8192, threads: 8});
	expect(limitsOf(bigModel, cpuDevice, 4)).toEqual({gpuLayers: 0, cpuExpertLayers: 0, trainedContext: 8192, threads: 4});
});

describe('moves', () => {
	// From where to where, in the order of `moves`: less, more, much less, much more, least, most.
	test.each<{[Name in SettingName]: readonly [Name, Settings[Name], ReadonlyArray<Settings[Name]>]}[SettingName]>([
		['gpuLayers', 40, [39, 41, 30, 50, 0, 81]],
		['gpuLayers', 0, [0, 1, 0, 10, 0, 81]],
		['gpuLayers', 78, [77, 79, 68, 81, 0, 81]],
		['contextSize', 4096, [3072, 6144, 2048, 8192, 512, 8192]],
		['contextSize', 512, [512, 768, 512, 1024, 512, 8192]],
		['contextSize', 5000, [4096, 6144, 3072, 8192, 512, 8192]],
		['contextSize', 8192, [6144, 12_288, 4096, 16_384, 512, 8192]],
		['contextSize', 1_048_576, [786_432, 1_048_576, 524_288, 1_048_576, 512, 8192]],
		['cacheTypeK', 'f16', ['f16', 'bf16', 'f16', 'q8_0', 'f16', 'q4_0']],
		['cacheTypeK', 'q8_0', ['bf16', 'q5_1', 'f16', 'q5_0', 'f16', 'q4_0']],
		['cacheTypeV', 'q4_0', ['q4_1', 'q4_0', 'q5_0', 'q4_0', 'f16', 'q4_0']],
		['batchSize', 512, [256, 1024, 128, 2048, 32, 4096]],
		['batchSize', 32, [32, 64, 32, 128, 32, 4096]],
		['batchSize', 4096, [2048, 4096, 1024, 4096, 32, 4096]],
		['batchSize', 500, [256, 512, 128, 1024, 32, 4096]],
		['threads', 4, [3, 5, 1, 8, 1, 8]],
		['threads', 8, [7, 8, 4, 8, 1, 8]],
		['flashAttention', 'auto', ['auto', 'on', 'auto', 'off', 'auto', 'off']],
		['flashAttention', 'on', ['auto', 'off', 'auto', 'off', 'auto', 'off']],
	])('%s at %s', (name, from, to) => {
		const settings = {...baseSettings, [name]: from};
		expect(moves.map(move => moveSetting(settings, name, move, limits)[name])).toEqual(to);
	});

	test.each([
		[2048, 512, [256, 1024, 128, 2048, 32, 2048]],
		[600, 2048, [512, 2048, 256, 2048, 32, 512]],
	])('a batch never beyond the context: at %d, %d', (contextSize, batchSize, to) => {
		const settings = {...baseSettings, contextSize, batchSize};
		expect(moves.map(move => moveSetting(settings, 'batchSize', move, limits).batchSize)).toEqual(to);
	});

	test('experts move where something can place them', () => {
		const to = (most: number) =>
			moves.map(move => moveSetting({...baseSettings, cpuExpertLayers: 20}, 'cpuExpertLayers', move, {...limits, cpuExpertLayers: most}));
		expect(to(36).map(({cpuExpertLayers}) => cpuExpertLayers)).toEqual([19, 21, 15, 25, 0, 36]);
		expect(to(0).map(({cpuExpertLayers}) => cpuExpertLayers)).toEqual([20, 20, 20, 20, 20, 20]);
		expect(movableNames({...limits, cpuExpertLayers: 36})).toEqual(settingNames);
		expect(movableNames(limits)).not.toContain('cpuExpertLayers');
	});

	test('without a device no layer moves', () => {
		const onCpu = {...baseSettings, gpuLayers: 0};
		for (const move of moves) expect(moveSetting(onCpu, 'gpuLayers', move, {...limits, gpuLayers: 0})).toBe(onCpu);
	});

	test('where the model does not say for which context it was trained, the largest is a million', () => {
		expect(moveSetting(baseSettings, 'contextSize', 'most', {...limits, trainedContext: undefined}).contextSize).toBe(1_048_576);
	});

	test('a type that is not among the choices moves to one that is', () => {
		for (const type of ['f32', 'iq4_nl'] as const) {
			const moved = moveSetting({...baseSettings, cacheTypeK: type}, 'cacheTypeK', 'more', limits).cacheTypeK;
			expect(['f16', 'bf16', 'q8_0']).toContain(moved);
		}
	});
});

test('context sizes are multiples of the 256 tokens that llama.cpp pads to, each larger than the one before', () => {
	expect(contextSizes.filter(size => size % 256 !== 0)).toEqual([]);
	expect(contextSizes).toEqual([...new Set(contextSizes)].sort((a, b) => a - b));
	expect([contextSizes[0], contextSizes.at(-1)]).toEqual([512, 1_048_576]);
});

test('however settings are moved, they stay within the limits; unmoved they are the same object, and only the one moved changes', () => {
	const anyLimits = fc.record({
		gpuLayers: fc.integer({min: 0, max: 200}),
		cpuExpertLayers: fc.integer({min: 0, max: 200}),
		trainedContext: fc.option(fc.integer({min: 512, max: 1_048_576}), {nil: undefined}),
		threads: fc.integer({min: 1, max: 128}),
	});
	const anyMoves = fc.array(fc.tuple(fc.constantFrom(...settingNames), fc.constantFrom(...moves)), {minLength: 1, maxLength: 40});
	fc.assert(
		fc.property(anyLimits, anyMoves, (bounds, keys) => {
			let settings: Settings = {...baseSettings, gpuLayers: 0, threads: 1};
			for (const [name, move] of keys) {
				const next = moveSetting(settings, name, move, bounds);
				if (next[name] === settings[name]) expect(next).toBe(settings);
				expect({...next, [name]: settings[name]}).toEqual(settings);
				settings = next;
			}

			expect(settings.gpuLayers).toBeGreaterThanOrEqual(0);
			expect(settings.gpuLayers).toBeLessThanOrEqual(bounds.gpuLayers);
			expect(settings.contextSize).toBeGreaterThanOrEqual(512);
			expect(settings.contextSize).toBeLessThanOrEqual(1_048_576);
			expect(settings.batchSize).toBeGreaterThanOrEqual(32);
			expect(settings.batchSize).toBeLessThanOrEqual(4096);
			expect(settings.threads).toBeGreaterThanOrEqual(1);
			expect(settings.threads).toBeLessThanOrEqual(bounds.threads);
			expect(cacheTypeNames).toContain(settings.cacheTypeK);
			expect(cacheTypeNames).toContain(settings.cacheTypeV);
			expect(['auto', 'on', 'off']).toContain(settings.flashAttention);
		}),
	);
});

test.each<[string, Partial<Settings>, readonly string[]]>([
	['f16, trained context', {contextSize: 8192}, []],
	['a context larger than trained', {contextSize: 8193}, ['the model was trained for 8,192 tokens of context']],
	[
		'quantized V without flash attention',
		{cacheTypeV: 'q8_0', flashAttention: 'off'},
		['a quantized V cache needs flash attention: without it llama.cpp refuses to load'],
	],
	['quantized V with flash attention', {cacheTypeV: 'q8_0', flashAttention: 'on'}, []],
	['quantized V, llama.cpp chooses', {cacheTypeV: 'q4_0', flashAttention: 'auto'}, []],
	['quantized K without flash attention', {cacheTypeK: 'q8_0', flashAttention: 'off'}, []],
	['bf16 V without flash attention', {cacheTypeV: 'bf16', flashAttention: 'off'}, []],
])('warnings: %s', (_what, change, warnings) => {
	expect(warningsOf({...baseSettings, ...change}, limits)).toEqual(warnings);
});

test('both warnings at once; none about a trained context that is not known', () => {
	const settings = {...baseSettings, contextSize: 16_384, cacheTypeV: 'q4_0', flashAttention: 'off'} as const;
	expect(warningsOf(settings, limits)).toHaveLength(2);
	expect(warningsOf(settings, {...limits, trainedContext: undefined})).toEqual([
		'a quantized V cache needs flash attention: without it llama.cpp refuses to load',
	]);
});

test.each<[Partial<WantedSettings>, RegExp | undefined]>([
	[{}, undefined],
	[{mainGpu: 0}, undefined],
	[{mainGpu: 3}, /^Layers go to all GPUs: --main-gpu 3 changes nothing without --split-mode none\.$/],
	[{mainGpu: 3, splitMode: 'layer'}, /--main-gpu 3 changes nothing/],
	[{mainGpu: 3, splitMode: 'none'}, undefined],
	[{tensorSplit: '3,1'}, undefined],
	[{tensorSplit: '3,1', splitMode: 'none'}, /--tensor-split changes nothing/],
])('%j changes nothing: %s', (change, expected) => {
	const said = idleWishes({...wantedAuto, ...change}, {expertLayers: 0});
	if (expected) expect(said).toEqual([expect.stringMatching(expected)]);
	else expect(said).toEqual([]);
});

test.each<[WantedSettings['gpuLayers'], Device, boolean]>([
	[4, cpuDevice, true],
	[0, cpuDevice, false],
	['auto', cpuDevice, false],
	[4, gpuDevice, false],
])('%s GPU layers on %o: idle %s', (gpuLayers, device, isIdle) => {
	expect(idleLayers({gpuLayers}, device)).toEqual(
		isIdle ? [expect.stringMatching(/no GPU.*--gpu-layers changes nothing.*vramble doctor/)] : [],
	);
});

test.each<[WantedSettings['contextSize'], number | undefined, number]>([
	[1, 2048, 256],
	[256, 2048, 256],
	[300, 2048, 512],
	[16_384, 2048, 16_384],
	['usual', undefined, 8192],
	['usual', 2048, 2048],
	['auto', 2000, 2048],
])('%s tokens of context for a model trained with %s: llama.cpp makes %i', (wanted, trained, tokens) => {
	expect(wantedContext(wanted, trained)).toBe(tokens);
	expect(concrete({...wantedAuto, contextSize: wanted}, {...bigModel, trainedContext: trained}).contextSize).toBe(tokens);
});
