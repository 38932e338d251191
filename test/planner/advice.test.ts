import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import type {DryRun, ModelFacts, Settings} from '../../source/engine/types.js';
import {adviceFor} from '../../source/planner/advice.js';
import type {AdviceRequest} from '../../source/planner/advice-scene.js';
import {knownWithoutGpu} from '../../source/planner/advice-search.js';
import {isWorse, planOf} from '../../source/planner/memory.js';
import {gpuBlocks, placedBytes} from '../../source/planner/placement.js';
import {adviceText} from '../../source/planner/plan-words.js';
import {usedBatchSize} from '../../source/planner/settings.js';
import type {Machine, ModelWeights, Speeds} from '../../source/planner/types.js';
import {baseSettings} from '../support/fake-engine.js';

const gib = 1024 ** 3;
const blocks = 80;
/** Llama 70B in Q4_K_M. */
const dense: ModelWeights = {
	sizes: {inputBytes: 0.6e9, outputBytes: 0.9e9, blocks: Array.from({length: blocks}, () => ({bytes: 0.51e9, expertBytes: 0}))},
	activeExperts: 1,
	parameters: 70e9,
};
const experts: ModelWeights = {
	...dense,
	sizes: {...dense.sizes, blocks: dense.sizes.blocks.map(({bytes}) => ({bytes, expertBytes: bytes * 0.9}))},
	activeExperts: 1 / 16,
};
const facts: ModelFacts = {
	path: '/m.gguf',
	name: 'm',
	architecture: 'llama',
	quantization: 'Q4_K_M',
	sizeBytes: 42.5e9,
	layers: blocks + 1,
	trainedContext: 131_072,
	expertLayers: 0,
	weights: dense,
};
const speeds: Speeds = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 40e9, overheadMs: 1};
const cacheBits = {f32: 32, f16: 16, bf16: 16, q8_0: 8.5, q5_1: 6, q5_0: 5.5, q4_1: 5, q4_0: 4.5, iq4_nl: 4.5};

const dryRunAt = (settings: Settings, weights: ModelWeights): DryRun => {
	const {gpu, cpu} = placedBytes(settings, weights.sizes);
	const cache = (settings.contextSize * blocks * 2048 * (cacheBits[settings.cacheTypeK] + cacheBits[settings.cacheTypeV])) / 16;
	const onGpu = (cache * gpuBlocks(settings.gpuLayers, blocks)) / blocks;
	const compute = {vramBytes: (usedBatchSize(settings) / 512) * 0.5e9, ramBytes: 0.05e9};
	return {
		exact: true,
		weights: {vramBytes: gpu, ramBytes: cpu},
		context: {vramBytes: onGpu + compute.vramBytes, ramBytes: cache - onGpu + 0.05e9},
		compute,
	};
};

const machineOf = (vramGib: number | undefined, ramGib: number, budgetGib?: number): Machine => ({
	vram: vramGib === undefined ? undefined : {totalBytes: vramGib * gib, otherBytes: 0, budgetBytes: budgetGib && budgetGib * gib},
	ram: {totalBytes: ramGib * gib, otherBytes: 2 * gib, budgetBytes: undefined},
});

const adviceAt = async (
	change: Partial<Settings>,
	machine: Machine,
	more: Partial<
		Pick<
			AdviceRequest,
			'weights' | 'facts' | 'speeds' | 'canPlaceExperts' | 'wantedContext' | 'savesMemory' | 'mlockLimitBytes' | 'fillTokens'
		>
	> = {},
) => {
	const weights = more.weights ?? dense;
	const settings = {...baseSettings, ...change};
	let asked = 0;
	const ask = async (wanted: Settings) => {
		asked++;
		return dryRunAt(wanted, weights);
	};
	const request = {...more, weights, machine, driverBytes: 0, speeds: 'speeds' in more ? more.speeds : speeds};
	const plan = planOf({...request, settings, dryRun: dryRunAt(settings, weights)});
	const advice = await adviceFor({...request, plan, facts: more.facts ?? facts, ask, canPlaceExperts: more.canPlaceExperts ?? false});
	const planAt = (other: Settings) => planOf({...request, settings: other, dryRun: dryRunAt(other, weights)});
	return {advice, plan, planAt, texts: advice.map(({text}) => text), asked};
};

describe('a 70B model on a 12 GiB card', () => {
	test('settings first, each with what it gives', async () => {
		const {advice, texts, plan, planAt, asked} = await adviceAt({gpuLayers: 18, contextSize: 16_384}, machineOf(12, 64));
		expect(plan.verdict).toBe('fits');
		expect(texts.slice(0, 3)).toContain('context 16,384 → 8,192');
		expect(texts).toContain('KV cache f16 → q8_0');
		expect(texts).toContain('a GPU with 24 GB, as fast as this one');
		expect(texts.join()).not.toContain('experts');
		expect(advice.length).toBeLessThanOrEqual(8);
		expect(asked).toBeLessThanOrEqual(24);
		const smaller = advice.find(({text}) => text.startsWith('context'));
		expect(smaller?.moreLayers).toBeGreaterThan(0);
		const next = smaller?.settings && planAt(smaller.settings);
		expect(next?.tokensPerSecond).toBe(smaller?.tokensPerSecond);
		expect(next?.tokensPerSecond).toBeGreaterThan(plan.tokensPerSecond ?? 0);
	});

	test('too many layers: fewer', async () => {
		const {advice, plan, planAt} = await adviceAt({gpuLayers: 60}, machineOf(12, 64));
		expect(plan.verdict).toBe('does not fit');
		for (const {settings} of advice) if (settings) expect(planAt(settings).verdict).not.toBe('does not fit');
		expect(advice[0]?.settings?.gpuLayers).toBeLessThan(30);
	});

	test('few layers: more', async () => {
		const {advice} = await adviceAt({gpuLayers: 2}, machineOf(12, 64));
		const more = advice.find(({text}) => text.startsWith('GPU layers 2 →'));
		expect(more?.moreLayers).toBe((more?.settings?.gpuLayers ?? 0) - 2);
		expect(more?.moreLayers).toBeGreaterThan(10);
	});

	test('paging: RAM that is enough, and a model that fits', async () => {
		const {advice, plan, texts} = await adviceAt({gpuLayers: 18}, machineOf(12, 24));
		expect(plan.ramVerdict).toBe('paging');
		expect(texts).toContain('48 GB of RAM');
		expect(texts.some(text => /^(?:a model of|Q|IQ)/.test(text))).toBe(true);
		expect(advice.find(({text}) => text === '48 GB of RAM')?.tokensPerSecond).toBeGreaterThan(1);
	});
});

describe('each kind has its best piece before a second one of any', () => {
	const kinds: ReadonlyArray<readonly [string, RegExp]> = [
		['layers', /^GPU layers/],
		['context', /^context/],
		['KV cache', /^KV cache/],
		['quantization', / of this model/],
		['smaller model', /^a model of/],
		['RAM', / of RAM/],
		['GPU', /^a GPU with/],
	];
	test.each<[string, Partial<Settings>, Machine, readonly string[]]>([
		[
			'12 GiB of VRAM',
			{gpuLayers: 18, contextSize: 16_384},
			machineOf(12, 64),
			['layers', 'context', 'KV cache', 'quantization', 'smaller model', 'GPU'],
		],
		['too many layers', {gpuLayers: 60}, machineOf(12, 64), ['layers', 'quantization', 'smaller model', 'GPU']],
		['2 GiB of VRAM, and it pages', {gpuLayers: 1, contextSize: 8192}, machineOf(2, 24), ['quantization', 'smaller model', 'RAM', 'GPU']],
		['12 GiB of VRAM, and it pages', {gpuLayers: 18}, machineOf(12, 24), ['quantization', 'smaller model', 'RAM', 'GPU']],
	])('%s', async (_what, settings, machine, expected) => {
		const {texts} = await adviceAt(settings, machine);
		const found = kinds.filter(([, pattern]) => texts.some(text => pattern.test(text))).map(([kind]) => kind);
		expect(found).toEqual(expected);
		expect(texts.some(text => text.startsWith('a GPU with 24 GB, as fast as this one'))).toBe(true);
	});
});

describe('what changes nothing is not said', () => {
	test('RAM that does not make it fit', async () => {
		const {texts, plan} = await adviceAt({gpuLayers: 60}, machineOf(12, 12));
		expect([plan.vramVerdict, plan.ramVerdict]).toEqual(['does not fit', 'paging']);
		expect(texts.join()).not.toContain('GB of RAM');
	});

	test('settings that free a little where the weights do not stay in RAM', async () => {
		const {texts} = await adviceAt({gpuLayers: 18}, machineOf(12, 24));
		expect(texts.join()).not.toMatch(/^context|KV cache/);
	});

	test('a budget that is less than what is free: without it, before any purchase', async () => {
		const {ram} = machineOf(12, 64);
		const {advice, texts} = await adviceAt({gpuLayers: 18}, {...machineOf(12, 64), ram: ram && {...ram, budgetBytes: 16 * gib}});
		expect(advice[0]).toMatchObject({text: 'without the RAM budget', verdict: 'fits', settings: undefined});
		expect(texts.join()).not.toContain('GB of RAM');
	});

	test('a card that would be slower', async () => {
		const {texts} = await adviceAt({gpuLayers: 0}, machineOf(12, 64), {speeds: {...speeds, gpuBytesPerSecond: 2e9}});
		expect(texts.join()).not.toContain('a GPU with');
	});
});

describe('every effect is of the settings that are offered, and layers that there is room for anyway are no gain', () => {
	const half = {...dense, sizes: {...dense.sizes, blocks: dense.sizes.blocks.map(() => ({bytes: 0.05e9, expertBytes: 0}))}};
	const ofExperts = {weights: experts, facts: {...facts, expertLayers: blocks, weights: experts}, canPlaceExperts: true};
	test.each<[string, Partial<Settings>, Machine, Parameters<typeof adviceAt>[2]]>([
		['too many layers', {gpuLayers: 81}, machineOf(12, 64), {}],
		['few layers', {gpuLayers: 10}, machineOf(12, 64), {}],
		['few layers, and it pages', {gpuLayers: 10}, machineOf(24, 32), {}],
		['as many as fit', {gpuLayers: 18, contextSize: 16_384}, machineOf(12, 64), {}],
		['few layers of a budget', {gpuLayers: 10, contextSize: 8192}, machineOf(24, 64, 11.8), {speeds: undefined}],
		['small layers', {gpuLayers: 5, contextSize: 65_536}, machineOf(12, 64), {weights: half, facts: {...facts, weights: half}}],
		['more experts on the CPU than it takes', {gpuLayers: 81, cpuExpertLayers: 78, contextSize: 32_768}, machineOf(12, 64), ofExperts],
	])('%s', async (_what, settings, machine, more) => {
		const {advice, plan, planAt} = await adviceAt(settings, machine, more);
		const now = plan.settings;
		const freely = advice.find(({text}) => /^(?:GPU layers|all layers)/.test(text))?.settings ?? now;
		const ofSettings = advice.filter(({settings: next}) => next !== undefined);
		expect(ofSettings.length).toBeGreaterThan(0);
		for (const {text, settings: next, freesVramBytes, freesRamBytes, moreLayers, layersInAll, moreExpertLayers, verdict} of ofSettings) {
			if (!next) continue;
			const then = planAt(next);
			const free = next === freely ? now : freely;
			const had = {layers: Math.max(now.gpuLayers, free.gpuLayers), experts: Math.min(now.cpuExpertLayers, free.cpuExpertLayers)};
			if (freesVramBytes !== undefined) expect([text, freesVramBytes]).toEqual([text, plan.vramBytes - then.vramBytes]);
			if (freesRamBytes !== undefined) expect([text, freesRamBytes]).toEqual([text, plan.ramBytes - then.ramBytes]);
			expect([text, moreLayers ?? 0]).toEqual([text, Math.max(0, next.gpuLayers - had.layers)]);
			expect([text, moreExpertLayers ?? 0]).toEqual([text, Math.max(0, had.experts - next.cpuExpertLayers)]);
			const layersAlone = planAt({...now, gpuLayers: had.layers, cpuExpertLayers: had.experts});
			if (next.gpuLayers > now.gpuLayers && next !== freely && !isWorse(layersAlone.verdict, then.verdict))
				expect([text, verdict, freesRamBytes]).toEqual([text, undefined, undefined]);
			if (moreLayers !== undefined)
				expect(layersInAll ?? next.gpuLayers - now.gpuLayers).toBe(now.gpuLayers < had.layers ? next.gpuLayers : moreLayers);
		}
	});

	test('the layers that are free are told beside those that a change makes room for', async () => {
		const {advice, planAt} = await adviceAt({gpuLayers: 5, contextSize: 16_384}, machineOf(12, 64), {speeds: undefined});
		const context = advice.find(({text}) => text.startsWith('context'));
		expect(context && adviceText(context)).toBe('context 16,384 → 8,192: room for 1 more layer, 21 in all');
		expect(context?.settings && planAt(context.settings).vramVerdict).toBe('fits');
	});

	test('where memory is what lacked, a smaller context keeps the layers', async () => {
		const {advice, plan, planAt} = await adviceAt({gpuLayers: 18, contextSize: 16_384}, machineOf(12, 64), {savesMemory: true});
		const context = advice.find(({text}) => text.startsWith('context'));
		expect(context).toMatchObject({settings: {gpuLayers: 18, contextSize: 8192}, moreLayers: undefined});
		expect(context?.settings && plan.vramBytes - planAt(context.settings).vramBytes).toBe(context?.freesVramBytes);
	});
});

describe('a context that came out smaller than it was wanted', () => {
	const ramBudget = (budgetGib: number): Machine => {
		const {ram} = machineOf(undefined, 64);
		return {vram: undefined, ram: ram && {...ram, budgetBytes: budgetGib * gib}};
	};
	const whole = (text: string) => ({text, contextSize: 8192});
	test.each<[string, Partial<Settings>, Machine, number | undefined, ReadonlyArray<{text: string; contextSize: number}>]>([
		[
			'a RAM budget that q8_0 keeps',
			{gpuLayers: 0, contextSize: 2048},
			ramBudget(41.5),
			8192,
			['KV cache f16 → q8_0', 'KV cache f16 → q4_0', 'without the RAM budget'].map(whole),
		],
		[
			'a RAM budget that only q4_0 keeps',
			{gpuLayers: 0, contextSize: 512},
			ramBudget(40.5),
			8192,
			['KV cache f16 → q4_0', 'without the RAM budget'].map(whole),
		],
		[
			'a VRAM budget and layers that were given',
			{gpuLayers: 20, contextSize: 2048},
			machineOf(24, 64, 11.8),
			8192,
			['batch 512 → 256 (long prompts are read more slowly)', 'KV cache f16 → q8_0', 'KV cache f16 → q4_0', 'without the VRAM budget'].map(
				whole,
			),
		],
		['as much as was wanted', {gpuLayers: 0, contextSize: 8192}, ramBudget(43), 8192, []],
		['there is room for it', {gpuLayers: 0, contextSize: 2048}, ramBudget(43), 8192, []],
		['nobody says what was wanted', {gpuLayers: 0, contextSize: 2048}, ramBudget(41.5), undefined, []],
	])('%s', async (_what, settings, machine, wantedContext, expected) => {
		const {advice, plan, planAt} = await adviceAt(settings, machine, wantedContext === undefined ? {} : {wantedContext});
		expect(['fits', 'tight']).toContain(plan.verdict);
		const larger = advice.filter(({contextSize}) => contextSize !== undefined);
		expect(larger.map(({text, contextSize}) => ({text, contextSize}))).toEqual(expect.arrayContaining([...expected]));
		expect(larger).toHaveLength(expected.length);
		for (const {settings: next, text} of larger) if (next) expect([text, planAt(next).verdict]).toEqual([text, 'fits']);
		for (const one of larger) expect(adviceText(one)).toContain('the whole context of 8,192');
	});
});

describe('a smaller batch', () => {
	const slowly = '(long prompts are read more slowly)';
	test.each<[string, Partial<Settings>, Machine, Parameters<typeof adviceAt>[2], string | undefined]>([
		['nothing is gained where all layers are there', {gpuLayers: 81}, machineOf(80, 128), {}, undefined],
		['nor where what it frees is less than a layer', {gpuLayers: 23, contextSize: 2048}, machineOf(12.4, 64), {}, undefined],
		[
			'a layer',
			{gpuLayers: 17, batchSize: 2048, contextSize: 16_384},
			machineOf(12, 64),
			{speeds: undefined},
			`batch 2,048 → 512 ${slowly}: 3 more layers on the GPU`,
		],
		[
			'it is all that makes it fit',
			{gpuLayers: 0, contextSize: 8192},
			machineOf(12, 64, 0.4),
			{},
			`batch 512 → 256 ${slowly}: then it fits, frees 238 MiB of VRAM, ≈ 0.95 tok/s`,
		],
		[
			'the whole context',
			{gpuLayers: 0, contextSize: 256},
			machineOf(12, 64, 0.4),
			{wantedContext: 8192, speeds: undefined},
			`batch 512 → 256 ${slowly}: the whole context of 8,192`,
		],
	])('%s', async (_what, change, machine, more, expected) => {
		const {advice} = await adviceAt(change, machine, more);
		const found = advice.find(({text}) => text.startsWith('batch'));
		expect(found && adviceText(found)).toBe(expected);
		if (expected) expect(found).toBe(advice[0]);
		if (found) expect(found.settings?.batchSize).toBe(change.batchSize === 2048 ? 512 : 256);
	});
});

test('the batch that a small context was given makes room for all of it', async () => {
	const settings = {gpuLayers: 0, contextSize: 256, batchSize: 256};
	const {advice, planAt} = await adviceAt(settings, machineOf(12, 64, 0.4), {wantedContext: 8192, speeds: undefined});
	const [first] = advice;
	expect(first && adviceText(first)).toBe(
		'context 256 → 8,192 with a batch of 256 (long prompts are read more slowly): the whole context of 8,192',
	);
	expect(first?.settings && planAt(first.settings).verdict).toBe('fits');
	expect(first?.settings).toMatchObject({batchSize: 256, contextSize: 8192});
});

describe('no larger card than it takes', () => {
	test('a budget that is all that lacks', async () => {
		const {texts} = await adviceAt({gpuLayers: 20}, machineOf(48, 64, 12), {speeds: undefined});
		expect(texts).toContain('without the VRAM budget');
		const small = {...dense, sizes: {...dense.sizes, blocks: dense.sizes.blocks.map(() => ({bytes: 0.01e9, expertBytes: 0}))}};
		const more = {weights: small, facts: {...facts, weights: small}, speeds: undefined};
		expect((await adviceAt({gpuLayers: 2}, machineOf(8, 64, 2), more)).texts.join()).not.toContain('a GPU with');
	});

	test('the smaller of two that take all', async () => {
		const half = {...dense, sizes: {...dense.sizes, blocks: dense.sizes.blocks.map(() => ({bytes: 0.12e9, expertBytes: 0}))}};
		const {texts} = await adviceAt({gpuLayers: 20}, machineOf(8, 64), {weights: half, facts: {...facts, weights: half}});
		expect(texts.filter(text => text.startsWith('a GPU with'))).toEqual(['a GPU with 16 GB, as fast as this one']);
	});
});

test('of a mixed cache both types are named, and the flash attention that comes with it', async () => {
	const {texts, plan} = await adviceAt({gpuLayers: 5, cacheTypeV: 'q8_0', flashAttention: 'off'}, machineOf(12, 64));
	expect(plan.tokensPerSecond).toBeUndefined();
	expect(texts.find(text => text.startsWith('KV cache'))).toBe('KV cache f16 and q8_0 → q4_0, flash attention off → auto');
});

test('without a GPU the RAM is what a smaller cache frees', async () => {
	const {advice} = await adviceAt({gpuLayers: 0, contextSize: 65_536}, machineOf(undefined, 32));
	expect(advice.find(({text}) => text.startsWith('KV cache'))?.freesRamBytes).toBeGreaterThan(1e9);
});

test.each([
	['by default', undefined, 16_384, 1000],
	['in a conversation', 3000, 16_384, 3000],
	['that is full', 3000, 2048, 2048],
])('a KV cache is only as slow as it is full: a context %s', async (_what, fillTokens, contextSize, expected) => {
	const {advice} = await adviceAt({gpuLayers: 18, contextSize}, machineOf(12, 64), {fillTokens});
	const told = (start: string) => advice.find(({text}) => text.startsWith(start))?.fillTokens;
	expect([told('KV cache'), told('context')]).toEqual([expected, undefined]);
});

test('without a GPU recurrent state and compute buffers are no KV cache', async () => {
	const settings = {...baseSettings, gpuLayers: 18, cpuExpertLayers: 2};
	const ask = async (): Promise<DryRun> => ({
		exact: true,
		weights: {vramBytes: 0, ramBytes: 1e9},
		context: {vramBytes: 30e6, ramBytes: 400e6},
		compute: {vramBytes: 30e6, ramBytes: 50e6},
		recurrent: {vramBytes: 0, ramBytes: 150e6},
	});
	const known = await knownWithoutGpu({plan: {settings}, ask});
	expect(known.settings).toMatchObject({gpuLayers: 0, cpuExpertLayers: 0});
	const {breakdown} = planOf({...known, weights: dense, machine: machineOf(undefined, 64), speeds, driverBytes: 0});
	expect(breakdown.ram).toMatchObject({weights: 1e9, compute: 80e6, recurrent: 150e6, cache: 200e6});
});

test('a larger card takes the experts that are on the CPU', async () => {
	const more = {weights: experts, facts: {...facts, expertLayers: blocks, weights: experts}, canPlaceExperts: true};
	const {advice} = await adviceAt({gpuLayers: 81, cpuExpertLayers: 75}, machineOf(12, 64), more);
	const card = advice.find(({text}) => text.startsWith('a GPU with 24 GB'));
	expect(card?.moreExpertLayers).toBeGreaterThan(10);
	expect(card?.moreLayers).toBeUndefined();
});

test('experts that there is room for already are no gain of a smaller cache', async () => {
	const more = {weights: experts, facts: {...facts, expertLayers: blocks, weights: experts}, canPlaceExperts: true};
	const {advice} = await adviceAt({gpuLayers: 81, cpuExpertLayers: 10}, machineOf(80, 64), more);
	expect(advice.find(({text}) => text === 'all layers and experts on the GPU')).toMatchObject({moreExpertLayers: 10});
	expect(advice.find(({text}) => text.startsWith('KV cache'))?.moreExpertLayers).toBeUndefined();
});

test('without the GPU no expert is on it', async () => {
	const more = {weights: experts, facts: {...facts, expertLayers: blocks, weights: experts}, canPlaceExperts: true};
	const {advice} = await adviceAt({gpuLayers: 60, cpuExpertLayers: 5}, machineOf(12, 64), more);
	const without = advice.find(({text}) => text.startsWith('without the GPU'));
	expect(without).toMatchObject({verdict: 'fits', moreExpertLayers: undefined, settings: undefined});
});

test('flash attention where a quantized V cache is refused without it', async () => {
	const {advice} = await adviceAt({gpuLayers: 5, cacheTypeV: 'q8_0', flashAttention: 'off'}, machineOf(12, 64));
	expect(advice[0]).toMatchObject({text: 'flash attention off → auto', verdict: 'fits', settings: {flashAttention: 'auto'}});
	for (const {settings} of advice) expect(settings?.flashAttention).not.toBe('off');
});

describe('where neither VRAM nor RAM has room for any of it', () => {
	const none = {totalBytes: 1024, otherBytes: 0, budgetBytes: undefined};
	test.each<[string, number, Machine, readonly string[]]>([
		[
			'both',
			0,
			{vram: none, ram: none},
			['a GPU with 16 GB, as fast as this one, and 32 GB of RAM', '48 GB of RAM, without the GPU (--gpu off)'],
		],
		['both, and layers that were given', 5, {vram: none, ram: none}, ['48 GB of RAM, without the GPU (--gpu off)']],
		[
			'VRAM alone',
			0,
			{vram: none, ram: {...none, totalBytes: 64 * gib}},
			['without the GPU (--gpu off)', 'a GPU with 16 GB, as fast as this one'],
		],
		['RAM alone', 0, {vram: undefined, ram: none}, ['48 GB of RAM']],
	])('%s', async (_what, gpuLayers, machine, expected) => {
		const {advice, texts} = await adviceAt({gpuLayers}, machine);
		expect(texts).toEqual(expect.arrayContaining([...expected]));
		for (const {verdict} of advice) expect(verdict).toBe('fits');
	});
});

describe('what may not be locked', () => {
	test.each<[string, Partial<Settings>, Machine, number, string | undefined]>([
		['it fits without', {gpuLayers: 5, mlock: true}, machineOf(12, 64), 8 * 1024 ** 2, 'mlock off: then it fits'],
		['it pages without', {gpuLayers: 0, mlock: true}, machineOf(undefined, 24), 8 * 1024 ** 2, 'mlock off: then it pages, but runs'],
		['it may be', {gpuLayers: 5, mlock: true}, machineOf(12, 64), 64 * gib, undefined],
		['nothing is to be', {gpuLayers: 5}, machineOf(12, 64), 8 * 1024 ** 2, undefined],
	])('%s', async (_what, settings, machine, mlockLimitBytes, expected) => {
		const {advice} = await adviceAt(settings, machine, {mlockLimitBytes, speeds: undefined});
		const found = advice.find(({text}) => text === 'mlock off');
		expect(found && adviceText(found)).toBe(expected);
		if (expected) expect(advice[0]).toBe(found);
		const isLocked = advice.some(({settings: next}) => next?.mlock === true);
		expect(isLocked && mlockLimitBytes < gib).toBe(false);
	});
});

test('experts only where something can place them', async () => {
	const more = {weights: experts, facts: {...facts, expertLayers: blocks, weights: experts}};
	const without = await adviceAt({gpuLayers: 18}, machineOf(12, 64), more);
	expect(without.texts.join()).not.toContain('experts');
	const {advice, planAt} = await adviceAt({gpuLayers: 18}, machineOf(12, 64), {...more, canPlaceExperts: true});
	const found = advice.find(({text}) => text.includes('experts'));
	expect(found?.settings).toMatchObject({gpuLayers: 81});
	expect(found?.settings && planAt(found.settings).vramVerdict).toBe('fits');
});

test('a GPU that is slower than the CPU: without its layers', async () => {
	const {advice, plan} = await adviceAt({gpuLayers: 18}, machineOf(12, 64), {speeds: {...speeds, gpuBytesPerSecond: 2e9}});
	expect(advice[0]).toMatchObject({text: 'GPU layers 18 → 0', settings: {gpuLayers: 0}});
	expect(advice[0]?.tokensPerSecond).toBeGreaterThan(plan.tokensPerSecond ?? 0);
});

describe('what a GPU that is slower than the CPU would make slower', () => {
	const slow = {...speeds, gpuBytesPerSecond: 2e9};
	test('a smaller cache is not filled up with layers', async () => {
		const small = {...dense, sizes: {...dense.sizes, blocks: dense.sizes.blocks.map(() => ({bytes: 0.05e9, expertBytes: 0}))}};
		const more = {weights: small, facts: {...facts, weights: small}, speeds: slow};
		const {advice, plan} = await adviceAt({gpuLayers: 50, contextSize: 32_768}, machineOf(12, 64), more);
		expect(plan.verdict).toBe('fits');
		const cache = advice.filter(({text}) => text.startsWith('KV cache'));
		expect(cache.map(({settings}) => settings?.gpuLayers)).toEqual([50, 50]);
		for (const {text, tokensPerSecond = 0} of advice)
			expect([text, tokensPerSecond > 0.98 * (plan.tokensPerSecond ?? 0)]).toEqual([text, true]);
	});

	test('layers are not what makes it fit', async () => {
		const {advice} = await adviceAt({gpuLayers: 0}, machineOf(12, 64, 0.4), {speeds: slow});
		expect(advice.map(one => adviceText(one))).toEqual([
			expect.stringMatching(/^batch 512 → 256 .*: then it fits, frees 238 MiB of VRAM, ≈ 0\.95 tok\/s$/),
			expect.stringMatching(/^without the GPU \(--gpu off\): then it fits, .*≈ 0\.95 tok\/s$/),
			'without the VRAM budget: then it fits, ≈ 0.95 tok/s',
		]);
	});

	test('the fastest is told first of what makes it fit', async () => {
		const {advice} = await adviceAt({gpuLayers: 60}, machineOf(12, 64), {speeds: slow});
		expect(advice[0]).toMatchObject({verdict: 'fits', settings: {gpuLayers: 0}});
		const known = advice.filter(({settings}) => settings).map(({tokensPerSecond = 0}) => tokensPerSecond);
		expect(known).toEqual([...known].sort((a, b) => b - a));
	});
});

test('without a device there is nothing about layers or cards', async () => {
	const {texts} = await adviceAt({gpuLayers: 0}, machineOf(undefined, 64));
	expect(texts.join()).not.toMatch(/GPU|layers/);
});

test('what fits wholly and cannot get better is left in peace', async () => {
	const {texts} = await adviceAt({gpuLayers: 81, contextSize: 2048, cacheTypeK: 'q4_0', cacheTypeV: 'q4_0'}, machineOf(80, 128), {
		facts: {...facts, quantization: 'Q2_K'},
	});
	expect(texts).toEqual([]);
});

test('no smaller file for what fits wholly and is as fast as people read', async () => {
	const isFile = (text: string) => / of this model/.test(text);
	expect((await adviceAt({gpuLayers: 81}, machineOf(80, 128))).texts.filter(isFile)).toEqual([]);
	expect((await adviceAt({gpuLayers: 20}, machineOf(80, 128))).texts.some(isFile)).toBe(true);
	// 40 GB at 40 GB/s: one token a second.
	expect((await adviceAt({gpuLayers: 0}, machineOf(undefined, 64))).texts.some(isFile)).toBe(true);
});

test('Q2_K says what it costs', async () => {
	const {texts} = await adviceAt({gpuLayers: 20}, machineOf(12, 24), {facts: {...facts, quantization: 'Q3_K_M'}});
	expect(texts.filter(text => text.startsWith('Q2_K')).every(text => text.includes('loses much quality'))).toBe(true);
});

test('an engine that cannot answer gives no advice', async () => {
	const plan = (await adviceAt({}, machineOf(12, 64))).plan;
	const ask = async () => {
		throw new Error('no');
	};
	await expect(adviceFor({plan, weights: dense, facts, machine: machineOf(12, 64), speeds, ask, driverBytes: 0})).resolves.toEqual([]);
});

test('always short, with an effect, and inside the limits', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.integer({min: 0, max: 81}),
			fc.constantFrom(2048, 8192, 65_536),
			fc.constantFrom(6, 12, 24, 48),
			fc.constantFrom(16, 32, 64),
			fc.boolean(),
			async (gpuLayers, contextSize, vram, ram, isKnown) => {
				const {advice, plan, planAt, asked} = await adviceAt({gpuLayers, contextSize}, machineOf(vram, ram), {
					speeds: isKnown ? speeds : undefined,
				});
				expect(advice.length).toBeLessThanOrEqual(8);
				expect(asked).toBeLessThanOrEqual(24);
				for (const {freesVramBytes, freesRamBytes, moreLayers, tokensPerSecond, settings, verdict} of advice) {
					expect(verdict !== undefined || (freesVramBytes ?? freesRamBytes ?? moreLayers ?? tokensPerSecond ?? 0) > 0).toBe(true);
					if (settings && plan.verdict === 'fits') expect(planAt(settings).verdict).not.toBe('does not fit');
				}
			},
		),
		{numRuns: 100, examples: [[19, 2048, 12, 32, false]]},
	);
});
