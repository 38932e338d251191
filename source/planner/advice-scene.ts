import type {ModelFacts, Settings} from '../engine/types.js';
import type {Ground} from './layer-search.js';
import {isWorse, type Known} from './memory.js';
import {layersText} from './plan-words.js';
import {refusalOf} from './refusal.js';
import {isImpossible} from './settings.js';
import {usualFillTokens} from './speed.js';
import type {Advice, AskDryRun, Machine, ModelWeights, Plan, Speeds} from './types.js';

export type AdviceRequest = {
	/** Of the settings that are on the screen. */
	readonly plan: Plan;
	readonly weights: ModelWeights;
	readonly facts: ModelFacts;
	readonly machine: Machine;
	readonly speeds: Speeds | undefined;
	readonly ask: AskDryRun;
	/** Whether something can place experts by number. */
	readonly canPlaceExperts?: boolean | undefined;
	/** What the driver takes of the device once anything is there. */
	readonly driverBytes: number;
	/** Tokens in the context that speeds are predicted for. */
	readonly fillTokens?: number | undefined;
	/** Tokens of context that were wanted, where a fit may have chosen fewer. */
	readonly wantedContext?: number | undefined;
	/** Bytes that may be locked in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes?: number | undefined;
	/** What a change frees is not used for more layers. */
	readonly savesMemory?: boolean | undefined;
};

/** What it is about, and what it takes to follow: 0 a key, 1 another start, 2 another file, 3 another machine. */
export const needs = {
	layers: 0,
	experts: 0,
	batch: 0,
	context: 0,
	mlock: 0,
	'KV cache': 0,
	'flash attention': 0,
	'no GPU': 1,
	budget: 1,
	quantization: 2,
	'smaller model': 2,
	RAM: 3,
	GPU: 3,
} as const;
export type Kind = keyof typeof needs;
export type Found = {
	readonly kind: Kind;
	readonly advice: Advice;
	/** The verdict becomes a better one. */
	readonly improves: boolean;
	/** Of the speed; 1: twice as fast. */
	readonly gain: number;
	readonly losesMuchQuality?: boolean;
};

export type Scene = AdviceRequest & {
	readonly ground: Ground;
	readonly known: Known;
	/** The same settings with as many layers as fit, or with as few experts on the CPU where all of them do; undefined: there is no device, or nothing fits. */
	readonly best: Plan | undefined;
};

/** Asks the engine where it must; undefined: nothing worth saying. */
export type Candidate = (scene: Scene) => Found | undefined | Promise<Found | undefined>;

/** Smaller changes of speed are within what predictions are off by anyway. */
export const leastGain = 0.02;

export const isGood = ({verdict, settings}: Plan): boolean => (verdict === 'fits' || verdict === 'tight') && !isImpossible(settings);

/** 1: twice as fast; 0 also where a speed is not known. */
const gainOf = (next: Pick<Plan, 'tokensPerSecond'>, before: Pick<Plan, 'tokensPerSecond'>): number =>
	next.tokensPerSecond !== undefined && before.tokensPerSecond !== undefined ? next.tokensPerSecond / before.tokensPerSecond - 1 : 0;

export const hasMoreOnGpu = ({settings: a}: Plan, {settings: b}: Plan): boolean =>
	a.gpuLayers > b.gpuLayers || (a.gpuLayers === b.gpuLayers && a.cpuExpertLayers < b.cpuExpertLayers);

/** With more of it on the GPU, unless it works as it is and that is predicted to be clearly slower. */
export const betterOf = (same: Plan, most: Plan | undefined): Plan =>
	most && (!isGood(same) || (hasMoreOnGpu(most, same) && gainOf(most, same) > -leastGain)) ? most : same;

/** Less is not worth a word. */
const worthFreeing = (now: number): number => Math.max(1024 ** 2, 0.01 * now);

const ifMuch = (freed: number, now: number): number | undefined => (freed >= worthFreeing(now) ? freed : undefined);
const ifMore = (more: number): number | undefined => (more > 0 ? more : undefined);

/** Of what lacks in RAM: less than that does not make paging bearable. */
const worthOfShortage = 0.25;

/** What is still wrong afterwards, where it is what was wrong before. */
const stillWords = ({verdict}: Plan): string => (verdict === 'paging' ? ' (it still pages)' : '');

/** What of the model is on the GPU, or goes there without any other change. */
const freelyHad = (now: Settings, fitted: Settings): Pick<Settings, 'gpuLayers' | 'cpuExpertLayers'> => ({
	gpuLayers: Math.max(now.gpuLayers, fitted.gpuLayers),
	cpuExpertLayers: fitted.gpuLayers < now.gpuLayers ? now.cpuExpertLayers : Math.min(now.cpuExpertLayers, fitted.cpuExpertLayers),
});

/** What a plan gives against the one on the screen; undefined: nothing, or nothing that matters while that one does not work. */
export const compare = (scene: Scene, kind: Kind, text: string, next: Plan): Found | undefined => {
	const {plan, best, savesMemory = false} = scene;
	const fitted = (best ?? plan).settings;
	const free = freelyHad(plan.settings, fitted);
	const isMore = next.settings.gpuLayers > free.gpuLayers;
	const areExpertsMore = next.settings.gpuLayers >= plan.settings.gpuLayers && next.settings.cpuExpertLayers < free.cpuExpertLayers;
	const wasRefused = refusalOf(plan, scene) !== undefined;
	const wasGood = isGood(plan) && !wasRefused;
	if (refusalOf(next, scene) || (wasGood && !isGood(next))) return undefined;
	const isLarger = next.settings.contextSize > plan.settings.contextSize;
	const isFewer = next.settings.gpuLayers < plan.settings.gpuLayers && kind !== 'layers' && kind !== 'no GPU';
	const areExpertsMoved = next.settings.cpuExpertLayers > plan.settings.cpuExpertLayers && kind !== 'experts' && kind !== 'no GPU';
	// Fewer layers alone do the same.
	if (isFewer && !isLarger && next.settings.gpuLayers <= (best?.settings.gpuLayers ?? -1)) return undefined;
	const improves = !wasGood && (wasRefused ? next.verdict !== 'does not fit' : isWorse(plan.verdict, next.verdict));
	// Layers that go there without any other change do as much.
	const isByLayers =
		improves && hasMoreOnGpu(next, plan) && best !== undefined && !refusalOf(best, scene) && !isWorse(best.verdict, next.verdict);
	const repairs = improves && !isByLayers;
	const gain = gainOf(next, isByLayers ? best : plan);
	const freed = {vram: plan.vramBytes - next.vramBytes, ram: plan.ramBytes - next.ramBytes};
	const isRamScarce = plan.ramVerdict !== 'fits' || !scene.machine.vram;
	const advice: Advice = {
		text: [
			text,
			isFewer ? `, ${layersText(next.settings.gpuLayers)} on the GPU` : '',
			areExpertsMoved || (areExpertsMore && free.cpuExpertLayers < plan.settings.cpuExpertLayers)
				? `, experts of ${layersText(next.settings.cpuExpertLayers)} on the CPU`
				: '',
			improves || wasGood ? '' : stillWords(next),
		].join(''),
		freesVramBytes: ifMuch(freed.vram, plan.vramBytes),
		freesRamBytes: isRamScarce && !isByLayers ? ifMuch(freed.ram, plan.ramBytes) : undefined,
		moreLayers: ifMore(next.settings.gpuLayers - free.gpuLayers),
		layersInAll: isMore && free.gpuLayers > plan.settings.gpuLayers ? next.settings.gpuLayers : undefined,
		moreExpertLayers: areExpertsMore ? free.cpuExpertLayers - next.settings.cpuExpertLayers : undefined,
		contextSize: isLarger ? next.settings.contextSize : undefined,
		tokensPerSecond: next.tokensPerSecond,
		fillTokens: kind === 'KV cache' ? Math.min(scene.fillTokens ?? usualFillTokens, plan.settings.contextSize) : undefined,
		verdict: repairs ? next.verdict : undefined,
		settings: needs[kind] === 0 ? next.settings : undefined,
	};
	const frees = needs[kind] === 0 && advice.freesVramBytes !== undefined;
	const isScarce = plan.verdict !== 'fits' || savesMemory;
	const isBetter = isLarger || gain >= leastGain || (gain > -leastGain && (isMore || areExpertsMore || frees)) || (frees && isScarce);
	const eases = plan.verdict === 'paging' && advice.freesRamBytes !== undefined && freed.ram >= worthOfShortage * -(plan.ramLeftBytes ?? 0);
	const isWorthIt = wasGood || isByLayers ? isBetter : eases && !isWorse(next.verdict, plan.verdict);
	return repairs || isWorthIt ? {kind, advice, improves: repairs, gain} : undefined;
};
