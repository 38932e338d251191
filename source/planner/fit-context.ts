import {EngineError, isAborted} from '../engine/engine-errors.js';
import type {Settings, WantedSettings} from '../engine/types.js';
import type {Fit, PlanFor} from './fit.js';
import {isFine} from './layer-search.js';
import {contextSizes} from './settings.js';
import type {Machine, Plan} from './types.js';

export type LargestContext = Fit & {
	/** The engine could not make one of that many tokens, and nobody knows what it would take. */
	readonly refused: number | undefined;
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

/** llama.cpp pads what is smaller. */
const smallest = 256;
export const smallestContext = (trainedContext = smallest): number => Math.min(smallest, trainedContext);
const searched: readonly number[] = [smallest, ...contextSizes];

type Wishes = {readonly settings: Settings; readonly machine: Machine; readonly largest: number};

/** The largest context with the layers as they are. It does not push weights out of RAM that would stay there with a smaller one. */
const fitContext = async ({settings, machine, largest}: Wishes, planFor: PlanFor): Promise<Fit> => {
	const {contextSize} = settings;
	const least = contextSize < smallest ? [contextSize] : [];
	const sizes = [...[...least, ...searched].filter(size => size < largest), largest];
	const planAt = (index: number) => planFor({...settings, contextSize: sizes[index] ?? largest});
	const first = await planAt(0);
	// What is tight from the start does not become so by a larger context.
	const isTight = !isFine(first, machine) && first.vramVerdict === 'tight';
	const isFit = (plan: Plan) =>
		(isFine(plan, machine) || (isTight && plan.vramVerdict === 'tight')) &&
		plan.ramVerdict !== 'does not fit' &&
		(plan.ramVerdict !== 'paging' || first.ramVerdict === 'paging');
	const best = Math.max(0, await lastThatFits(sizes.length, planAt, isFit));
	const plan = best === 0 ? first : await planAt(best);
	const next = sizes[best + 1];
	if (next === undefined) return {plan, bindingLimit: undefined};
	const over = await planAt(best + 1);
	const isVram = over.vramVerdict === 'does not fit' || over.vramVerdict === 'tight';
	return {
		plan,
		bindingLimit: {
			limit: isVram ? 'VRAM' : 'RAM',
			next,
			missingBytes: isVram ? Math.max(0, -(over.vramLeftBytes ?? 0)) : over.ramMissingBytes || Math.max(0, -(over.ramLeftBytes ?? 0)),
		},
	};
};

/** Whether the context is chosen by what fits: where that was asked for, and where nobody asked for the one that does not fit. */
export const isContextOpen = (wanted: WantedSettings['contextSize'], {verdict}: Plan): boolean =>
	wanted === 'auto' || (wanted === 'usual' && verdict === 'does not fit');

/**
The largest context with the layers of a plan; undefined: not even the smallest one fits.

Devices have limits for a single buffer, which the engine only runs into: what it cannot answer about, and all that is larger, counts as too large.
*/
export const largestContext = async (
	{settings}: Plan,
	trainedContext: number | undefined,
	machine: Machine,
	planFor: PlanFor,
): Promise<LargestContext | undefined> => {
	let largest: number | undefined = trainedContext ?? contextSizes.at(-1);
	let refused: number | undefined;
	const ask: PlanFor = async tried => {
		try {
			return await planFor(tried);
		} catch (error) {
			if (error instanceof EngineError && !isAborted(error)) refused = tried.contextSize;
			throw error;
		}
	};

	while (largest !== undefined) {
		const before = refused;
		try {
			const fit = await fitContext({settings, machine, largest}, ask);
			return fit.plan.verdict === 'does not fit' ? undefined : {...fit, refused: fit.bindingLimit ? undefined : refused};
		} catch (error) {
			if (refused === undefined || refused === before) throw error;
			const limit: number = refused;
			largest = searched.findLast(size => size < limit);
		}
	}

	return undefined;
};
