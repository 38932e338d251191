import type {DryRun, MemorySplit, Settings} from '../engine/types.js';
import {betterOf, isGood, type Scene} from './advice-scene.js';
import {askAt, fewestCpuExperts, type Ground, isFine, mostLayers} from './layer-search.js';
import type {Known} from './memory.js';
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

/** With all of the context that was wanted, where there is less of it; undefined: it does not fit. */
export const wholeContext = async (scene: Scene, change: Partial<Settings>, machine: Machine): Promise<Plan | undefined> => {
	const {plan, ask, ground, wantedContext = 0} = scene;
	if (wantedContext <= plan.settings.contextSize) return undefined;
	const settings = {...plan.settings, contextSize: wantedContext, ...change};
	const same = await askAt(settings, ask, {...ground, machine});
	const better = betterOf(same, machine.vram && (await mostFor(scene, settings, machine)));
	return isGood(better) ? better : undefined;
};

/** The same; undefined also where it goes with as many layers without the change. */
export const wholeContextFor = async (scene: Scene, change: Partial<Settings>, machine: Machine): Promise<Plan | undefined> => {
	const without = await wholeContext(scene, {}, scene.ground.machine);
	const whole = await wholeContext(scene, change, machine);
	return whole && whole.settings.gpuLayers > (without?.settings.gpuLayers ?? -1) ? whole : undefined;
};

export const withoutGpuText = 'without the GPU (--gpu off)';

const inRam = ({vramBytes, ramBytes}: MemorySplit): MemorySplit => ({vramBytes: 0, ramBytes: vramBytes + ramBytes});

/** What settings take where all of it is in RAM. */
export const knownWithoutGpu = async ({plan, ask}: Pick<Scene, 'ask'> & {readonly plan: Pick<Plan, 'settings'>}): Promise<Known> => {
	const settings = {...plan.settings, gpuLayers: 0, cpuExpertLayers: 0};
	const {weights, context, compute, recurrent, draft} = await ask(settings);
	const dryRun: DryRun = {
		exact: false,
		weights: inRam(weights),
		context: inRam(context),
		compute: compute && inRam(compute),
		...(recurrent && {recurrent: inRam(recurrent)}),
		...(draft && {draft: inRam(draft)}),
	};
	return {settings, dryRun};
};
