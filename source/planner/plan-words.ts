import type {Settings} from '../engine/types.js';
import {count, memory, rate, unknown} from '../lib/format.js';
import type {BindingLimit, FitOutcome} from './fit.js';
import type {LargestContext} from './fit-context.js';
import {limitBytes} from './memory.js';
import {isBeyondTraining, type Limits} from './settings.js';
import type {Advice, Machine, Memory, Plan, Verdict} from './types.js';

export type PlanText = {
	readonly verdict: Verdict;
	readonly head: string;
	/** What is left or too much, behind the head, the longest wording first. */
	readonly rests: readonly string[];
	readonly speed: string;
	/** Behind the speed: what `vramble bench` has measured. */
	readonly measured: string;
	/** Why there is no speed, the longest wording first. */
	readonly noSpeeds: readonly string[];
};

const marks = {fits: 'fits', tight: 'tight', 'does not fit': 'does not fit', paging: 'will page'} as const;

/** `of`: a name, or a budget; VRAM need not be named where there is no room for it. */
const leftOf = (bytes: number | undefined, name: 'VRAM' | 'RAM', of: string): readonly string[] => {
	if (bytes === undefined) return [];
	const short = name === 'RAM' ? ' RAM' : '';
	return bytes < 0
		? [`, ${memory(-bytes)} over ${of}`, `, ${memory(-bytes)}${short} over`]
		: [`, ${memory(bytes)} of ${of} left`, `, ${memory(bytes)}${short} left`];
};

const nameOf = (name: 'VRAM' | 'RAM', side: Memory | undefined): string => {
	if (side?.budgetBytes === undefined) return name;
	const budget = memory(side.budgetBytes);
	if (limitBytes(side) < side.budgetBytes) return `${name} (budget ${budget})`;
	return name === 'VRAM' ? `${budget} budget` : `${budget} RAM budget`;
};

/** As `vramble bench` and llama-bench name it. */
export const generationTest = (generatedTokens: number | undefined): string => `tg${generatedTokens ?? ''}`;

const speedTexts = ({tokensPerSecond, measured}: Plan, approximately: string): Pick<PlanText, 'speed' | 'measured'> => {
	const here = `measured here: ${rate(measured?.tokensPerSecond)}`;
	const test = generationTest(measured?.generatedTokens);
	if (tokensPerSecond === undefined) return {speed: measured ? `${here} tok/s (${test})` : '', measured: ''};
	return {speed: `${approximately} ${rate(tokensPerSecond)} tok/s`, measured: measured ? ` (${here}, ${test})` : ''};
};

/** How fast a GPU is nobody knows before it has answered. */
const noSpeedTexts = ({tokensPerSecond, verdict, settings}: Plan): readonly string[] =>
	tokensPerSecond === undefined && settings.gpuLayers > 0 && verdict !== 'paging'
		? ['tok/s after the first answer', `${unknown} tok/s`]
		: [];

/** What a plan comes to, in the words of the tuner's last line. `approximately` stands before what was not asked of the engine. */
export const planText = (plan: Plan, {vram, ram}: Machine, approximately: string): PlanText => {
	const isRamNearer = ram?.budgetBytes !== undefined && (plan.ramLeftBytes ?? 0) < (plan.vramLeftBytes ?? 0);
	const isRam = plan.ramVerdict === plan.verdict && (plan.vramVerdict !== plan.verdict || isRamNearer);
	const left =
		isRam || plan.vramLeftBytes === undefined
			? leftOf(plan.ramLeftBytes, 'RAM', nameOf('RAM', ram))
			: leftOf(plan.vramLeftBytes, 'VRAM', nameOf('VRAM', vram));
	const speeds = speedTexts(plan, approximately);
	return {
		verdict: plan.verdict,
		head: `${plan.exact ? '' : `${approximately} `}${marks[plan.verdict]}`,
		rests: left,
		...speeds,
		noSpeeds: speeds.speed ? [] : noSpeedTexts(plan),
	};
};

const ordinal = (value: number): string => {
	const ending = value % 100 >= 11 && value % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
	return `${count(value)}${ending}`;
};

export const withLayersText = ({gpuLayers}: Pick<Settings, 'gpuLayers'>): string =>
	gpuLayers === 0 ? 'without GPU layers' : `with ${layersText(gpuLayers)}`;

export const layersText = (number: number): string => (number === 1 ? '1 layer' : `${number} layers`);

/** Why a fit stopped where it did: "VRAM binds: 12 layers; the 13th needs 0.4 GiB more". */
export const bindingText = (
	{settings, vramVerdict, ramVerdict, ramLeftBytes = 0}: Plan,
	{limit, next, missingBytes, isOfExperts}: BindingLimit,
): string => {
	if (limit === 'RAM' && ramVerdict === 'does not fit') {
		const needed = Math.max(missingBytes, -ramLeftBytes);
		const least = missingBytes < needed ? `, ${memory(missingBytes)} to run at all (paging)` : '';
		return `${limit} binds: ${memory(needed)} more of it would be needed${least}`;
	}

	if (vramVerdict === 'does not fit') {
		const least =
			settings.gpuLayers === 0 ? 'even without layers on the GPU it does not fit' : `not even ${layersText(settings.gpuLayers)} fit`;
		return `${limit} binds: ${least}`;
	}

	if (isOfExperts) {
		const missing = missingBytes > 0 ? `take ${memory(missingBytes)} too much` : 'leave too little free';
		return `${limit} binds: experts of ${layersText(settings.cpuExpertLayers)} on the CPU; of ${count(next)} they ${missing}`;
	}

	const missing = missingBytes > 0 ? `needs ${memory(missingBytes)} more` : 'would leave too little free';
	return `${limit} binds: ${layersText(settings.gpuLayers)}; the ${ordinal(next)} ${missing}`;
};

/** What keeps the context of a plan from being larger. */
export const contextBindingText = ({plan, bindingLimit: binding, refused}: LargestContext): string => {
	const {ramVerdict, settings} = plan;
	const size = `${count(settings.contextSize)} tokens${ramVerdict === 'paging' ? ' (paging)' : ''}`;
	if (refused !== undefined) return `${size}; the device cannot hold ${count(refused)}`;
	if (!binding) return `${size}, what the model was trained for`;
	if (binding.missingBytes === 0) return `${size}; ${count(binding.next)} would leave too little ${binding.limit} free`;
	return `${size}; ${count(binding.next)} need ${memory(binding.missingBytes)} more ${binding.limit}`;
};

export const slowerGpuText = 'the GPU leaves so much of its layers in RAM that the CPU alone is faster';

/** What to know before weights are loaded that do not stay in RAM. */
export const pagingText = ({ramVerdict, breakdown}: Plan, {ram}: Machine): string | undefined =>
	ramVerdict === 'paging' && ram
		? `${memory(breakdown.ram.weights)} of weights, ${memory(limitBytes(ram))} of RAM for them: it will page, and read the disk for every token.`
		: undefined;

/** It is offered, not taken. */
export const q8CacheText = (layers: number): string => `KV q8_0 would give ${layers} more ${layers === 1 ? 'layer' : 'layers'}`;

const shortBindingText = ({limit, next, missingBytes, isOfExperts}: BindingLimit): string => {
	if (limit === 'RAM') return `RAM binds: ${memory(missingBytes)} more needed`;
	if (isOfExperts) return `${limit} binds: experts of ${count(next)} layers on the CPU take ${memory(missingBytes)} too much`;
	return missingBytes > 0
		? `${limit} binds: layer ${count(next)} needs ${memory(missingBytes)} more`
		: `${limit} binds: layer ${count(next)} leaves too little`;
};

type Remarkable = {
	readonly settings: Settings;
	readonly limits: Limits | undefined;
	readonly binding: FitOutcome | undefined;
	readonly plan: Plan | undefined;
	readonly isPostponed: boolean;
	/** Of the conversation, where it does not fit into the context. */
	readonly forgottenTokens?: number | undefined;
};

/** Words beside the verdict, the longest first; the last ones are for a line of 60 cells. */
export const remarkTexts = ({settings, limits, binding, plan, isPostponed, forgottenTokens}: Remarkable): readonly string[] => {
	if (binding === 'no GPU') return ['no VRAM: there is no GPU', 'no VRAM: no GPU', 'no VRAM'];
	if (binding === 'VRAM unknown') return ['the GPU does not say how much VRAM there is', 'VRAM unknown'];
	if (forgottenTokens !== undefined) {
		return [
			`the conversation has ${count(forgottenTokens)} tokens: its beginning will be left out`,
			`${count(forgottenTokens)} tokens are used`,
		];
	}

	if (isPostponed) return ['exact when the answer allows it', 'exact later'];
	if (plan?.isRough) return ['llama.cpp could not simulate this: a rough formula answers', 'by a rough formula'];
	if (limits && isBeyondTraining(settings, limits)) return [`trained for ${count(limits.trainedContext)} tokens`];
	if (!binding) return [];
	if (binding === 'all fit') return ['all layers fit'];
	if (binding === 'not all taken') return ['the GPU does not take all of these layers: the rest stays in RAM', 'the GPU does not take all'];
	if (binding === 'GPU slower') return [slowerGpuText, 'faster without the GPU'];
	const isNothing = binding.limit === 'VRAM' && plan?.vramVerdict === 'does not fit';
	const text = isNothing
		? `VRAM binds: even ${layersText(plan.settings.gpuLayers)} need ${memory(plan.vramBytes)}`
		: shortBindingText(binding);
	const {layersWithQ8Cache: more} = binding;
	return [...(more > 0 ? [`${text}; ${q8CacheText(more)}`] : []), text, text.replace(/^.*: /, '')];
};

const betterVerdicts = {
	fits: 'then it fits',
	tight: 'then it just fits',
	paging: 'then it pages, but runs',
	'does not fit': undefined,
} as const;

const more = (number: number | undefined): string => `${count(number)} more ${number === 1 ? 'layer' : 'layers'}`;

/** By how much nobody has measured. */
export const slowerPromptsText = ' (long prompts are read more slowly)';

/** A piece of advice with its computed effects; then with fewer of them, for a narrow line. */
export const adviceTexts = (advice: Advice, approximately: string): readonly [string, ...string[]] => {
	const {
		text,
		verdict,
		freesVramBytes,
		freesRamBytes,
		moreLayers,
		layersInAll,
		moreExpertLayers,
		contextSize,
		tokensPerSecond,
		fillTokens,
	} = advice;
	const atTokens = fillTokens === undefined ? '' : ` at ${count(fillTokens)} tokens`;
	const freed = [freesVramBytes && `${memory(freesVramBytes)} of VRAM`, freesRamBytes && `${memory(freesRamBytes)} of RAM`].filter(Boolean);
	const effects = [
		verdict && betterVerdicts[verdict],
		contextSize !== undefined && `the whole context of ${count(contextSize)}`,
		moreLayers !== undefined &&
			(layersInAll === undefined ? `${more(moreLayers)} on the GPU` : `room for ${more(moreLayers)}, ${count(layersInAll)} in all`),
		moreExpertLayers !== undefined && `experts of ${more(moreExpertLayers)} on the GPU`,
		tokensPerSecond !== undefined && `${approximately} ${rate(tokensPerSecond)} tok/s${atTokens}`,
	].filter(effect => typeof effect === 'string');
	const [first, ...others] = effects;
	const matters = verdict ? first : (effects.at(-1) ?? first);
	const shorter = text.replace('KV cache', 'KV').replace('flash attention', 'FA').replace(slowerPromptsText, '');
	const withFreed = (what: readonly unknown[]) => {
		const frees = what.length > 0 ? [`frees ${what.join(' and ')}`] : [];
		return verdict ? [...effects.slice(0, 1), ...frees, ...others] : [...frees, ...effects];
	};
	const bytes = [freesVramBytes, freesRamBytes].filter(Boolean).map(memory);
	const said = (what: readonly string[]) => (what.length > 0 ? `${text}: ${what.join(', ')}` : text);
	return [
		said(withFreed(freed)),
		...(bytes.length === 1 ? [said(withFreed(bytes))] : []),
		said(effects),
		...(matters === undefined ? [] : [said([matters]), `${shorter}: ${matters}`]),
		text,
		shorter,
	];
};

export const adviceText = (advice: Advice, approximately = '≈'): string => adviceTexts(advice, approximately)[0];
