import type {Settings} from '../engine/types.js';
import type {Scene} from './advice-scene.js';
import {askAt, fewestCpuExperts, type Ground, isFine, mostLayers} from './layer-search.js';
import type {Machine, Plan} from './types.js';

export const hasOpenExperts = ({canPlaceExperts = false, facts}: Scene): boolean => canPlaceExperts && facts.expertLayers > 0;

/** The estimate can be off by one. */
const mostAsked = 2;

/** All layers on the GPU with the fewest experts on the CPU, by the engine; undefined: they do not fit. */
export const fewestExpertsFor = async (
	{facts, known, ask, ground}: Scene,
	settings: Settings,
	machine: Machine,
): Promise<Plan | undefined> => {
	const on: Ground = {...ground, machine};
	let wanted = fewestCpuExperts(settings, facts.layers, known, on)?.settings;
	for (let asked = 0; wanted && asked < mostAsked; asked++) {
		const plan = await askAt(wanted, ask, on);
		if (isFine(plan, machine)) return plan;
		const {cpuExpertLayers} = wanted;
		wanted = cpuExpertLayers < ground.weights.sizes.blocks.length ? {...wanted, cpuExpertLayers: cpuExpertLayers + 1} : undefined;
	}

	return undefined;
};

/** Most of the model that the VRAM takes: where experts are on the CPU for the sake of all layers, fewer of those, else most layers. */
export const mostFor = async (scene: Scene, settings: Settings, machine: Machine): Promise<Plan | undefined> => {
	const {facts, known, ask, ground, plan} = scene;
	const areExpertsMoved = hasOpenExperts(scene) && (plan.settings.gpuLayers >= facts.layers || machine !== ground.machine);
	const experts = areExpertsMoved ? await fewestExpertsFor(scene, settings, machine) : undefined;
	return experts ?? mostLayers(settings, facts.layers, known, ask, {...ground, machine});
};
