import type {Device, ModelFacts, Settings} from './engine/types.js';
import {count} from './lib/format.js';
import {isBeyondTraining} from './planner/settings.js';

export const trainingWarning = (model: ModelFacts, settings: Settings): string | undefined =>
	isBeyondTraining(settings, model)
		? `The context of ${count(settings.contextSize)} tokens is larger than the ${count(model.trainedContext)} that the model was trained for: answers may get worse.`
		: undefined;

export const forgetsWarning = ({contextSize}: Settings): string =>
	`The conversation no longer fits into the context of ${count(contextSize)} tokens: its beginning is left out of what the model reads.`;

export const expertsRemark = ({expertLayers}: ModelFacts, {backend, hooksOff}: Device): string | undefined =>
	expertLayers === 0 || backend === 'cpu' || hooksOff === undefined
		? undefined
		: `Experts cannot be kept on the CPU by number, because the native hooks are off: ${hooksOff}.`;

export const restRemark = 'Stopped: the model is loaded; the next question evaluates the rest.';
