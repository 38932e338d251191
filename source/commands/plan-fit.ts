import type {Settings} from '../engine/types.js';
import type {BindingLimit, Fit} from '../planner/fit.js';
import {isFine} from '../planner/layer-search.js';
import {limitBytes, vramMarginBytes} from '../planner/memory.js';
import {placedBytes} from '../planner/placement.js';
import type {LayerSizes, Machine, Plan} from '../planner/types.js';

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
The same answer as `fitLayers` with half of its questions: it begins where the layers' sizes point to and goes on one by one. Each question about another
number of layers takes half a second on large models.
*/
export const fitLayersSoon = async (wishes: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {settings, layers, machine} = wishes;
	const planAt = (gpuLayers: number) => planFor({...settings, gpuLayers});
	const all = await planAt(layers);
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

/** About eight layer counts from none to all, the recommended one among them. */
export const rowLayers = (layers: number, recommended: number): readonly number[] => {
	const steps = Math.min(layers, 6);
	const even = Array.from({length: steps + 1}, (_, index) => Math.round((index * layers) / steps));
	return [...new Set([...even, recommended])].sort((a, b) => a - b);
};
