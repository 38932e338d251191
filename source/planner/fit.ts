import type {Settings} from '../engine/types.js';
import {isFine} from './layer-search.js';
import {limitBytes, vramMarginBytes} from './memory.js';
import {placedBytes} from './placement.js';
import type {LayerSizes, Machine, Plan} from './types.js';
import {untakenIn} from './untaken.js';

/** What keeps a plan from being better, and by how much the next step would miss it. */
export type BindingLimit = {
	readonly limit: 'VRAM' | 'RAM';
	/** GPU layers, or tokens of context, that were one step too many. */
	readonly next: number;
	readonly missingBytes: number;
	/** All layers are on the GPU, and `next` counts layers whose experts are on the CPU. */
	readonly isOfExperts?: boolean;
};

/** `layersWithQ8Cache`: how many more layers a q8_0 KV cache would make room for. */
export type Binding = BindingLimit & {readonly layersWithQ8Cache: number};

/** What a fit has to say besides its settings. */
export type FitOutcome = Binding | 'all fit' | 'not all taken' | 'GPU slower' | 'no GPU' | 'VRAM unknown';

/** `isGpuSlower`: layers would fit, but the device leaves so much of them in RAM that none on it are faster. */
export type Fit = {readonly plan: Plan; readonly bindingLimit: BindingLimit | undefined; readonly isGpuSlower?: boolean | undefined};

/** Of a search over layers, before anybody asked about a q8_0 cache. */
export const outcomeOf = ({plan, bindingLimit, isGpuSlower}: Fit, sizes: LayerSizes): Exclude<FitOutcome, 'no GPU' | 'VRAM unknown'> => {
	if (bindingLimit) return {...bindingLimit, layersWithQ8Cache: 0};
	if (isGpuSlower) return 'GPU slower';
	return untakenIn(plan, sizes) > 0 ? 'not all taken' : 'all fit';
};

export type PlanFor = (settings: Settings) => Promise<Plan>;

type Wishes = {
	/** Only their GPU layers and experts on the CPU are searched. */
	readonly settings: Settings;
	readonly layers: number;
	/** As many layers as may have their experts on the CPU; undefined: as many as the settings say. */
	readonly cpuExpertLayers?: number | undefined;
	readonly sizes: LayerSizes;
	readonly machine: Machine;
};

/** What may be filled without a warning: all of a budget; without one the margin stays free. */
const roomBytes = ({vram}: Machine): number => {
	if (!vram) return 0;
	return vram.budgetBytes === undefined ? limitBytes(vram) - vramMarginBytes(vram) : limitBytes(vram);
};

/** More layers take less RAM, so it binds only where no number of layers helps. */
export const ramLimit = ({settings, ramVerdict, ramMissingBytes}: Plan): BindingLimit | undefined =>
	ramVerdict === 'does not fit' ? {limit: 'RAM', next: settings.gpuLayers + 1, missingBytes: ramMissingBytes} : undefined;

/** All layers on the GPU with the fewest experts on the CPU: between what none and what all of them take there, by their sizes. */
const fitExperts = async ({settings, sizes, machine}: Wishes, none: Plan, all: Plan, planFor: PlanFor): Promise<Fit> => {
	const most = all.settings.cpuExpertLayers;
	const planAt = (cpuExpertLayers: number) => planFor({...settings, cpuExpertLayers});
	const onGpu = (cpuExpertLayers: number) => placedBytes({...settings, cpuExpertLayers}, sizes).gpu;
	const bytesAt = (cpuExpertLayers: number) =>
		all.vramBytes + (none.vramBytes - all.vramBytes) * ((onGpu(cpuExpertLayers) - onGpu(most)) / Math.max(1, onGpu(0) - onGpu(most)));
	let best = most;
	while (best > 1 && bytesAt(best - 1) <= roomBytes(machine)) best--;
	let plan = best === most ? all : await planAt(best);
	while (best < most && !isFine(plan, machine)) plan = ++best === most ? all : await planAt(best);
	let next = best === 1 ? none : await planAt(best - 1);
	while (best > 1 && isFine(next, machine)) {
		best--;
		plan = next;
		next = best === 1 ? none : await planAt(best - 1);
	}

	const missingBytes = Math.max(0, next.vramBytes - roomBytes(machine));
	return {plan, bindingLimit: ramLimit(plan) ?? {limit: 'VRAM', next: best - 1, missingBytes, isOfExperts: true}};
};

/** Between what no layer and what all layers take, by the sizes of the layers. */
const guess = ({settings, layers, sizes, machine}: Wishes, none: Plan, all: Plan): number => {
	const whole = placedBytes({...settings, gpuLayers: layers}, sizes).gpu;
	const bytesAt = (gpuLayers: number) =>
		none.vramBytes + (all.vramBytes - none.vramBytes) * (placedBytes({...settings, gpuLayers}, sizes).gpu / whole);
	const {cache, recurrent, compute} = none.breakdown.ram;
	const ramRoom = machine.isUnified && machine.ram ? limitBytes(machine.ram) - cache - recurrent - compute : Number.POSITIVE_INFINITY;
	const room = Math.min(roomBytes(machine), ramRoom);
	let best = 0;
	while (best < layers - 1 && bytesAt(best + 1) <= room) best++;
	return best;
};

/** Where a device takes all of its layers a prediction alone is no reason to leave it idle: it would not answer any more, and nothing would be learned of it. */
const orNoLayers = async (fit: Fit, {sizes, machine}: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {settings, tokensPerSecond} = fit.plan;
	if (tokensPerSecond === undefined || untakenIn(fit.plan, sizes) === 0) return fit;
	const plan = await planFor({...settings, gpuLayers: 0});
	const isBetter = isFine(plan, machine) && plan.ramVerdict !== 'does not fit' && (plan.tokensPerSecond ?? 0) > tokensPerSecond;
	return isBetter ? {plan, bindingLimit: undefined, isGpuSlower: true} : fit;
};

/**
Most layers on the GPU that the VRAM takes: what lies there is read fastest. With none that fit it is 0 layers, and the plan says that it does not fit.
Where experts may be placed, all layers and the fewest experts on the CPU, because a token reads few of them; only when they do not fit even so, fewer layers.

It begins where the layers' sizes point to and goes on one by one: each question about another number of layers takes up to half a second on large models.
*/
export const fitLayers = async (wishes: Wishes, planFor: PlanFor): Promise<Fit> =>
	orNoLayers(await fitMostLayers(wishes, planFor), wishes, planFor);

const fitMostLayers = async (wishes: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {layers, machine, cpuExpertLayers} = wishes;
	// Where both sides are the same memory nothing is won.
	const isOpen = cpuExpertLayers !== undefined && cpuExpertLayers > 0 && !machine.isUnified;
	const whole = {...wishes.settings, gpuLayers: layers, ...(isOpen && {cpuExpertLayers: 0})};
	const all = await planFor(whole);
	// All layers can take less than all but one: then nothing is handed over.
	if (isFine(all, machine)) return {plan: all, bindingLimit: ramLimit(all)};
	const withoutExperts = isOpen ? await planFor({...whole, cpuExpertLayers}) : undefined;
	if (withoutExperts && isFine(withoutExperts, machine)) return fitExperts({...wishes, settings: whole}, all, withoutExperts, planFor);
	return fitFewerLayers({...wishes, settings: withoutExperts?.settings ?? whole}, withoutExperts ?? all, planFor);
};

/** The layers that were given, with the fewest experts on the CPU that it takes; where all of them are too few, with all. */
export const fitGivenLayers = async (wishes: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {settings, machine, cpuExpertLayers} = wishes;
	const plan = await planFor(settings);
	const isOpen = cpuExpertLayers !== undefined && cpuExpertLayers > 0 && settings.gpuLayers > 0 && !machine.isUnified;
	if (!isOpen || isFine(plan, machine)) return {plan, bindingLimit: ramLimit(plan)};
	const withoutExperts = await planFor({...settings, cpuExpertLayers});
	if (isFine(withoutExperts, machine)) return fitExperts(wishes, plan, withoutExperts, planFor);
	return {plan: withoutExperts, bindingLimit: ramLimit(withoutExperts)};
};

const fitFewerLayers = async (wishes: Wishes, all: Plan, planFor: PlanFor): Promise<Fit> => {
	const {settings, layers, machine} = wishes;
	const planAt = (gpuLayers: number) => planFor({...settings, gpuLayers});
	let best = guess(wishes, await planAt(0), all);
	let plan = await planAt(best);
	while (best > 0 && !isFine(plan, machine)) plan = await planAt(--best);
	let next = await planAt(best + 1);
	while (best + 1 < layers && isFine(next, machine)) {
		best++;
		plan = next;
		next = await planAt(best + 1);
	}

	const bindingLimit: BindingLimit =
		next.vramVerdict === 'fits' && next.ramVerdict === 'does not fit'
			? {limit: 'RAM', next: best + 1, missingBytes: next.ramMissingBytes}
			: {limit: 'VRAM', next: best + 1, missingBytes: Math.max(0, next.vramBytes - roomBytes(machine))};
	return {plan, bindingLimit: ramLimit(plan) ?? bindingLimit};
};

/** How many more layers a q8_0 KV cache would make room for; it is not taken without being asked for, because it costs some quality. */
export const layersWithQ8Cache = async ({plan, bindingLimit}: Fit, wishes: Wishes, planFor: PlanFor): Promise<number> => {
	const {cacheTypeK, cacheTypeV, flashAttention, gpuLayers} = plan.settings;
	const isWide = [cacheTypeK, cacheTypeV].every(type => type === 'f32' || type === 'f16' || type === 'bf16');
	// llama.cpp takes a quantized V cache only with flash attention.
	if (bindingLimit?.limit !== 'VRAM' || bindingLimit.isOfExperts || !isWide || flashAttention === 'off') return 0;
	const settings: Settings = {...wishes.settings, cacheTypeK: 'q8_0', cacheTypeV: 'q8_0'};
	const same = await planFor({...settings, gpuLayers: gpuLayers + 1});
	if (!isFine(same, wishes.machine)) return 0;
	const {plan: more} = await fitLayers({...wishes, settings}, planFor);
	return Math.max(0, more.settings.gpuLayers - gpuLayers);
};
