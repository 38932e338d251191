import {describeError} from '../engine/engine-errors.js';
import type {ModelFacts, WantedSettings} from '../engine/types.js';
import {count} from '../lib/format.js';
import {checkMlock} from '../planner/mlock.js';
import {idleWishes, wantedContext, warningsOf} from '../planner/settings.js';
import type {Plan} from '../planner/types.js';

export const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

type Wanted = Pick<WantedSettings, 'cpuExpertLayers' | 'contextSize'>;

/** What would be refused or warned about when the plan is loaded here; `mlockLimitBytes` undefined: there is none, or it is another machine's. */
export const warningsAbout = (
	{settings, breakdown}: Plan,
	wanted: Wanted,
	model: ModelFacts,
	mlockLimitBytes: number | undefined,
): readonly string[] => {
	const warnings: string[] = [];
	try {
		checkMlock(settings, breakdown.ram.weights, mlockLimitBytes);
	} catch (error) {
		warnings.push(describeError(error));
	}

	const usual = wantedContext(wanted.contextSize, model.trainedContext);
	const isShortened = wanted.contextSize === 'usual' && settings.contextSize < usual;
	const shortened = `The context is ${count(settings.contextSize)} tokens: the usual ${count(usual)} do not fit.`;
	const idle = idleWishes(wanted, model);
	return [...warnings, ...(isShortened ? [shortened] : []), ...(idle ? [idle] : []), ...warningsOf(settings, model).map(asSentence)];
};
