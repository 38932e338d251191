import type {Settings} from '../engine/types.js';
import {memory} from '../lib/format.js';
import {cannotLock} from './mlock.js';
import {isImpossible} from './settings.js';
import type {Plan} from './types.js';

/** Why settings will be refused, the longest wording first; undefined: nothing is known against them. */
export const refusalTexts = (
	settings: Settings,
	plan: Plan | undefined,
	mlockLimitBytes: number | undefined,
): readonly [string, ...string[]] | undefined => {
	if (isImpossible(settings))
		return [`refused: V ${settings.cacheTypeV} needs flash attention`, `V ${settings.cacheTypeV} needs flash attention`];
	const weights = plan?.breakdown.ram.weights ?? 0;
	if (mlockLimitBytes === undefined || !cannotLock(settings, weights, mlockLimitBytes)) return undefined;
	const [needed, allowed] = [memory(weights), memory(mlockLimitBytes)];
	return [`refused: mlock needs ${needed}, ${allowed} may be locked (ulimit -l)`, `mlock needs ${needed}, ulimit is ${allowed}`];
};
