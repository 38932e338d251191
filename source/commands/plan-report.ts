import type {Device, ModelFacts} from '../engine/types.js';
import type {GgufTensor} from '../models/gguf-header.js';
import type {BindingLimit} from '../planner/fit.js';
import type {LargestContext} from '../planner/fit-context.js';
import {refusalOf} from '../planner/refusal.js';
import type {Advice, Plan} from '../planner/types.js';
import type {Kept} from './plan-kept.js';
import type {Target} from './plan-target.js';

export type PlanModel = {readonly facts: ModelFacts; readonly tensors: readonly GgufTensor[]};

/** Nothing is recommended that does not fit or would be refused, and nobody asked where the layers were given. */
export const recommendedOf = (report: Report): Plan | undefined => {
	const {chosen, isGiven} = report;
	return isGiven || chosen.verdict === 'does not fit' || refusalOf(chosen, report) ? undefined : chosen;
};

/** What `vramble plan` has found out about one machine. */
export type Report = {
	readonly model: ModelFacts;
	/** Where the engine computes; for another card it says nothing. */
	readonly device: Device;
	readonly target: Target;
	/** By GPU layers, from none to all; just one where the layers were given. */
	readonly plans: readonly Plan[];
	/** One of them. */
	readonly chosen: Plan;
	/** The layers were given, so that nothing was chosen among them. */
	readonly isGiven: boolean;
	/** What keeps the chosen plan from more layers; undefined: nothing does, or nobody asked. */
	readonly bindingLimit: BindingLimit | undefined;
	/** Nothing binds, but no layers are faster. */
	readonly isGpuSlower: boolean | undefined;
	/** With the layers of the chosen plan; undefined: not even the smallest context fits. */
	readonly largestContext: LargestContext | undefined;
	/** Bytes that may be locked in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes: number | undefined;
	/** undefined: nothing is, or settings were given. */
	readonly kept: Kept | undefined;
	readonly advice: readonly Advice[];
	readonly warnings: readonly string[];
};
