import type {DryRun} from '../engine/types.js';
import {fileSize} from '../lib/format.js';
import {betterOf, type Candidate, compare, type Found, isGood, leastGain, type Scene} from './advice-scene.js';
import {knownWithoutGpu, mostFor, withoutGpuText} from './advice-search.js';
import {type Ground, mostLayersEstimate} from './layer-search.js';
import {cacheWeight, type Known, limitBytes, planOf, ramMarginBytes, vramMarginBytes} from './memory.js';
import {quantizationOf, quantizations, sizeAt} from './quantization.js';
import {isSameSettings} from './settings.js';
import {tokensPerSecond} from './speed.js';
import type {Advice, Machine, ModelWeights, Plan} from './types.js';

const gib = 1024 ** 3;
const cardSizes = [16, 24] as const;
const ramSizes = [16, 32, 48, 64, 96, 128, 192, 256, 384, 512] as const;
/**
Billions of parameters in which models usually come, and KiB of f16 KV cache for each token: 4 bytes × layers × KV heads × head size, of the one with the largest cache
among Mistral Large, Llama 3.x 70B, 8B, 3B and 1B, Qwen 2.5 32B, 14B and 0.5B, Mistral Small, Qwen 3 4B and 1.7B, by their published configurations.
*/
const modelClasses = [
	{billions: 123, cacheKib: 352},
	{billions: 70, cacheKib: 320},
	{billions: 32, cacheKib: 256},
	{billions: 24, cacheKib: 160},
	{billions: 14, cacheKib: 192},
	{billions: 8, cacheKib: 144},
	{billions: 4, cacheKib: 144},
	{billions: 3, cacheKib: 112},
	{billions: 1.7, cacheKib: 112},
	{billions: 1, cacheKib: 32},
	{billions: 0.5, cacheKib: 12},
] as const;
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
	const same = planOf({...ground, settings: plan.settings, dryRun: {...known.dryRun, exact: false}});
	const next = betterOf(same, machine.vram && mostLayersEstimate(plan.settings, facts.layers, known, ground));
	const found = compare(scene, 'quantization', `${name} of this model${other.losesMuch ? ' (loses much quality)' : ''}`, next);
	return found && {...found, losesMuchQuality: other.losesMuch};
};

/** The largest usual model that is wholly on the device (or in RAM) with a context and buffers as large as this one's. */
const withSmallerModel = (scene: Scene): Found | undefined => {
	const {plan, machine, speeds, known} = scene;
	const side = machine.vram ?? machine.ram;
	if (!side || isWellServed(scene)) return undefined;
	const compute = known.dryRun.compute ?? {vramBytes: 0, ramBytes: 0};
	const buffers = (machine.vram && compute.vramBytes) || compute.ramBytes;
	const margin = machine.vram ? vramMarginBytes(side) : ramMarginBytes(side);
	const room = limitBytes(side) - margin - buffers - plan.breakdown.vram.driver;
	const now = plan.breakdown.vram.weights + plan.breakdown.ram.weights;
	const cacheTokens = cacheWeight(plan.settings) / cacheWeight({contextSize: 1, cacheTypeK: 'f16', cacheTypeV: 'f16'});
	const classes = modelClasses.map(({billions, cacheKib}) => ({
		billions,
		cacheBytes: cacheTokens * cacheKib * 1024,
		bytes: sizeAt(billions * 1e9, classType) ?? Number.POSITIVE_INFINITY,
	}));
	const smaller = classes.find(({bytes, cacheBytes}) => bytes < now && bytes + cacheBytes <= room);
	if (!smaller) return undefined;
	const {billions, bytes} = smaller;
	const weights: ModelWeights = {
		sizes: {inputBytes: 0, blocks: [{bytes, expertBytes: 0}], outputBytes: 0},
		activeExperts: 1,
		parameters: billions * 1e9,
	};
	const settings = {...plan.settings, gpuLayers: machine.vram ? 2 : 0, cpuExpertLayers: 0};
	const speed = speeds && tokensPerSecond({...speeds, modelFactor: undefined}, {settings, weights});
	const gain = speed === undefined || plan.tokensPerSecond === undefined ? undefined : speed / plan.tokensPerSecond - 1;
	const improves = !isGood(plan);
	if (!improves && gain !== undefined && gain < leastGain) return undefined;
	const advice: Advice = {
		text: `a model of ${billions} billion parameters in ${classType} (${fileSize(bytes)}), wholly ${machine.vram ? 'on the GPU' : 'in RAM'}`,
		freesVramBytes: undefined,
		freesRamBytes: plan.breakdown.ram.weights - (machine.vram ? 0 : bytes) || undefined,
		moreLayers: undefined,
		tokensPerSecond: speed,
		verdict: improves ? 'fits' : undefined,
		settings: undefined,
	};
	return {kind: 'smaller model', advice, improves, gain: gain ?? 0};
};

/** Not even with no layer on it. */
const isGpuTooSmall = ({plan, best}: Scene): boolean => plan.vramVerdict === 'does not fit' && !best;

/** The least usual RAM that the settings fit into; undefined: they do already, or in none. */
const inMoreRam = (
	{ground}: Scene,
	{settings, dryRun}: Known,
	machine: Machine,
): {readonly text: string; readonly plan: Plan} | undefined => {
	const {ram} = machine;
	if (!ram) return undefined;
	const planAt = (totalBytes: number) =>
		planOf({...ground, machine: {...machine, ram: {...ram, totalBytes, budgetBytes: undefined}}, settings, dryRun});
	const size = ramSizes.find(gigabytes => gigabytes * gib > ram.totalBytes && planAt(gigabytes * gib).ramVerdict === 'fits');
	if (size === undefined || planAt(ram.totalBytes).ramVerdict === 'fits') return undefined;
	return {text: `${size} GB of RAM${ram.budgetBytes === undefined ? '' : ', and no RAM budget'}`, plan: planAt(size * gib)};
};

const withCard = (cardGib: number) => async (scene: Scene) => {
	const {machine, plan, ask, known, ground} = scene;
	if (!machine.vram || cardGib * gib <= machine.vram.totalBytes * 1.1) return undefined;
	const card = {...machine.vram, budgetBytes: undefined, devices: 1};
	const smaller = cardSizes.filter(size => size < cardGib && size * gib > card.totalBytes).map(size => ({...card, totalBytes: size * gib}));
	const larger = {...machine, vram: {...card, totalBytes: cardGib * gib}, isUnified: false};
	const planOn = async (other: Machine): Promise<Plan | undefined> => {
		const most = await mostFor(scene, plan.settings, other);
		return most && betterOf(planOf({...ground, machine: other, settings: plan.settings, dryRun: known.dryRun}), most);
	};
	const next = await planOn(larger);
	if (!next) return undefined;
	for (const vram of [{...machine.vram, budgetBytes: undefined}, ...smaller]) {
		const enough = await planOn({...machine, vram, isUnified: false});
		if (enough && isSameSettings(enough.settings, next.settings)) return undefined;
	}

	const text = `a GPU with ${cardGib} GB, as fast as this one`;
	const isRamTooSmall = isGpuTooSmall(scene) && next.ramVerdict === 'does not fit';
	const inRam = isRamTooSmall ? inMoreRam(scene, {settings: next.settings, dryRun: await ask(next.settings)}, larger) : undefined;
	return inRam ? compare(scene, 'GPU', `${text}, and ${inRam.text}`, inRam.plan) : compare(scene, 'GPU', text, next);
};

const withMoreRam = async (scene: Scene) => {
	const {machine, plan, known} = scene;
	if (plan.ramVerdict !== 'paging' && plan.ramVerdict !== 'does not fit') return undefined;
	const isWithoutGpu = isGpuTooSmall(scene);
	const next = isWithoutGpu
		? inMoreRam(scene, await knownWithoutGpu(scene), {...machine, vram: undefined})
		: inMoreRam(scene, known, machine);
	const text = isWithoutGpu ? `, ${withoutGpuText}` : '';
	// Without the GPU nobody counts layers on it.
	return next && compare(scene, 'RAM', `${next.text}${text}`, {...next.plan, settings: plan.settings});
};

/** What takes another file. */
export const fileCandidates: readonly Candidate[] = [
	...quantizations.filter(({name}) => usualTypes.has(name)).map(({name}) => withQuantization(name)),
	withSmallerModel,
];

/** What takes another machine. */
export const machineCandidates: readonly Candidate[] = [withMoreRam, ...cardSizes.map(withCard)];
