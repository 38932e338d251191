import {describe, expect, test} from 'vitest';
import {planOf} from '../../source/planner/memory.js';
import {adviceTexts, bindingText, contextBindingText, planText, remarkTexts} from '../../source/planner/plan-words.js';
import type {Advice, Machine} from '../../source/planner/types.js';
import {baseSettings, gib} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const machine: Machine = {vram: {totalBytes: 12 * gib, otherBytes: 0, budgetBytes: undefined}, ram: undefined};

const planAt = (vramGib: number, {exact = true, gpuLayers = 12} = {}) =>
	planOf({
		settings: {...baseSettings, gpuLayers},
		dryRun: {exact, weights: {vramBytes: vramGib * gib, ramBytes: 0}, context: {vramBytes: 0, ramBytes: 0}, compute: undefined},
		weights: bigModel.weights,
		machine,
		speeds: undefined,
		driverBytes: 0,
	});

const binding = {limit: 'VRAM', next: 13, missingBytes: 0.4 * gib, layersWithQ8Cache: 0} as const;
const limits = {gpuLayers: 81, cpuExpertLayers: 0, trainedContext: 8192, threads: 8};

describe('what binds', () => {
	test.each([
		['the next layer', bindingText(planAt(8), binding), 'VRAM binds: 12 layers; the 13th needs 410 MiB more'],
		['the margin', bindingText(planAt(8), {...binding, missingBytes: 0}), 'VRAM binds: 12 layers; the 13th would leave too little free'],
		['even without layers', bindingText(planAt(20, {gpuLayers: 0}), binding), 'VRAM binds: even without layers on the GPU it does not fit'],
		[
			'RAM',
			bindingText({...planAt(8), ramVerdict: 'does not fit'}, {...binding, limit: 'RAM'}),
			'RAM binds: 410 MiB more of it would be needed',
		],
		[
			'RAM, even with weights that do not stay in it',
			bindingText({...planAt(8), ramVerdict: 'does not fit', ramLeftBytes: -20 * gib}, {...binding, limit: 'RAM'}),
			'RAM binds: 20.0 GiB more of it would be needed, 410 MiB to run at all (paging)',
		],
		['RAM that VRAM is a part of', bindingText(planAt(8), {...binding, limit: 'RAM'}), 'RAM binds: 12 layers; the 13th needs 410 MiB more'],
		[
			'the context',
			contextBindingText({plan: planAt(8), bindingLimit: {...binding, next: 6144}, refused: undefined}),
			'4,096 tokens; 6,144 need 410 MiB more VRAM',
		],
		[
			'the device',
			contextBindingText({plan: planAt(8), bindingLimit: undefined, refused: 6144}),
			'4,096 tokens; the device cannot hold 6,144',
		],
	])('%s', (_what, text, expected) => {
		expect(text).toBe(expected);
	});
});

describe('beside the verdict', () => {
	const remarks = (part: Partial<Parameters<typeof remarkTexts>[0]>) =>
		remarkTexts({settings: baseSettings, limits, binding: undefined, plan: planAt(8), isPostponed: false, ...part});

	test.each([
		['nothing', remarks({}), []],
		['no GPU', remarks({binding: 'no GPU'}), ['no VRAM: there is no GPU', 'no VRAM: no GPU', 'no VRAM']],
		['a GPU that does not tell', remarks({binding: 'VRAM unknown'}), ['the GPU does not say how much VRAM there is', 'VRAM unknown']],
		[
			'layers that the GPU does not take',
			remarks({binding: 'not all taken'}),
			['the GPU does not take all of these layers: the rest stays in RAM', 'the GPU does not take all'],
		],
		[
			'layers of which the GPU takes too little',
			remarks({binding: 'GPU slower'}),
			['the GPU leaves so much of its layers in RAM that the CPU alone is faster', 'faster without the GPU'],
		],
		['all there is', remarks({binding: 'all fit'}), ['all layers fit']],
		[
			'no layers that fit',
			remarks({binding, plan: planAt(20, {gpuLayers: 0})}),
			['VRAM binds: even 0 layers need 20.0 GiB', 'even 0 layers need 20.0 GiB'],
		],
		[
			'a context that the conversation does not fit into',
			remarks({forgottenTokens: 4200}),
			['the conversation has 4,200 tokens: its beginning will be left out', '4,200 tokens are used'],
		],
		['a dry run that waits', remarks({isPostponed: true}), ['exact when the answer allows it', 'exact later']],
		[
			'a rough formula',
			remarks({plan: planAt(8, {exact: false}), binding}),
			['llama.cpp could not simulate this: a rough formula answers', 'by a rough formula'],
		],
		[
			'a context that the model was not trained for',
			remarks({settings: {...baseSettings, contextSize: 9000}}),
			['trained for 8,192 tokens'],
		],
		['what binds', remarks({binding}), ['VRAM binds: layer 13 needs 410 MiB more', 'layer 13 needs 410 MiB more']],
		[
			'and what a q8_0 KV cache would give',
			remarks({binding: {...binding, layersWithQ8Cache: 3}}),
			[
				'VRAM binds: layer 13 needs 410 MiB more; KV q8_0 would give 3 more layers',
				'VRAM binds: layer 13 needs 410 MiB more',
				'layer 13 needs 410 MiB more',
			],
		],
	])('%s', (_what, texts, expected) => {
		expect(texts).toEqual(expected);
	});
});

const effects = {freesVramBytes: undefined, moreLayers: undefined, tokensPerSecond: undefined, settings: undefined};

test.each<[string, Partial<Advice>, readonly string[]]>([
	['all of it', {}, ['KV q8_0']],
	[
		'less of it',
		{freesVramBytes: gib, tokensPerSecond: 3},
		['KV q8_0: frees 1.0 GiB of VRAM, ≈ 3.00 tok/s', 'KV q8_0: frees 1.0 GiB, ≈ 3.00 tok/s', 'KV q8_0: ≈ 3.00 tok/s', 'KV q8_0'],
	],
	[
		'how full a context the speed is of',
		{freesVramBytes: gib, tokensPerSecond: 3, fillTokens: 1000},
		[
			'KV q8_0: frees 1.0 GiB of VRAM, ≈ 3.00 tok/s at 1,000 tokens',
			'KV q8_0: frees 1.0 GiB, ≈ 3.00 tok/s at 1,000 tokens',
			'KV q8_0: ≈ 3.00 tok/s at 1,000 tokens',
			'KV q8_0',
		],
	],
	[
		'a shorter name before the speed is left out',
		{text: 'KV cache f16 → q4_0, flash attention off → auto', moreExpertLayers: 1, tokensPerSecond: 1.69},
		[
			'KV cache f16 → q4_0, flash attention off → auto: experts of 1 more layer on the GPU, ≈ 1.69 tok/s',
			'KV cache f16 → q4_0, flash attention off → auto: ≈ 1.69 tok/s',
			'KV f16 → q4_0, FA off → auto: ≈ 1.69 tok/s',
			'KV cache f16 → q4_0, flash attention off → auto',
			'KV f16 → q4_0, FA off → auto',
		],
	],
	[
		'what matters most',
		{verdict: 'fits', freesVramBytes: gib, moreLayers: 2, tokensPerSecond: 3},
		[
			'KV q8_0: then it fits, frees 1.0 GiB of VRAM, 2 more layers on the GPU, ≈ 3.00 tok/s',
			'KV q8_0: then it fits, frees 1.0 GiB, 2 more layers on the GPU, ≈ 3.00 tok/s',
			'KV q8_0: then it fits, 2 more layers on the GPU, ≈ 3.00 tok/s',
			'KV q8_0: then it fits',
			'KV q8_0',
		],
	],
])('advice on a line with room for %s', (_what, part, texts) => {
	expect([...new Set(adviceTexts({...effects, text: 'KV q8_0', ...part}, '≈'))]).toEqual(texts);
});

test.each([
	['no budget', {}, ', 2.0 GiB of VRAM left'],
	['a budget of RAM that leaves less', {ram: 4 * gib}, ', 1.0 GiB of 4.0 GiB RAM budget left'],
	['a budget of RAM that leaves more', {ram: 8 * gib}, ', 2.0 GiB of VRAM left'],
	['both, that of RAM leaves less', {vram: 10 * gib, ram: 4 * gib}, ', 1.0 GiB of 4.0 GiB RAM budget left'],
])('what is left is that of the side that binds first: %s', (_what, budgets: {vram?: number; ram?: number}, rest) => {
	const plan = {...planAt(8), vramLeftBytes: 2 * gib, ramLeftBytes: (budgets.ram ?? 4 * gib) - 3 * gib};
	const on: Machine = {
		vram: {totalBytes: 12 * gib, otherBytes: 0, budgetBytes: budgets.vram},
		ram: {totalBytes: 64 * gib, otherBytes: 0, budgetBytes: budgets.ram},
	};
	expect(planText(plan, on, '≈').rests[0]).toBe(rest);
});
