import type {Settings} from '../engine/types.js';
import {contextSizes} from './settings.js';
import type {Plan} from './types.js';

/** What keeps a plan from being better, and by how much the next step would miss it. */
export type BindingLimit = {
	readonly limit: 'VRAM' | 'RAM';
	/** GPU layers, or tokens of context, that were one step too many. */
	readonly next: number;
	readonly missingBytes: number;
};

export type Fit = {readonly plan: Plan; readonly bindingLimit: BindingLimit | undefined};

type PlanFor = (settings: Settings) => Promise<Plan>;

/** Within its own budget a plan may fill it; without one some is left to what cannot be foreseen. */
const fits = ({vramVerdict}: Plan, hasBudget: boolean): boolean => vramVerdict === 'fits' || (hasBudget && vramVerdict === 'tight');

const missing = ({vramLeftBytes}: Plan): number => Math.max(0, -(vramLeftBytes ?? 0));

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

type Wishes = {
	/** The context, KV types and all else stay as they are; only layers are searched. */
	readonly settings: Settings;
	readonly layers: number;
	readonly hasBudget: boolean;
};

/** Most layers on the GPU that the VRAM takes: what lies there is read fastest. With none that fit it is 0 layers, and the plan says that it does not fit. */
export const fitLayers = async ({settings, layers, hasBudget}: Wishes, planFor: PlanFor): Promise<Fit> => {
	const planAt = (gpuLayers: number) => planFor({...settings, gpuLayers});
	const all = await planAt(layers);
	// All layers can take less than all but one: then nothing is handed over.
	if (fits(all, hasBudget)) return {plan: all, bindingLimit: undefined};
	const best = Math.max(0, await lastThatFits(layers, planAt, plan => fits(plan, hasBudget)));
	const plan = await planAt(best);
	const over = await planAt(best + 1);
	return {plan, bindingLimit: {limit: 'VRAM', next: best + 1, missingBytes: missing(over)}};
};

/** The largest context with the layers as they are. */
export const fitContext = async (
	{settings, hasBudget, largest}: Omit<Wishes, 'layers'> & {readonly largest: number},
	planFor: PlanFor,
): Promise<Fit> => {
	const sizes = [...contextSizes.filter(size => size < largest), largest];
	const planAt = (index: number) => planFor({...settings, contextSize: sizes[index] ?? largest});
	const isFit = (plan: Plan) =>
		(plan.vramVerdict === 'fits' || (hasBudget && plan.vramVerdict === 'tight')) && plan.ramVerdict !== 'does not fit';
	const best = Math.max(0, await lastThatFits(sizes.length, planAt, isFit));
	const plan = await planAt(best);
	const next = sizes[best + 1];
	if (next === undefined) return {plan, bindingLimit: undefined};
	const over = await planAt(best + 1);
	const isVram = over.vramVerdict === 'does not fit' || over.vramVerdict === 'tight';
	return {
		plan,
		bindingLimit: {limit: isVram ? 'VRAM' : 'RAM', next, missingBytes: isVram ? missing(over) : Math.max(0, -(over.ramLeftBytes ?? 0))},
	};
};
