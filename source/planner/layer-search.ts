import type {Settings} from '../engine/types.js';
import {estimateOf, type Known, planOf} from './memory.js';
import type {AskDryRun, Machine, ModelWeights, Plan, Speeds} from './types.js';

/** What stays the same while settings are searched. */
export type Ground = {
	readonly weights: ModelWeights;
	readonly machine: Machine;
	readonly speeds: Speeds | undefined;
	readonly driverBytes: number;
	readonly fillTokens?: number | undefined;
};

/** What others take comes and goes: without a budget the margin stays free; a budget is used up. Fewer layers help RAM only where VRAM is a part of it. */
export const isFine = ({vramVerdict, ramVerdict}: Plan, {vram, isUnified}: Machine): boolean =>
	(vramVerdict === 'fits' || (vramVerdict === 'tight' && vram?.budgetBytes !== undefined)) && !(isUnified && ramVerdict === 'does not fit');

export const estimateAt = (settings: Settings, known: Known, ground: Ground): Plan => estimateOf({...ground, settings, known});

export const askAt = async (settings: Settings, ask: AskDryRun, ground: Ground): Promise<Plan> =>
	planOf({...ground, settings, dryRun: await ask(settings)});

/** The highest of `values` (in rising cost) whose plan is fine, by halving; undefined: none. */
const highestFine = (count: number, planAt: (value: number) => Plan, machine: Machine): number | undefined => {
	let low = -1;
	let high = count;
	while (high - low > 1) {
		const middle = Math.floor((low + high) / 2);
		if (isFine(planAt(middle), machine)) low = middle;
		else high = middle;
	}

	return low < 0 ? undefined : low;
};

/** The plan with most layers on the GPU, from tensor sizes; undefined: not even none fits. */
export const mostLayersEstimate = (settings: Settings, layers: number, known: Known, ground: Ground): Plan | undefined => {
	const planAt = (gpuLayers: number) => estimateAt({...settings, gpuLayers}, known, ground);
	const most = highestFine(layers + 1, planAt, ground.machine);
	return most === undefined ? undefined : planAt(most);
};

/** Estimates are off by less than that many layers, or it is not worth asking on. */
const mostAsked = 4;

/** The same by the engine's dry run: it asks about what the estimate says, and goes on down while that does not fit. */
export const mostLayers = async (
	settings: Settings,
	layers: number,
	known: Known,
	ask: AskDryRun,
	ground: Ground,
): Promise<Plan | undefined> => {
	const estimate = mostLayersEstimate(settings, layers, known, ground);
	if (!estimate) return undefined;
	let {gpuLayers} = estimate.settings;
	for (let asked = 0; asked < mostAsked && gpuLayers >= 0; asked++) {
		const dryRun = await ask({...settings, gpuLayers});
		const plan = planOf({...ground, settings: {...settings, gpuLayers}, dryRun});
		if (isFine(plan, ground.machine)) return plan;
		const next = mostLayersEstimate(settings, gpuLayers - 1, {settings: plan.settings, dryRun}, ground);
		if (!next) return undefined;
		gpuLayers = next.settings.gpuLayers;
	}

	return undefined;
};

/** All layers on the GPU with the fewest experts on the CPU; undefined: it does not fit even without any expert. */
export const fewestCpuExperts = (settings: Settings, layers: number, known: Known, ground: Ground): Plan | undefined => {
	const blocks = ground.weights.sizes.blocks.length;
	const planAt = (onGpu: number) => estimateAt({...settings, gpuLayers: layers, cpuExpertLayers: blocks - onGpu}, known, ground);
	const most = highestFine(blocks + 1, planAt, ground.machine);
	return most === undefined ? undefined : planAt(most);
};
