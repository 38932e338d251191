import type {DryRun} from '../engine/types.js';
import {type Candidate, compare, type Found, isGood, leastGain, type Scene} from './advice-scene.js';
import {type Ground, mostLayers, mostLayersEstimate} from './layer-search.js';
import {type Known, limitBytes, planOf, ramMarginBytes, vramMarginBytes} from './memory.js';
import {quantizationOf, quantizations, sizeAt} from './quantization.js';
import {tokensPerSecond} from './speed.js';
import type {Advice, ModelWeights} from './types.js';

const gib = 1024 ** 3;
const cardSizes = [24, 16] as const;
const ramSizes = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512] as const;
/** Billions of parameters in which models usually come. */
const modelClasses = [120, 70, 32, 24, 14, 8, 4, 3, 1.7, 1, 0.5] as const;
const classType = 'Q4_K_M';
/** The ones that people publish most, in steps that matter. */
const usualTypes = new Set(['Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q3_K_M', 'IQ3_XXS', 'Q2_K']);

/** The same model, its weights so many times the size. */
const resized = ({weights, known, ground}: Scene, ratio: number): {known: Known; ground: Ground} => {
	const scale = (bytes: number) => Math.round(bytes * ratio);
	const {inputBytes, outputBytes, tiedBytes, blocks} = weights.sizes;
	const {vramBytes, ramBytes} = known.dryRun.weights;
	const dryRun: DryRun = {...known.dryRun, weights: {vramBytes: scale(vramBytes), ramBytes: scale(ramBytes)}};
	const sizes = {
		inputBytes: scale(inputBytes),
		outputBytes: scale(outputBytes),
		...(tiedBytes !== undefined && {tiedBytes: scale(tiedBytes)}),
		blocks: blocks.map(({bytes, expertBytes}) => ({bytes: scale(bytes), expertBytes: scale(expertBytes)})),
	};
	const {types: _, ...others} = weights;
	return {known: {settings: known.settings, dryRun}, ground: {...ground, weights: {...others, sizes}}};
};

/** As fast as people read: 240 words a minute. */
const readingTokensPerSecond = 5;

/** Nothing is gained by a file that loses quality. */
const isWellServed = ({plan, machine, facts}: Scene): boolean =>
	isGood(plan) &&
	(machine.vram === undefined || plan.settings.gpuLayers >= facts.layers) &&
	(plan.tokensPerSecond ?? Number.POSITIVE_INFINITY) >= readingTokensPerSecond;

const withQuantization = (name: string) => (scene: Scene) => {
	const {facts, plan, machine} = scene;
	if (isWellServed(scene)) return undefined;
	const now = facts.quantization === undefined ? undefined : quantizationOf(facts.quantization);
	const other = quantizationOf(name);
	// Of what has the fewest bits already, the file may be larger than the table says.
	if (!other || !now || other.bitsPerWeight > now.bitsPerWeight * 0.95) return undefined;
	const {known, ground} = resized(scene, other.bitsPerWeight / now.bitsPerWeight);
	const next = machine.vram
		? mostLayersEstimate(plan.settings, facts.layers, known, ground)
		: planOf({...ground, settings: plan.settings, dryRun: {...known.dryRun, exact: false}});
	return next && compare(scene, 'file', `${name} of this model${other.losesMuch ? ' (loses much quality)' : ''}`, next);
};

/** The largest usual model that is wholly on the device (or in RAM), with as much for its context as this one takes, which is more than it needs. */
const withSmallerModel = (scene: Scene): Found | undefined => {
	const {plan, machine, weights, speeds, known} = scene;
	const side = machine.vram ?? machine.ram;
	if (!side || weights.parameters <= 0) return undefined;
	const margin = machine.vram ? vramMarginBytes(side) : ramMarginBytes(side);
	const {context} = known.dryRun;
	const room = limitBytes(side) - margin - context.vramBytes - context.ramBytes - plan.breakdown.vram.driver;
	const now = plan.breakdown.vram.weights + plan.breakdown.ram.weights;
	const billions = modelClasses.find(size => (sizeAt(size * 1e9, classType) ?? 0) <= room && (sizeAt(size * 1e9, classType) ?? 0) < now);
	const bytes = billions === undefined ? undefined : sizeAt(billions * 1e9, classType);
	if (bytes === undefined || plan.settings.gpuLayers >= scene.facts.layers || (!machine.vram && isGood(plan))) return undefined;
	const smaller: ModelWeights = {
		sizes: {inputBytes: 0, blocks: [{bytes, expertBytes: 0}], outputBytes: 0},
		activeExperts: 1,
		parameters: (billions ?? 0) * 1e9,
	};
	const settings = {...plan.settings, gpuLayers: machine.vram ? 2 : 0, cpuExpertLayers: 0};
	const speed = speeds && tokensPerSecond({...speeds, modelFactor: undefined}, {settings, weights: smaller});
	if (speed === undefined || speed <= (plan.tokensPerSecond ?? 0) * (1 + leastGain)) return undefined;
	const advice: Advice = {
		text: `a model of ${billions} billion parameters in ${classType} fits wholly ${machine.vram ? 'on the GPU' : 'in RAM'}`,
		freesVramBytes: undefined,
		moreLayers: undefined,
		tokensPerSecond: speed,
		settings: undefined,
	};
	return {kind: 'file', advice, fixes: !isGood(plan), gain: plan.tokensPerSecond === undefined ? 0 : speed / plan.tokensPerSecond - 1};
};

const withCard = (cardGib: number) => async (scene: Scene) => {
	const {machine, ground, facts, plan, known, ask} = scene;
	const totalBytes = cardGib * gib;
	if (!machine.vram || totalBytes <= machine.vram.totalBytes * 1.1) return undefined;
	const vram = {...machine.vram, totalBytes, budgetBytes: undefined, devices: 1};
	const larger: Ground = {...ground, machine: {...machine, vram, isUnified: false}};
	const next = await mostLayers(plan.settings, facts.layers, known, ask, larger);
	return next && compare(scene, 'machine', `a GPU with ${cardGib} GB, as fast as this one`, next);
};

const withMoreRam = (scene: Scene) => {
	const {machine, ground, plan, known} = scene;
	const {ram} = machine;
	if (!ram || (plan.ramVerdict !== 'paging' && plan.ramVerdict !== 'does not fit')) return undefined;
	const plans = ramSizes
		.filter(size => size * gib > ram.totalBytes)
		.map(size => {
			const larger = {...machine, ram: {...ram, totalBytes: size * gib, budgetBytes: undefined}};
			return {size, next: planOf({...ground, machine: larger, settings: plan.settings, dryRun: known.dryRun})};
		});
	const enough = plans.find(({next}) => next.ramVerdict === 'fits');
	return enough && compare(scene, 'machine', `${enough.size} GB of RAM`, enough.next);
};

/** What takes another file. */
export const fileCandidates: readonly Candidate[] = [
	...quantizations.filter(({name}) => usualTypes.has(name)).map(({name}) => withQuantization(name)),
	withSmallerModel,
];

/** What takes another machine. */
export const machineCandidates: readonly Candidate[] = [withMoreRam, ...cardSizes.map(withCard)];
