import {EngineError, isAborted} from '../engine/engine-errors.js';
import {type Fit, fitContext, type PlanFor} from '../planner/fit.js';
import {contextSizes} from '../planner/settings.js';
import type {Machine, Plan} from '../planner/types.js';

export type LargestContext = Fit & {
	/** The engine could not make one of that many tokens, and nobody knows what it would take. */
	readonly refused: number | undefined;
};

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
			largest = contextSizes.findLast(size => size < limit);
		}
	}

	return undefined;
};
