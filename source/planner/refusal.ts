import type {Settings} from '../engine/types.js';
import {memory} from '../lib/format.js';
import {cannotLock} from './mlock.js';
import {isImpossible} from './settings.js';
import type {Plan} from './types.js';

/** What it is about that is refused, whatever room there is. */
export type Refusal = 'V cache' | 'mlock';

/** `mlockLimitBytes`: bytes that may be locked in RAM; undefined: no limit is known. */
export const refusalOf = (
	{settings, breakdown}: Partial<Pick<Plan, 'breakdown'>> & Pick<Plan, 'settings'>,
	{mlockLimitBytes}: {readonly mlockLimitBytes?: number | undefined},
): Refusal | undefined => {
	if (isImpossible(settings)) return 'V cache';
	return cannotLock(settings, breakdown?.ram.weights ?? 0, mlockLimitBytes) ? 'mlock' : undefined;
};

/** Why settings will be refused, the longest wording first; undefined: nothing is known against them. */
export const refusalTexts = (
	settings: Settings,
	plan: Plan | undefined,
	mlockLimitBytes: number | undefined,
): readonly [string, ...string[]] | undefined => {
	const refusal = refusalOf({settings, ...(plan && {breakdown: plan.breakdown})}, {mlockLimitBytes});
	if (refusal === 'V cache')
		return [`refused: V ${settings.cacheTypeV} needs flash attention`, `V ${settings.cacheTypeV} needs flash attention`];
	if (refusal === undefined) return undefined;
	const [needed, allowed] = [memory(plan?.breakdown.ram.weights), memory(mlockLimitBytes)];
	return [`refused: mlock needs ${needed}, ${allowed} may be locked (ulimit -l)`, `mlock needs ${needed}, ulimit is ${allowed}`];
};
