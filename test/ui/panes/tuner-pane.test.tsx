import fc from 'fast-check';
import {renderToString} from 'ink';
import stringWidth from 'string-width';
import {expect, test} from 'vitest';
import {cacheTypeNames, type Settings} from '../../../source/engine/types.js';
import {noPlan} from '../../../source/planner/plan-state.js';
import {limitsOf, settingNames} from '../../../source/planner/settings.js';
import type {Plan} from '../../../source/planner/types.js';
import {TunerView, type TunerViewProps} from '../../../source/ui/panes/tuner-pane.js';
import {asciiGlyphs, createTheme, ThemeProvider} from '../../../source/ui/theme.js';
import {baseSettings, cpuDevice, gib, gpuDevice} from '../../support/fake-engine.js';
import {bigModel} from '../../support/fake-services.js';
import {keys} from '../../support/keys.js';
import {renderScreen} from '../../support/render-screen.js';

const mib = 1024 ** 2;

const atRest = noPlan({vram: undefined, ram: undefined});

const base: TunerViewProps = {
	width: 80,
	height: 6,
	isCompact: false,
	isFocused: true,
	mode: 'settings',
	selected: 'gpuLayers',
	applied: baseSettings,
	hasAutoThreads: false,
	plan: atRest,
	limits: limitsOf(bigModel, gpuDevice, 8),
	machine: {vram: {totalBytes: 12 * gib, otherBytes: 0, budgetBytes: undefined}, ram: undefined},
	isBusy: false,
	onBudget: () => {},
};

const show = (props: Partial<TunerViewProps> = {}, glyphs?: typeof asciiGlyphs) => {
	const view = <TunerView {...base} {...props} />;
	return renderToString(glyphs ? <ThemeProvider value={createTheme(glyphs)}>{view}</ThemeProvider> : view, {
		columns: props.width ?? base.width,
	});
};

const pending = (change: Partial<Settings>) => ({plan: {...atRest, pending: {...baseSettings, ...change}}});
const row = (drawn: string, index: number) => drawn.split('\n')[index] ?? '';
const statusOf = (drawn: string) => row(drawn, 4);

test('one cell a layer; what was applied is said beside what is pending', () => {
	expect(row(show({width: 140}), 1)).toMatch(/^│ ▸ GPU layers ◂ {2}12 \/ 81 ▸ ▪{12}·{69} +│$/);
	expect(row(show({width: 140, ...pending({gpuLayers: 20})}), 1)).toMatch(/◂ {2}20 \/ 81 ▸ ▪{20}·{61} +was 12 │$/);
	expect(row(show({width: 140, ...pending({gpuLayers: 2})}), 1)).toMatch(/◂ {3}2 \/ 81 ▸ ▪{2}▫{10}·{69} +was 12 │$/);
});

test('only the chosen setting has marks, and only while the tuner is focused', () => {
	for (const selected of settingNames.filter(name => name !== 'cpuExpertLayers')) {
		expect(show({width: 120, selected}).match(/▸/g)).toHaveLength(2);
	}

	expect(show({isFocused: false})).not.toMatch(/[▸◂]/);
});

test.each<[string, Partial<Settings>, string]>([
	['nothing moved', {}, 'nothing to do'],
	['context', {contextSize: 8192}, 'context only'],
	['flash attention', {flashAttention: 'off'}, 'context only'],
	['layers', {gpuLayers: 13}, 'full reload'],
])('what Enter does: %s', (_what, change, effect) => {
	expect(statusOf(show(pending(change)))).toMatch(new RegExp(`Enter ${effect} │$`));
});

test.each<[string, Partial<Settings>, string]>([
	['more context than trained', {contextSize: 16_384}, 'trained for 8,192 tokens'],
	['quantized V without flash attention', {cacheTypeV: 'q8_0', flashAttention: 'off'}, 'V q8_0 needs flash attention'],
])('warns: %s', (_what, change, warning) => {
	for (const width of [80, 120]) expect(statusOf(show({width, ...pending(change)}))).toContain(warning);
	expect(show({width: 60, height: 4, isCompact: true, ...pending(change)})).toContain(warning);
});

test('what would be refused has no figures, and is not offered', () => {
	const impossible = pending({cacheTypeV: 'q8_0', flashAttention: 'off'});
	expect(statusOf(show({width: 120, ...impossible}))).toMatch(/^│ {3}● refused: V q8_0 needs flash attention +Esc puts back │$/);
	expect(show({width: 120, mode: 'breakdown', ...impossible})).toContain('These settings would be refused.');
	const {plan} = pending({mlock: true});
	const {breakdown} = fitting;
	const inRam = {...fitting, breakdown: {...breakdown, ram: {...breakdown.ram, weights: 3 * gib}}};
	const locked = {plan: {...plan, plan: inRam, mlockLimitBytes: mib}};
	expect(statusOf(show({width: 120, ...locked}))).toMatch(
		/● refused: mlock needs [\d.]+ GiB, 1\.0 MiB may be locked \(ulimit -l\) +Esc puts back │$/,
	);
	expect(show({width: 60, height: 4, isCompact: true, ...locked})).toMatch(/● mlock needs [\d.]+ GiB, ulimit is 1\.0 MiB +Esc puts back/);
});

test('beyond a budget, what is missing comes before the speed, and Enter is not offered', () => {
	const machine = {vram: {totalBytes: 12 * gib, otherBytes: 0, budgetBytes: 6 * gib}, ram: undefined};
	const verdict = 'does not fit' as const;
	const over = {...fitting, vramBytes: 7 * gib, vramVerdict: verdict, verdict, vramLeftBytes: -gib, tokensPerSecond: 57.6};
	const narrow = {width: 60, height: 4, isCompact: true, machine};
	const plan = {...pending({contextSize: 8192}).plan, plan: over};
	expect(show({...narrow, plan})).toMatch(/● does not fit, 1\.0 GiB over +Esc puts back/);
	expect(show({...narrow, plan: {...plan, binding: 'no GPU'}})).toMatch(/● does not fit, 1\.0 GiB over {3}no VRAM +Esc/);
	expect(statusOf(show({width: 120, machine, plan}))).toMatch(/1\.0 GiB over 6\.0 GiB budget {3}≈ 57\.6 tok\/s +Esc puts back │$/);
});

test('after a failed load, Enter loads the model, and where it would fail again advice is offered', () => {
	const verdict = 'does not fit' as const;
	const plan = {...atRest, plan: {...fitting, vramBytes: 13 * gib, vramVerdict: verdict, verdict, vramLeftBytes: -gib}};
	const machine = {vram: {totalBytes: 24 * gib, otherBytes: 0, budgetBytes: 12 * gib}, ram: undefined};
	expect(statusOf(show({hasFailed: true, plan, machine}))).toMatch(/does not fit.* a advice │$/);
	expect(statusOf(show({hasFailed: true, ...pending({gpuLayers: 13})}))).toMatch(/Enter loads the model │$/);
});

test('a list of advice that is longer says where it is, and its numbers go on', () => {
	const effects = {freesVramBytes: undefined, moreLayers: undefined, tokensPerSecond: undefined, settings: baseSettings};
	const advice = ['one', 'two', 'three', 'four', 'five'].map(text => ({...effects, text}));
	const lines = (count: number, adviceTop: number) =>
		show({mode: 'advice', adviceTop, plan: {...atRest, advice: advice.slice(0, count)}})
			.split('\n')
			.slice(1, 4);
	expect(lines(3, 0)[2]).toMatch(/ 3 three +│$/);
	expect(lines(5, 0)[2]).toMatch(/ 3 three .* 3 of 5 ↑↓ │$/);
	expect(lines(5, 2)).toEqual([
		expect.stringContaining(' 3 three'),
		expect.stringContaining(' 4 four'),
		expect.stringMatching(/ 5 five .* 5 of 5 ↑↓ │$/),
	]);
});

test('without a device', () => {
	const onCpu = {...baseSettings, gpuLayers: 0};
	const drawn = show({applied: onCpu, limits: limitsOf(bigModel, cpuDevice, 8)});
	expect(row(drawn, 1)).toMatch(/GPU layers ◂ {3}— ▸ no GPU: all layers on the CPU/);
	expect(drawn).not.toContain('/ 0');
});

test('without a model', () => {
	expect(show({applied: undefined})).toContain('No model is loaded: Ctrl+O opens the list.');
	expect(show({applied: undefined, isBusy: true})).toContain('The settings can be moved when the model is loaded.');
});

test('compact and not focused: one line', () => {
	const drawn = show({width: 60, height: 1, isCompact: true, isFocused: false});
	expect(drawn).toMatch(/^ layers 12\/81 · ctx 4,096 · KV f16\/f16 · batch 512/);
	expect(drawn).not.toContain('\n');
});

test('while an answer is written', () => {
	expect(statusOf(show({mode: 'asking', ...pending({gpuLayers: 13})}))).toContain('An answer is being written.');
});

test('ASCII', () => {
	const drawn = show({width: 80, isFocused: false, ...pending({gpuLayers: 2})}, asciiGlyphs);
	expect(drawn).toMatch(/^[\n -~]+$/);
	expect(row(drawn, 1)).toMatch(/##?-+\.+/);
});

const anySettings: fc.Arbitrary<Settings> = fc.record({
	gpuLayers: fc.integer({min: 0, max: 81}),
	cpuExpertLayers: fc.integer({min: 0, max: 128}),
	contextSize: fc.constantFrom(512, 4096, 131_072, 1_048_576, 2 ** 31 - 1),
	cacheTypeK: fc.constantFrom(...cacheTypeNames),
	cacheTypeV: fc.constantFrom(...cacheTypeNames),
	batchSize: fc.constantFrom(1, 512, 4096, 65_536),
	threads: fc.integer({min: 1, max: 512}),
	flashAttention: fc.constantFrom('auto', 'on', 'off'),
	mmap: fc.boolean(),
	mlock: fc.boolean(),
});

test('whatever the command line allows can be drawn, in exactly the pane', () => {
	fc.assert(
		fc.property(
			anySettings,
			anySettings,
			fc.constantFrom(60, 80, 120, 200),
			fc.boolean(),
			fc.boolean(),
			(applied, moved, width, isFocused, hasExperts) => {
				const isCompact = width < 80;
				const lines = hasExperts ? 5 : 4;
				const height = isCompact && !isFocused ? 1 : isCompact ? lines : lines + 2;
				const limits = limitsOf(bigModel, gpuDevice, 8);
				const shown = {...limits, cpuExpertLayers: hasExperts ? 128 : 0};
				const drawn = show({width, height, isCompact, isFocused, applied, limits: shown, plan: {...atRest, pending: moved}}).split('\n');
				expect(drawn).toHaveLength(height);
				for (const line of drawn) {
					if (isCompact) expect(stringWidth(line)).toBeLessThanOrEqual(width);
					else expect([stringWidth(line), line]).toEqual([width, expect.stringMatching(/[╮│╯]$/)]);
				}
			},
		),
		{numRuns: 60},
	);
});

test('a value that changes moves nothing beside it', () => {
	const places = (settings: Settings, hasAutoThreads = false) =>
		show({width: 120, applied: settings, hasAutoThreads, selected: 'gpuLayers'})
			.split('\n')
			.slice(2, 4)
			.map(line => ['Context', 'KV K', ' V ', 'Batch', 'Threads', 'Flash', 'mmap', 'mlock'].map(label => line.indexOf(label)));
	const short: Settings = {...baseSettings, contextSize: 512, batchSize: 32, threads: 1, flashAttention: 'on', mmap: true, mlock: true};
	const long: Settings = {...baseSettings, contextSize: 1_048_576, cacheTypeK: 'q8_0', cacheTypeV: 'q4_0', batchSize: 4096, mmap: false};
	expect(places(short)).toEqual(places(long));
	expect(places(short, true)).toEqual(places(long));
});

test.each([
	['those that were tried', {hasAutoThreads: true}, /Threads {7}auto \(4\)/],
	['those that somebody wants instead', {hasAutoThreads: true, ...pending({threads: 6})}, /Threads {14}6/],
	['where there is little room, the number', {hasAutoThreads: true, width: 60, isCompact: true}, /Threads +4/],
])('threads: %s', (_what, props, text) => {
	expect(show(props)).toMatch(text);
});

const withExperts = (settings: Partial<Settings>, props: Partial<TunerViewProps> = {}) => {
	const limits = {...limitsOf(bigModel, gpuDevice, 8), cpuExpertLayers: 80};
	const applied = {...baseSettings, gpuLayers: 81, ...settings};
	return show({width: 140, height: 7, selected: 'cpuExpertLayers', applied, limits, ...props});
};

test('experts have a line of their own where something can place them: a cell for each layer whose experts are on the GPU', () => {
	const drawn = withExperts({cpuExpertLayers: 30});
	expect(row(drawn, 1)).toMatch(/^│ {3}GPU layers {8}81 \/ 81 {3}▪{81} +│$/);
	expect(row(drawn, 2)).toMatch(/^│ ▸ Experts on CPU ◂ {2}30 \/ 80 ▸ ▪{50}·{30} +│$/);
	expect(show()).not.toContain('Experts');
});

test('experts that are moved: which leave the GPU or come to it, and how many it were', () => {
	const moved = (cpuExpertLayers: number) => row(withExperts({cpuExpertLayers: 30}, pending({gpuLayers: 81, cpuExpertLayers})), 2);
	expect(moved(32)).toMatch(/◂ {2}32 \/ 80 ▸ ▪{48}▫{2}·{30} +was 30 │$/);
	expect(moved(20)).toMatch(/◂ {2}20 \/ 80 ▸ ▪{60}·{20} +was 30 │$/);
	expect(
		row(withExperts({cpuExpertLayers: 30}, {...pending({gpuLayers: 81, cpuExpertLayers: 32}), width: 60, isCompact: true}), 1),
	).toMatch(/Experts on CPU ◂ 32 \/ 80▸ ▪+▫·+ +was 30$/);
});

test('what stands there instead leaves the last line where it is', () => {
	for (const mode of ['settings', 'advice', 'breakdown', 'budget'] as const) {
		expect(row(withExperts({}, {mode}), 5)).toMatch(/nothing to do │$|VRAM budget/);
	}
});

test('experts of layers that are on the CPU are there with them', () => {
	const drawn = withExperts({gpuLayers: 11, cpuExpertLayers: 3});
	expect(row(drawn, 2)).toMatch(/◂ {3}3 \/ 80 ▸ ▪{10}·{70} +│$/);
});

test('at 80 columns every value of every setting can be seen, chosen or not', () => {
	const longest: Settings = {...baseSettings, contextSize: 131_072, cacheTypeK: 'q8_0', cacheTypeV: 'q8_0', batchSize: 4096, threads: 128};
	for (const selected of settingNames.filter(name => name !== 'cpuExpertLayers')) {
		const drawn = show({applied: longest, selected});
		for (const text of ['131,072', 'K   q8_0', 'V   q8_0', '4,096', '128', 'auto', 'on', 'off']) {
			expect(drawn.replaceAll(/[◂▸]/g, ' ')).toContain(text);
		}

		expect([selected, drawn.match(/▸/g)?.length, drawn.includes('…')]).toEqual([selected, 2, false]);
	}
});

const parts = {weights: 43_315 * mib, cache: 0.5 * mib, recurrent: 0, compute: 0, driver: 0, draft: 0};
const fitting: Plan = {
	settings: baseSettings,
	exact: true,
	isRough: false,
	vramBytes: 0,
	ramBytes: 0,
	breakdown: {vram: parts, ram: parts},
	vramVerdict: 'fits',
	ramVerdict: 'fits',
	verdict: 'fits',
	vramLeftBytes: 2 * gib,
	ramLeftBytes: undefined,
	ramMissingBytes: 0,
	tokensPerSecond: undefined,
	promptTokensPerSecond: undefined,
};

test('a GPU that has not answered yet has no speed, and nothing fits before its memory was read', () => {
	const plan = {...atRest, plan: fitting};
	expect(statusOf(show({width: 120, plan}))).toContain('fits, 2.0 GiB of VRAM left   tok/s after the first answer');
	expect(show({width: 60, height: 4, isCompact: true, plan})).toContain('fits, 2.0 GiB of VRAM left  ');
	expect(statusOf(show({plan, machine: {vram: undefined, ram: undefined}}))).toMatch(/● VRAM not read yet {3}tok/);
});

test('while a change is made or waits, or comes back, Enter is not offered', () => {
	const moved = pending({gpuLayers: 13}).plan;
	expect(statusOf(show({isBusy: true, plan: moved}))).toMatch(/Esc stops the reload │$/);
	expect(statusOf(show({isStopping: true, plan: moved}))).toMatch(/the settings before come back │$/);
	expect(statusOf(show({plan: {...moved, queued: moved.pending}}))).toMatch(/Esc takes back: full reload │$/);
});

test.each([
	[
		76,
		undefined,
		'weights  KV cache   compute    driver     total    others',
		'42.3 GiB   0.5 MiB     0 MiB         —  42.3 GiB    11 MiB',
	],
	[60, undefined, 'MiB    weights      KV compute  driver   total  others', 'VRAM    43,315     0.5       0       —  43,316      11'],
	[
		76,
		'small.gguf',
		'MiB    weights      KV compute  driver   draft   total  others',
		'43,315     0.5       0       —       0  43,316      11',
	],
	[60, 'small.gguf', 'MiB    weights      KV compute  driver   draft   total', 'VRAM    43,315     0.5       0       —       0  43,316'],
])('the memory table at %i, with the draft model %s', (width, draftModel, head, vram) => {
	const [first, second] = show({
		width,
		height: 4,
		isCompact: true,
		mode: 'breakdown',
		plan: {...atRest, plan: {...fitting, settings: {...fitting.settings, draftModel}}},
		machine: {vram: {totalBytes: 64 * gib, otherBytes: 11 * mib, budgetBytes: undefined}, ram: undefined},
	}).split('\n');
	expect([first, second]).toEqual([expect.stringContaining(head), expect.stringContaining(vram)]);
});

test.each([
	[100, 'weights  KV cache recurrent   compute', '42.3 GiB   0.5 MiB    12 MiB     0 MiB'],
	[60, 'weights      KV      RS compute  driver   total', '43,315     0.5      12       0       —  43,328'],
])('the recurrent state in the memory table at %i', (width, head, vram) => {
	const recurrent = {...fitting, breakdown: {vram: {...parts, recurrent: 12 * mib}, ram: parts}};
	const drawn = show({width, height: 4, isCompact: true, mode: 'breakdown', plan: {...atRest, plan: recurrent}});
	expect(drawn.split('\n').slice(0, 2)).toEqual([expect.stringContaining(head), expect.stringContaining(vram)]);
});

test('a batch is shown as large as the context lets it be', () => {
	expect(show(pending({contextSize: 512, batchSize: 2048}))).toMatch(/Batch +512/);
});

test('what a fit says is shortened before it hides what is left', () => {
	const binding = {limit: 'VRAM', next: 13, missingBytes: 400 * mib, layersWithQ8Cache: 3} as const;
	const plan = {...atRest, pending: fitting.settings, binding, plan: {...fitting, tokensPerSecond: 17}};
	expect(statusOf(show({width: 120, plan}))).toMatch(
		/fits, 2\.0 GiB .*left {3}≈ 17\.0 tok\/s {3}VRAM binds: layer 13 needs 400 MiB more +Enter/,
	);
});

test('a budget that is there is replaced by what is typed', async () => {
	const plan = {...atRest, budgets: {vram: {bytes: 100 * mib}, ram: undefined}};
	await using screen = await renderScreen(<TunerView {...base} plan={plan} mode="budget" />, {columns: 80, rows: 6});
	await screen.waitForText(/VRAM budget 100M +typing replaces it, empty is no budget/);
	await screen.type('200%', keys.enter);
	await screen.waitForText(/VRAM budget 200% +at most 100%/);
});

test('Backspaces that come in one piece take as many letters', async () => {
	await using screen = await renderScreen(<TunerView {...base} mode="budget" />, {columns: 80, rows: 6});
	await screen.type('150M');
	await screen.waitForText('VRAM budget 150M');
	await screen.type('\u007F\u007F\u007F2G');
	await screen.waitForText('VRAM budget 12G');
});

test('a budget that is no size: what would be one', async () => {
	await using screen = await renderScreen(<TunerView {...base} mode="budget" />, {columns: 80, rows: 6});
	await screen.type('12', keys.enter);
	await screen.waitForText('VRAM budget 12');
	await screen.waitForText('not a size: write 11.5G, 11500M or 90%');
});

test.each([
	[120, 128, 17, 'fits, 2\\.0 GiB of VRAM left {3}≈ 17\\.0 tok/s \\(measured here: 18\\.4, tg128\\) +Enter'],
	[120, undefined, 17, '≈ 17\\.0 tok/s \\(measured here: 18\\.4, tg\\) +Enter'],
	[120, 128, undefined, 'fits, 2\\.0 GiB of VRAM left {3}measured here: 18\\.4 tok/s \\(tg128\\) +Enter'],
	[60, 128, 17, 'fits {3}≈ 17\\.0 tok/s +Enter'],
])(
	'%i columns: what bench has measured (tg%s) hides nothing of what is expected (%s)',
	(width, generatedTokens, tokensPerSecond, phrase) => {
		const plan = {...fitting, tokensPerSecond, measured: {tokensPerSecond: 18.43, generatedTokens}};
		expect(statusOf(show({width, plan: {...atRest, plan}}))).toMatch(new RegExp(phrase));
	},
);

test.each([
	[120, false, '╭─ Tuner ─+ native hooks off: they were not compiled: there was no C\\+\\+ compiler ─╮'],
	[60, false, '╭─ Tuner ─+ native hooks off \\(vramble doctor\\) ─╮'],
	[120, true, '╭─ Tuner ─+ native hooks off  ↑↓ choose .* Esc put back ─╮'],
	[80, true, '╭─ Tuner ─+ native hooks off  f fit  b budget  a advice  i memory ─╮'],
])('native hooks that are off are on the frame: %i columns, focused %s', (width, isFocused, expected) => {
	const hooksOff = 'they were not compiled: there was no C++ compiler';
	const drawn = show({width, isFocused, hooksOff});
	expect(row(drawn, 0)).toMatch(new RegExp(`^${expected}$`));
	expect(stringWidth(row(drawn, 0))).toBe(width);
	expect(show({width, isFocused})).not.toContain('hooks');
});

test('and without a frame in the summary', () => {
	expect(show({isCompact: true, isFocused: false, hooksOff: 'VRAMBLE_NATIVE=off'})).toContain('ctx 4,096 · hooks off · KV');
});
