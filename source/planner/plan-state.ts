import type {MemorySplit, Settings} from '../engine/types.js';
import type {FitOutcome} from './fit.js';
import type {Budgets} from './machine.js';
import type {Advice, Plan} from './types.js';

export type PlanState = {
	/** What the tuner shows; undefined: nothing was moved since the last change was applied. */
	readonly pending: Settings | undefined;
	/** What is about to be applied, perhaps when an answer is over. */
	readonly queued: Settings | undefined;
	/** What the tuner's settings will take; `exact` is false until the dry run has answered. */
	readonly plan: Plan | undefined;
	/** The dry run waits, so as not to slow an answer down. */
	readonly isPostponed: boolean;
	/** What applying them would add to what is taken now, or free (below 0). */
	readonly added: MemorySplit | undefined;
	readonly budgets: Budgets;
	/** Bytes that this user may lock in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes: number | undefined;
	/** What keeps the last fit from being better, or why nothing can be fitted; forgotten when settings or budget change. */
	readonly binding: FitOutcome | undefined;
	/** The engine is being asked, and the user waits for it. */
	readonly isAsking: boolean;
	/** What would make the settings better; undefined: not asked since they changed. */
	readonly advice: readonly Advice[] | 'asked' | undefined;
};

export const noPlan = (budgets: Budgets): PlanState => ({
	pending: undefined,
	queued: undefined,
	plan: undefined,
	isPostponed: false,
	added: undefined,
	budgets,
	mlockLimitBytes: undefined,
	binding: undefined,
	isAsking: false,
	advice: undefined,
});
