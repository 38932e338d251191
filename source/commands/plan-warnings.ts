import {describeError} from '../engine/engine-errors.js';
import type {ModelFacts} from '../engine/types.js';
import {checkMlock} from '../planner/mlock.js';
import {warningsOf} from '../planner/settings.js';
import type {Plan} from '../planner/types.js';

const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** What would be refused or warned about when the plan is loaded here; `mlockLimitBytes` undefined: there is none, or it is another machine's. */
export const warningsAbout = ({settings, breakdown}: Plan, model: ModelFacts, mlockLimitBytes: number | undefined): readonly string[] => {
	const warnings: string[] = [];
	try {
		checkMlock(settings, breakdown.ram.weights, mlockLimitBytes);
	} catch (error) {
		warnings.push(describeError(error));
	}

	return [...warnings, ...warningsOf(settings, model).map(asSentence)];
};
