import {basename} from 'node:path';
import {count, fileSize, memory} from '../lib/format.js';
import {wrapped} from '../lib/wrapped.js';
import {fewestPromptTokens} from '../planner/calibration.js';
import {vramMarginBytes} from '../planner/memory.js';
import {adviceText, bindingText, slowerGpuText} from '../planner/plan-words.js';
import {refusalOf} from '../planner/refusal.js';
import {usedBatchSize} from '../planner/settings.js';
import {usualFillTokens} from '../planner/speed.js';
import type {Plan} from '../planner/types.js';
import {untakenIn} from '../planner/untaken.js';
import {keptWords} from './plan-kept.js';
import {type Report, recommendedOf} from './plan-report.js';
import type {Target} from './plan-target.js';
import {
	bytesWords,
	contextWords,
	largestContextWords,
	machinesWords,
	machineWords,
	shortVerdictWords,
	speedWords,
	verdictWords,
	weightsWords,
} from './plan-words.js';
import {type Column, fittingTable, table} from './text-table.js';

const asciiGlyphs: ReadonlyArray<readonly [string, string]> = [
	['≈', '~'],
	['→', '->'],
	['—', '-'],
	['·', '-'],
	['▸', '>'],
];

const modelLine = ({model}: Report): string =>
	[model.name, model.architecture, model.quantization, `${model.layers} layers`, fileSize(model.sizeBytes)].filter(Boolean).join(' · ');

const settingsLine = ({chosen: {settings}}: Report): string => {
	const {contextSize, cacheTypeK, cacheTypeV, flashAttention, threads, kvOffload, overrideTensor} = settings;
	const cache = cacheTypeK === cacheTypeV ? cacheTypeK : `${cacheTypeK} and ${cacheTypeV}`;
	return [
		`context ${count(contextSize)}`,
		`KV cache ${cache}${kvOffload === false ? ' in RAM' : ''}`,
		`batch ${usedBatchSize(settings)}`,
		`flash attention ${flashAttention}`,
		threads === 1 ? '1 thread' : `${threads} threads`,
		...(overrideTensor === undefined ? [] : [overrideTensor]),
	].join(' · ');
};

/** Of the draft model, which the table counts. */
const draftLines = ({chosen: {settings, breakdown}}: Report): readonly string[] =>
	settings.draftModel === undefined
		? []
		: [`draft model ${basename(settings.draftModel)}: ${memory(breakdown.vram.draft)} of VRAM, ${memory(breakdown.ram.draft)} of RAM`];

/** Of models with recurrent layers; the table counts it. */
const recurrentLines = ({chosen}: Report): readonly string[] => {
	const {vram, ram} = chosen.breakdown;
	if (vram.recurrent + ram.recurrent === 0) return [];
	const sides = [
		...(vram.recurrent > 0 ? [`${bytesWords(vram.recurrent, chosen)} of VRAM`] : []),
		`${bytesWords(ram.recurrent, chosen)} of RAM`,
	];
	return [`recurrent state: ${sides.join(', ')}, whatever the context`];
};

/** How much a table says, the most first. */
const details = [
	{hasContext: true, verdict: verdictWords, gap: 2},
	{hasContext: false, verdict: verdictWords, gap: 2},
	{hasContext: false, verdict: shortVerdictWords, gap: 2},
	{hasContext: false, verdict: shortVerdictWords, gap: 1},
] as const;

type Cell<Row> = Column & {readonly text: (row: Row) => string};

const right = <Row>(title: string, text: (row: Row) => string): Cell<Row> => ({title, align: 'right', text});
const left = <Row>(title: string, text: (row: Row) => string): Cell<Row> => ({title, align: 'left', text});

const tableOf = <Row>(cells: ReadonlyArray<Cell<Row>>, rows: readonly Row[], gap: number): readonly string[] =>
	table(
		cells,
		rows.map(row => cells.map(({text}) => text(row))),
		gap,
	);

const vramCell = (plan: Plan, {target}: Report): string => (target.machine.vram ? bytesWords(plan.vramBytes, plan) : '—');

/** pp and tg are what llama-bench calls the evaluation of a prompt and the generation of text. */
const layersTable = (report: Report, width: number): readonly string[] => {
	const {plans} = report;
	const hasExperts = report.model.expertLayers > 0;
	const tables = details.map(({hasContext, verdict, gap}) => {
		const cells: ReadonlyArray<Cell<Plan>> = [
			right('layers', plan => `${plan === recommendedOf(report) ? '▸' : ''}${String(plan.settings.gpuLayers).padStart(6)}`),
			...(hasExperts ? [right('ncmoe', ({settings}: Plan) => String(settings.cpuExpertLayers))] : []),
			right('VRAM', plan => vramCell(plan, report)),
			right('RAM', plan => bytesWords(plan.ramBytes, plan)),
			...(hasContext ? [right('context', ({settings}: Plan) => count(settings.contextSize))] : []),
			right('pp t/s', plan => speedWords(plan.promptTokensPerSecond)),
			right('tg t/s', plan => speedWords(plan.tokensPerSecond)),
			left('verdict', plan => verdict(plan, refusalOf(plan, report))),
		];
		return tableOf(cells, plans, gap);
	});
	return fittingTable(width, tables);
};

const cardsTable = (reports: readonly Report[], width: number): readonly string[] => {
	const hasExperts = reports.some(({model}) => model.expertLayers > 0);
	const tables = details.map(({hasContext, verdict, gap}) => {
		const cells: ReadonlyArray<Cell<Report>> = [
			right('card', cardWords),
			right('layers', ({chosen}) => String(chosen.settings.gpuLayers)),
			...(hasExperts ? [right('ncmoe', ({chosen}: Report) => String(chosen.settings.cpuExpertLayers))] : []),
			right('VRAM', report => vramCell(report.chosen, report)),
			...(gap > 1 ? [right('RAM', ({chosen}: Report) => bytesWords(chosen.ramBytes, chosen))] : []),
			...(hasContext ? [right('max context', ({largestContext}: Report) => largestContextWords(largestContext))] : []),
			right('pp t/s', ({chosen}) => speedWords(chosen.promptTokensPerSecond)),
			right('tg t/s', ({chosen}) => speedWords(chosen.tokensPerSecond)),
			left('verdict', report => verdict(report.chosen, refusalOf(report.chosen, report))),
		];
		return tableOf(cells, reports, gap);
	});
	return fittingTable(width, tables);
};

const ramNotes = ({chosen: {ramVerdict, ramLeftBytes}}: Report): readonly string[] =>
	ramVerdict === 'paging'
		? [`RAM is ${memory(-(ramLeftBytes ?? 0))} short: weights do not stay in it, and the disk is read for every token.`]
		: [];

const speedNote = ({hasOtherCard}: Target): string =>
	hasOtherCard
		? 'For tok/s add how fast the memory of the card is: --gpu-bandwidth 360 (GB/s).'
		: 'How fast this GPU is will be known when a model has answered on it.';

const promptNote = ({isElsewhere}: Target): string =>
	isElsewhere
		? 'pp t/s takes computing, which no bandwidth tells.'
		: `How fast prompts are read (pp) will be known when a model that is in RAM has answered ${fewestPromptTokens} tokens or more with these layers.`;

/** What a prediction takes the CPU of another machine for. */
const cpuWords = ({isElsewhere, speeds}: Target): string => {
	if (!isElsewhere) return '';
	return speeds?.threadBytesPerSecond === undefined
		? ', and a CPU with enough threads to use up the bandwidth of its RAM'
		: ', and a CPU whose threads are as fast as those here';
};

/** Why less is filled than there is. */
const marginNotes = ({chosen, target: {machine}, bindingLimit, largestContext}: Report): readonly string[] => {
	const {vram} = machine;
	if (!vram || vram.budgetBytes !== undefined) return [];
	const limits = [bindingLimit?.limit, largestContext?.bindingLimit?.limit];
	return limits.includes('VRAM') || chosen.vramVerdict === 'tight'
		? [`${memory(vramMarginBytes(vram))} of VRAM are a margin for the driver and other programs.`]
		: [];
};

const notes = (report: Report): readonly string[] => {
	const {chosen, plans, target, warnings} = report;
	const {gpuLayers, contextSize} = chosen.settings;
	const fill = Math.min(usualFillTokens, contextSize);
	const hasSpeeds = plans.some(({tokensPerSecond}) => tokensPerSecond !== undefined);
	const hasPromptSpeeds = plans.some(({promptTokensPerSecond}) => promptTokensPerSecond !== undefined);
	const isExact = plans.every(({exact, isCacheTooLarge}) => exact || isCacheTooLarge);
	const isCacheTooLarge = plans.some(plan => plan.isCacheTooLarge);
	const isGuessed = !isExact && target.hasOtherCard;
	return [
		...(isGuessed ? ['≈ VRAM and RAM: from the sizes of tensors, because there is no such card here to ask llama.cpp about.'] : []),
		...(!isExact && !isGuessed ? ['≈ VRAM and RAM: llama.cpp could not simulate this, a rough formula answered.'] : []),
		...(isCacheTooLarge
			? ['≈ VRAM and RAM: from the sizes of tensors, because the driver of the GPU gives no buffer for such a KV cache.']
			: []),
		...warnings,
		...(hasSpeeds ? [`≈ tok/s: with ${fill === 1 ? '1 token' : `${count(fill)} tokens`} in the context${cpuWords(target)}.`] : []),
		...(gpuLayers > 0 && target.speeds?.gpuBytesPerSecond === undefined ? [speedNote(target)] : []),
		...(hasSpeeds && !hasPromptSpeeds ? [promptNote(target)] : []),
		...marginNotes(report),
	];
};

const wayWords = ({chosen, plans, isGpuSlower}: Report): string => {
	if (isGpuSlower) return `no layers on the GPU: ${slowerGpuText}`;
	const areExpertsFound = plans.some(({settings}) => settings.cpuExpertLayers !== chosen.settings.cpuExpertLayers);
	return areExpertsFound && chosen.settings.cpuExpertLayers > 0
		? 'all layers, and the fewest experts on the CPU'
		: 'most layers that the VRAM takes';
};

/** The layers were chosen, and some can be. */
const isFree = (report: Report): boolean =>
	!report.isGiven && report.target.machine.vram !== undefined && recommendedOf(report) !== undefined;

/** What keeps it from being more. */
const limitWords = (report: Report): readonly string[] => {
	const {chosen, bindingLimit, isGpuSlower, model} = report;
	if (bindingLimit) return [`${bindingText(chosen, bindingLimit)}.`];
	return isFree(report) && !isGpuSlower && untakenIn(chosen, model.weights.sizes) === 0 ? ['All layers fit on the GPU.'] : [];
};

const adviceLines = (texts: readonly string[], width: number): readonly string[] =>
	texts.length > 0 ? ['', 'Advice', ...texts.flatMap(text => wrapped(`- ${text}`, width, '  '))] : [];

const one = (report: Report, width: number): readonly string[] => {
	const words = [
		...(isFree(report) ? [`▸ recommended: ${wayWords(report)}.`] : []),
		...limitWords(report),
		...keptWords(report),
		...ramNotes(report),
		contextWords(report),
		...notes(report),
	];
	const advice = report.advice.map(item => adviceText(item));
	return [...layersTable(report, width), '', ...words.flatMap(line => wrapped(line, width)), ...adviceLines(advice, width)];
};

const cardWords = ({target}: Report): string => memory(target.machine.vram?.totalBytes);

/** What is said of several cards once, and for which where it is not for all. */
const byCard = (reports: readonly Report[], wordsOf: (report: Report) => readonly string[]): readonly string[] => {
	const said = reports.map(report => ({card: cardWords(report), words: wordsOf(report)}));
	return [...new Set(said.flatMap(({words}) => words))].map(text => {
		const cards = said.filter(({words}) => words.includes(text)).map(({card}) => card);
		return cards.length === reports.length ? text : `${cards.join(', ')}: ${text}`;
	});
};

/** Of each card. */
const mostAdvice = 2;

const sideBySide = (reports: readonly Report[], width: number): readonly string[] => {
	const limits = reports.map(
		report => `${cardWords(report)}: ${[...limitWords(report), ...ramNotes(report), contextWords(report)].join(' ')}`,
	);
	const words = [...limits, ...byCard(reports, notes)];
	const advice = byCard(reports, report => report.advice.slice(0, mostAdvice).map(item => adviceText(item)));
	return [...cardsTable(reports, width), '', ...words.flatMap(line => wrapped(line, width)), ...adviceLines(advice, width)];
};

/** For people; at most `width` cells wide but for names that are longer. */
export const planText = (reports: readonly Report[], {ascii, width}: {readonly ascii: boolean; readonly width: number}): string => {
	const [first] = reports;
	if (!first) return '';
	const isSingle = reports.length === 1;
	const head = [
		modelLine(first),
		...(isSingle ? machineWords(first) : [machinesWords(first)]),
		...byCard(reports, report => [settingsLine(report)]),
		...recurrentLines(first),
		...draftLines(first),
		...byCard(reports, ({chosen}) => [weightsWords(chosen)]),
		'',
	];
	const body = isSingle ? one(first, width) : sideBySide(reports, width);
	const lines = [...head.flatMap(line => wrapped(line, width)), ...body];
	const text = `${lines.join('\n')}\n`;
	return ascii ? asciiGlyphs.reduce((result, [glyph, plain]) => result.replaceAll(glyph, plain), text) : text;
};
