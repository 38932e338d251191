import {basename} from 'node:path';
import type {Settings} from '../engine/types.js';
import {count, fileSize, memory} from '../lib/format.js';
import {adviceText, bindingText} from '../planner/plan-words.js';
import {usualFillTokens} from '../planner/speed.js';
import type {Plan} from '../planner/types.js';
import {type Report, recommendedOf} from './plan-report.js';
import type {Target} from './plan-target.js';
import {bytesWords, contextWords, machineWords, speedWords, verdictWords} from './plan-words.js';
import {type Column, table, wrapped} from './text-table.js';

/** What any terminal, and a mail, has room for. */
const width = 80;

const asciiGlyphs: ReadonlyArray<readonly [string, string]> = [
	['≈', '~'],
	['→', '->'],
	['—', '-'],
	['·', '-'],
	['▸', '>'],
];

const modelLine = ({model}: Report): string =>
	[model.name, model.architecture, model.quantization, `${model.layers} layers`, fileSize(model.sizeBytes)].filter(Boolean).join(' · ');

const weightsWords = ({mmap, mlock}: Settings): string =>
	`weights ${mmap ? 'mapped from the file' : 'copied into RAM'}${mlock ? ' and locked there' : ''}`;

const settingsLine = ({chosen: {settings}}: Report): string => {
	const {cacheTypeK, cacheTypeV, batchSize, flashAttention} = settings;
	const cache = cacheTypeK === cacheTypeV ? cacheTypeK : `${cacheTypeK} and ${cacheTypeV}`;
	return `KV cache ${cache} · batch ${batchSize} · flash attention ${flashAttention} · ${weightsWords(settings)}`;
};

/** Of the draft model, which the table counts. */
const draftLines = ({chosen: {settings, breakdown}}: Report): readonly string[] =>
	settings.draftModel === undefined
		? []
		: [`draft model ${basename(settings.draftModel)}: ${memory(breakdown.vram.draft)} of VRAM, ${memory(breakdown.ram.draft)} of RAM`];

const right = (title: string): Column => ({title, align: 'right'});
const left = (title: string): Column => ({title, align: 'left'});

const vramCell = (plan: Plan, {target}: Report): string => (target.machine.vram ? bytesWords(plan.vramBytes, plan) : '—');

const layersTable = (report: Report): readonly string[] => {
	const hasExperts = report.plans.some(({settings}) => settings.cpuExpertLayers > 0);
	return table(
		[
			left(''),
			right('layers'),
			...(hasExperts ? [right('experts on CPU')] : []),
			right('VRAM'),
			right('RAM'),
			right('context'),
			right('tok/s'),
			left('verdict'),
		],
		report.plans.map(plan => [
			plan === recommendedOf(report) ? '▸' : '',
			String(plan.settings.gpuLayers),
			...(hasExperts ? [String(plan.settings.cpuExpertLayers)] : []),
			vramCell(plan, report),
			bytesWords(plan.ramBytes, plan),
			count(plan.settings.contextSize),
			speedWords(plan),
			verdictWords(plan),
		]),
	);
};

const cardsTable = (reports: readonly Report[]): readonly string[] =>
	table(
		[right('card'), right('layers'), right('VRAM'), right('RAM'), right('largest context'), right('tok/s'), left('verdict')],
		reports.map(report => [
			memory(report.target.machine.vram?.totalBytes),
			String(report.chosen.settings.gpuLayers),
			vramCell(report.chosen, report),
			bytesWords(report.chosen.ramBytes, report.chosen),
			count(report.largestContext?.plan.settings.contextSize),
			speedWords(report.chosen),
			verdictWords(report.chosen),
		]),
	);

const ramNotes = ({chosen: {ramVerdict, ramLeftBytes}}: Report): readonly string[] =>
	ramVerdict === 'paging'
		? [`RAM is ${memory(-(ramLeftBytes ?? 0))} short: weights do not stay in it, and the disk is read for every token.`]
		: [];

const speedNote = ({hasOtherCard}: Target): string =>
	hasOtherCard
		? 'For tok/s add how fast the memory of the card is: --gpu-bandwidth 360 (GB/s).'
		: 'How fast this GPU is will be known when a model has answered on it.';

const notes = ({chosen, plans, target, warnings}: Report): readonly string[] => {
	const {gpuLayers, contextSize} = chosen.settings;
	const hasSpeeds = plans.some(({tokensPerSecond}) => tokensPerSecond !== undefined);
	const isExact = plans.every(({exact}) => exact);
	const isGuessed = !isExact && target.hasOtherCard;
	return [
		...(isGuessed ? ['≈ VRAM and RAM: from the sizes of tensors, because there is no such card here to ask llama.cpp about.'] : []),
		...(!isExact && !isGuessed ? ['≈ VRAM and RAM: llama.cpp could not simulate this, a rough formula answered.'] : []),
		...warnings,
		...(hasSpeeds ? [`≈ tok/s: with ${count(Math.min(usualFillTokens, contextSize))} tokens in the context.`] : []),
		...(gpuLayers > 0 && target.speeds?.gpuBytesPerSecond === undefined ? [speedNote(target)] : []),
	];
};

const one = (report: Report): readonly string[] => {
	const {chosen, bindingLimit, advice, isGiven, target} = report;
	const isFree = !isGiven && target.machine.vram !== undefined && recommendedOf(report) !== undefined;
	const allFit = isFree && !bindingLimit ? ['All layers fit.'] : [];
	return [
		...layersTable(report),
		'',
		...(isFree
			? [
					`▸ recommended: ${chosen.settings.cpuExpertLayers > 0 ? 'all layers, and the fewest experts on the CPU' : 'most layers that the VRAM takes'}.`,
				]
			: []),
		...(bindingLimit ? [`${bindingText(chosen, bindingLimit)}.`] : allFit),
		...ramNotes(report),
		contextWords(report),
		...notes(report),
		...(advice.length > 0 ? ['', 'Advice', ...advice.flatMap(item => wrapped(`- ${adviceText(item)}`, width, '  '))] : []),
	];
};

const sideBySide = (reports: readonly Report[]): readonly string[] => [
	...cardsTable(reports),
	'',
	...reports.flatMap(({chosen, bindingLimit, target}) =>
		bindingLimit ? [`${memory(target.machine.vram?.totalBytes)}: ${bindingText(chosen, bindingLimit)}.`] : [],
	),
	...new Set(reports.flatMap(report => notes(report))),
];

/** For people; at most 80 cells wide but for names that are longer. */
export const planText = (reports: readonly Report[], ascii: boolean): string => {
	const [first] = reports;
	if (!first) return '';
	const isSingle = reports.length === 1;
	const head = [
		modelLine(first),
		...(isSingle ? machineWords(first) : ['Other machines, side by side']),
		settingsLine(first),
		...draftLines(first),
		'',
	];
	const lines = [...head, ...(isSingle ? one(first) : sideBySide(reports))].flatMap(line =>
		line.startsWith(' ') ? [line] : wrapped(line, width),
	);
	const text = `${lines.join('\n')}\n`;
	return ascii ? asciiGlyphs.reduce((result, [glyph, plain]) => result.replaceAll(glyph, plain), text) : text;
};
