import type {Settings} from '../engine/types.js';
import {isFine} from './layer-search.js';
import {limitBytes, vramMarginBytes} from './memory.js';
import {placedBytes} from './placement.js';
import {contextSizes} from './settings.js';
import type {LayerSizes, Machine, Plan} from './types.js';

/** What keeps a plan from being better, and by how much the next step would miss it. */
export type BindingLimit = {
	readonly limit: 'VRAM' | 'RAM';
	/** GPU layers, or tokens of context, that were one step too many. */
	readonly next: number;
	readonly missingBytes: number;
};

export type Fit = {readonly plan: Plan; readonly bindingLimit: BindingLimit | undefined};

export type PlanFor = (settings: Settings) => Promise<Plan>;

type Wishes = {
	/** Only their GPU layers are searched. */
	readonly settings: Settings;
	readonly layers: number;
	readonly sizes: LayerSizes;
	readonly machine: Machine;
};

/** What may be filled without a warning: all of a budget; without one the margin stays free. */
const roomBytes = ({vram}: Machine): number => {
	if (!vram) return 0;
	return vram.budgetBytes === undefined ? limitBytes(vram) - vramMarginBytes(vram.totalBytes) : limitBytes(vram);
};

/** Between what no layer and what all layers take, by the sizes of the layers. */
const guess = ({settings, layers, sizes, machine}: Wishes, none: Plan, all: Plan): number => {
	const whole = placedBytes({...settings, gpuLayers: layers}, sizes).gpu;
	const bytesAt = (gpuLayers: number) =>
		none.vramBytes + (all.vramBytes - none.vramBytes) * (placedBytes({...settings, gpuLayers}, sizes).gpu / whole);
	let best = 0;
	while (best < layers - 1 && bytesAt(best + 1) <= roomBytes(machine)) best++;
	return best;
};

/**
Most layers on the GPU that the VRAM takes: what lies there is read fastest. With none that fit it is 0 layers, and the plan says that it does not fit.

It begins where the layers' sizes point to and goes on one by one: each question about another number of layers takes up to half a second on large models.
*/
export const fitLayers = async (wishes: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {settings, layers, machine} = wishes;
	const planAt = (gpuLayers: number) => planFor({...settings, gpuLayers});
	const all = await planAt(layers);
	// All layers can take less than all but one: then nothing is handed over.
	if (isFine(all, machine)) return {plan: all, bindingLimit: undefined};
	let best = guess(wishes, await planAt(0), all);
	let plan = await planAt(best);
	while (best > 0 && !isFine(plan, machine)) plan = await planAt(--best);
	let next = await planAt(best + 1);
	while (best + 1 < layers && isFine(next, machine)) {
		best++;
		plan = next;
		next = await planAt(best + 1);
	}

	const bindingLimit: BindingLimit = {limit: 'VRAM', next: best + 1, missingBytes: Math.max(0, next.vramBytes - roomBytes(machine))};
	return {plan, bindingLimit};
};

/** The largest index whose plan fits; -1: none. What one index takes, the next takes too, and more. */
const lastThatFits = async (count: number, planAt: (index: number) => Promise<Plan>, isFit: (plan: Plan) => boolean): Promise<number> => {
	let low = -1;
	let high = count - 1;
	while (low < high) {
		const middle = Math.ceil((low + high) / 2);
		if (isFit(await planAt(middle))) low = middle;
		else high = middle - 1;
	}

	return low;
};

/** The largest context with the layers as they are. */
export const fitContext = async (
	{settings, machine, largest}: Pick<Wishes, 'settings' | 'machine'> & {readonly largest: number},
	planFor: PlanFor,
): Promise<Fit> => {
	const sizes = [...contextSizes.filter(size => size < largest), largest];
	const planAt = (index: number) => planFor({...settings, contextSize: sizes[index] ?? largest});
	const isFit = (plan: Plan) => isFine(plan, machine) && plan.ramVerdict !== 'does not fit';
	const best = Math.max(0, await lastThatFits(sizes.length, planAt, isFit));
	const plan = await planAt(best);
	const next = sizes[best + 1];
	if (next === undefined) return {plan, bindingLimit: undefined};
	const over = await planAt(best + 1);
	const isVram = over.vramVerdict === 'does not fit' || over.vramVerdict === 'tight';
	return {
		plan,
		bindingLimit: {
			limit: isVram ? 'VRAM' : 'RAM',
			next,
			missingBytes: isVram ? Math.max(0, -(over.vramLeftBytes ?? 0)) : Math.max(0, -(over.ramLeftBytes ?? 0)),
		},
	};
};
