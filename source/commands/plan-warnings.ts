import {describeError} from '../engine/engine-errors.js';
import {patternsWithout} from '../engine/tensor-pattern.js';
import type {WantedSettings} from '../engine/types.js';
import {count, memory} from '../lib/format.js';
import {checkMlock} from '../planner/mlock.js';
import {layersText} from '../planner/plan-words.js';
import {idleWishes, wantedContext, warningsOf} from '../planner/settings.js';
import type {Plan} from '../planner/types.js';
import {untakenIn} from '../planner/untaken.js';
import type {PlanModel} from './plan-report.js';

export const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

type Wanted = Pick<WantedSettings, 'cpuExpertLayers' | 'contextSize'>;

/** What would be refused or warned about when the plan is loaded here; `mlockLimitBytes` undefined: there is none, or it is another machine's. */
export const warningsAbout = (
	plan: Plan,
	wanted: Wanted,
	{facts: model, tensors}: PlanModel,
	mlockLimitBytes: number | undefined,
): readonly string[] => {
	const {settings, breakdown} = plan;
	const warnings: string[] = [];
	try {
		checkMlock(settings, breakdown.ram.weights, mlockLimitBytes);
	} catch (error) {
		warnings.push(describeError(error));
	}

	const usual = wantedContext(wanted.contextSize, model.trainedContext);
	const isShortened = wanted.contextSize === 'usual' && settings.contextSize < usual;
	const shortened = `The context is ${count(settings.contextSize)} tokens: the usual ${count(usual)} do not fit.`;
	const unmatched =
		settings.overrideTensor === undefined
			? []
			: patternsWithout(
					settings.overrideTensor,
					tensors.map(({name}) => name),
				);
	const unmatchedWords = unmatched.map(pattern => `--override-tensor ${pattern}=CPU changes nothing: no tensor has such a name.`);
	const untaken = untakenIn(plan, model.weights.sizes);
	const untakenWords = `This device does not take ${memory(untaken)} of the weights of ${layersText(settings.gpuLayers)}: they stay in RAM (tensors that are larger than its limit for a buffer, or of a type that it cannot compute).`;
	return [
		...warnings,
		...(untaken > 0 ? [untakenWords] : []),
		...unmatchedWords,
		...(isShortened ? [shortened] : []),
		...idleWishes({...settings, cpuExpertLayers: wanted.cpuExpertLayers}, model),
		...warningsOf(settings, model).map(asSentence),
	];
};
