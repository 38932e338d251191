import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, EngineMemory, Settings} from '../engine/types.js';
import {memory as bytesText} from '../lib/format.js';
import type {PlanFor} from './fit.js';
import {smallestContext} from './fit-context.js';
import {fittingBatch} from './fitting-batch.js';
import type {Machine, Plan} from './types.js';

/**
What of the RAM was only mapped along: the GPU's layers that lie in the file between layers of the CPU (llama.cpp maps one piece), or, without layers there, weights of
which it has made copies for the CPU's vector unit. No token reads them, so the kernel takes them back without anybody waiting for it. With `mlock` nothing is mapped.
`dryRun` is that of the settings.
*/
export const mappedAlongBytes = (
	{ownRamWeightsBytes = 0}: EngineMemory,
	{mmap, mlock}: Pick<Settings, 'mmap' | 'mlock'>,
	{exact, weights}: DryRun,
): number =>
	mmap && !mlock && exact ? Math.min(Math.max(0, ownRamWeightsBytes - weights.ramBytes), weights.vramBytes || weights.ramBytes) : 0;

/** What was really taken beyond the budgets. `memory` counts what the driver holds for us. */
export const breachesOf = ({ownVramBytes, ownRamBytes}: EngineMemory, {vram, ram, isUnified}: Machine): readonly string[] => {
	const breach = (name: string, bytes: number, budgetBytes: number | undefined) =>
		budgetBytes === undefined || bytes <= budgetBytes
			? []
			: [
					`The ${name} budget is not kept: ${bytesText(bytes)} are taken, ${bytesText(bytes - budgetBytes)} more than the ${bytesText(budgetBytes)} of the budget.`,
				];
	return [
		...breach('VRAM', ownVramBytes, vram?.budgetBytes),
		...breach('RAM', ownRamBytes + (isUnified ? ownVramBytes : 0), ram?.budgetBytes),
	];
};

type Taken = {readonly name: 'VRAM' | 'RAM'; readonly bytes: number; readonly budgetBytes: number};

/** The first budget that a plan would not keep. */
export const overBudget = (
	{vramBytes, ramBytes}: Pick<Plan, 'vramBytes' | 'ramBytes'>,
	{vram, ram, isUnified}: Machine,
): Taken | undefined => {
	const sides = [
		{name: 'VRAM' as const, bytes: vramBytes, budgetBytes: vram?.budgetBytes ?? Number.POSITIVE_INFINITY},
		{name: 'RAM' as const, bytes: ramBytes + (isUnified ? vramBytes : 0), budgetBytes: ram?.budgetBytes ?? Number.POSITIVE_INFINITY},
	];
	return sides.find(({bytes, budgetBytes}) => bytes > budgetBytes);
};

type Scene = {
	readonly machine: Machine;
	/** Of the model. */
	readonly layers: number;
	readonly planFor: PlanFor;
};

const hasSmallestContext = ({settings}: Plan): boolean => settings.contextSize <= smallestContext();

const whatHelps = async (side: Taken['name'], plan: Plan, {machine, layers, planFor}: Scene): Promise<string> => {
	const {gpuLayers} = plan.settings;
	const isSmallest = hasSmallestContext(plan);
	if (side === 'RAM') {
		const areMore = machine.vram !== undefined && gpuLayers < layers;
		return `Use ${areMore ? 'more GPU layers, ' : ''}a smaller ${isSmallest ? '' : 'context or '}file, or a larger budget.`;
	}

	const batch = await fittingBatch(plan, planFor);
	const ways = [
		...(batch === undefined ? [] : [`a batch of ${batch} (-b ${batch} is enough)`]),
		...(gpuLayers > 0 ? ['fewer GPU layers'] : []),
		...(isSmallest ? [] : ['a smaller context']),
		...(gpuLayers > 0 ? [] : ['no GPU (--gpu off)']),
	];
	return `Use ${[...ways, 'or a larger budget'].join(', ')}.`;
};

/**
Says no to what would not keep a budget.

@throws EngineError
*/
export const checkBudgets = async (plan: Plan, scene: Scene): Promise<void> => {
	const over = overBudget(plan, scene.machine);
	if (!over) return;
	const {name, bytes, budgetBytes} = over;
	throw new EngineError('over-budget', `These settings do not keep the ${name} budget.`, {
		why: `${hasSmallestContext(plan) ? `With a context of ${plan.settings.contextSize} tokens they` : 'They'} take ${bytesText(bytes)}, ${bytesText(bytes - budgetBytes)} more than the ${bytesText(budgetBytes)} of the budget.`,
		advice: await whatHelps(name, plan, scene),
	});
};
