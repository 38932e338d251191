import type {DryRun, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {concrete} from './settings.js';

/**
ggml ends the process over a KV cache tensor that is larger than what a device gives in one piece (seen on Vulkan from some 200 MB on a software device; real cards
give 2 to 4 GB). Nothing tells beforehand, and contexts of common sizes never get there.
*/
const usualContext = 131_072;

export const isUnusual = (
	{contextSize}: Pick<Settings, 'contextSize'>,
	{trainedContext = 0}: Pick<ModelFacts, 'trainedContext'>,
): boolean => contextSize > Math.max(usualContext, trainedContext);

type Ask = (path: string, settings: Settings) => Promise<DryRun>;

/** Asks about unusual settings where nothing is lost when the engine dies of the question. */
export const createDryRun =
	(ask: Ask, askCarefully: Ask) =>
	async (model: ModelFacts, settings: Settings): Promise<DryRun> =>
		(isUnusual(settings, model) ? askCarefully : ask)(model.path, settings);

/** What has to be asked before unusual settings are loaded; rejects where the engine would not survive them. */
export const vet = async (model: ModelFacts, wanted: WantedSettings, askCarefully: Ask): Promise<void> => {
	const settings = concrete(wanted.gpuLayers === 'auto' ? {...wanted, gpuLayers: model.layers} : wanted, model);
	if (isUnusual(settings, model)) await askCarefully(model.path, settings);
};
