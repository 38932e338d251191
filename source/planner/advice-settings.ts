import type {CacheType, Settings} from '../engine/types.js';
import {count} from '../lib/format.js';
import {betterOf, type Candidate, compare, type Found, hasMoreOnGpu, isGood, type Kind, type Scene} from './advice-scene.js';
import {
	fewestExpertsFor,
	hasOpenExperts,
	knownWithoutGpu,
	mostFor,
	wholeContext,
	wholeContextFor,
	withoutGpuText,
} from './advice-search.js';
import {askAt, type Ground} from './layer-search.js';
import {limitBytes, planOf} from './memory.js';
import {cannotLock} from './mlock.js';
import {slowerPromptsText} from './plan-words.js';
import {isImpossible, smallerBatches, usedBatchSize} from './settings.js';

const leastContext = 2048;

/** Changes the context or its types, and uses what that frees for layers, or for experts where all layers are there. */
const changed = async (scene: Scene, kind: Kind, text: string, change: Partial<Settings>): Promise<Found | undefined> => {
	const {plan, best, ask, ground, savesMemory = false} = scene;
	const same = await askAt({...plan.settings, ...change}, ask, ground);
	if (savesMemory && isGood(same)) return compare(scene, kind, text, same);
	const most = ground.machine.vram && (await mostFor(scene, same.settings, ground.machine));
	const isMore = most && (best ? hasMoreOnGpu(most, best) : most.settings.gpuLayers > 0);
	return compare(scene, kind, text, betterOf(same, isMore ? most : undefined));
};

/** The largest one that does it. What is freed is worth the slower prompts only where it makes room for something, and half of the batch does. */
const withSmallerBatch = async (scene: Scene) => {
	const {plan, ground, wantedContext = 0, savesMemory = false} = scene;
	const {batchSize, contextSize} = plan.settings;
	// A small context was given no larger one, which is what makes room for all of it.
	if (batchSize === contextSize) {
		const whole = await wholeContext(scene, {}, ground.machine);
		const text = `context ${count(contextSize)} → ${count(wantedContext)} with a batch of ${count(batchSize)}${slowerPromptsText}`;
		if (whole) return compare(scene, 'batch', text, whole);
	}

	const used = usedBatchSize({batchSize, contextSize: Math.max(contextSize, wantedContext)});
	const isShort = !isGood(plan) || contextSize < wantedContext;
	const isNeeded = savesMemory || plan.verdict !== 'fits';
	for (const smaller of smallerBatches(used).slice(0, isShort ? undefined : 1)) {
		const change = {batchSize: smaller};
		const text = `batch ${count(used)} → ${smaller}${slowerPromptsText}`;
		const whole = await wholeContextFor(scene, change, ground.machine);
		const found = whole ? compare(scene, 'batch', text, whole) : await changed(scene, 'batch', text, change);
		const {moreLayers, moreExpertLayers, contextSize: larger} = found?.advice ?? {};
		if (found && (isNeeded || (moreLayers ?? moreExpertLayers ?? larger) !== undefined)) return found;
	}

	return undefined;
};

const withSmallerContext = (scene: Scene) => {
	const {contextSize} = scene.plan.settings;
	const half = Math.max(leastContext, Math.floor(contextSize / 2 / 256) * 256);
	return half < contextSize ? changed(scene, 'context', `context ${count(contextSize)} → ${count(half)}`, {contextSize: half}) : undefined;
};

const withCacheType = (type: CacheType, from: readonly CacheType[]) => async (scene: Scene) => {
	const {cacheTypeK, cacheTypeV, flashAttention} = scene.plan.settings;
	if (!from.includes(cacheTypeK) || !from.includes(cacheTypeV)) return undefined;
	// llama.cpp takes a quantized V cache only with flash attention.
	const change = {cacheTypeK: type, cacheTypeV: type, flashAttention: flashAttention === 'off' ? ('auto' as const) : flashAttention};
	const before = cacheTypeK === cacheTypeV ? cacheTypeK : `${cacheTypeK} and ${cacheTypeV}`;
	const also = flashAttention === 'off' ? ', flash attention off → auto' : '';
	const text = `KV cache ${before} → ${type}${also}`;
	const whole = await wholeContextFor(scene, change, scene.ground.machine);
	return whole ? compare(scene, 'KV cache', text, whole) : changed(scene, 'KV cache', text, change);
};

const withOtherLayers = (scene: Scene) => {
	const {plan, best} = scene;
	if (!best || best.settings.gpuLayers === plan.settings.gpuLayers) return undefined;
	const [from, to] = [plan.settings.gpuLayers, best.settings.gpuLayers];
	if (to < from && plan.vramVerdict !== 'does not fit') return undefined;
	return compare({...scene, best: plan}, 'layers', `GPU layers ${from} → ${to}`, best);
};

/** Integrated and software GPUs can be slower than the CPU. */
const withoutLayers = async (scene: Scene) => {
	const {plan, ask, ground} = scene;
	const {settings, tokensPerSecond} = plan;
	if (settings.gpuLayers === 0 || tokensPerSecond === undefined) return undefined;
	const none = await askAt({...settings, gpuLayers: 0}, ask, ground);
	if ((none.tokensPerSecond ?? 0) <= tokensPerSecond) return undefined;
	return compare(scene, 'layers', `GPU layers ${settings.gpuLayers} → 0`, none);
};

const withCpuExperts = async (scene: Scene) => {
	const {plan, facts, ground} = scene;
	if (!hasOpenExperts(scene) || !ground.machine.vram) return undefined;
	const next = await fewestExpertsFor(scene, plan.settings, ground.machine);
	if (!next || (next.settings.cpuExpertLayers === plan.settings.cpuExpertLayers && plan.settings.gpuLayers === facts.layers))
		return undefined;
	const {cpuExpertLayers} = next.settings;
	const text =
		cpuExpertLayers === 0 ? 'all layers and experts on the GPU' : `all layers on the GPU, experts of ${cpuExpertLayers} on the CPU`;
	return compare({...scene, best: plan}, 'experts', text, next);
};

const withFlashAttention = async (scene: Scene) => {
	const {plan, ask, ground} = scene;
	if (!isImpossible(plan.settings)) return undefined;
	return compare(
		scene,
		'flash attention',
		'flash attention off → auto',
		await askAt({...plan.settings, flashAttention: 'auto'}, ask, ground),
	);
};

const withoutMlock = async (scene: Scene) => {
	const {plan, ask, ground, mlockLimitBytes} = scene;
	if (!cannotLock(plan.settings, plan.breakdown.ram.weights, mlockLimitBytes)) return undefined;
	return compare(scene, 'mlock', 'mlock off', await askAt({...plan.settings, mlock: false}, ask, ground));
};

/** Long prompts are read on the GPU even where no layer is on it, and its buffers can be more than there is. */
const withoutGpu = async (scene: Scene) => {
	const {plan, ground} = scene;
	if (plan.vramVerdict !== 'does not fit') return undefined;
	const next = planOf({...ground, machine: {...ground.machine, vram: undefined}, ...(await knownWithoutGpu(scene))});
	return compare(scene, 'no GPU', withoutGpuText, next);
};

/** A budget that is less than what is free. */
const withoutBudget = (side: 'vram' | 'ram') => async (scene: Scene) => {
	const {ground, plan, known} = scene;
	const memory = ground.machine[side];
	if (memory?.budgetBytes === undefined || limitBytes(memory) < memory.budgetBytes) return undefined;
	const machine = {...ground.machine, [side]: {...memory, budgetBytes: undefined}};
	const free: Ground = {...ground, machine};
	const same = planOf({...free, settings: plan.settings, dryRun: known.dryRun});
	const whole = await wholeContextFor(scene, {}, machine);
	const next = whole ?? betterOf(same, side === 'vram' ? await mostFor(scene, plan.settings, machine) : undefined);
	return compare(scene, 'budget', `without the ${side === 'vram' ? 'VRAM' : 'RAM'} budget`, next);
};

/** What a key in the tuner does, or another start. */
export const settingsCandidates: readonly Candidate[] = [
	withFlashAttention,
	withoutMlock,
	withOtherLayers,
	withoutLayers,
	withoutGpu,
	withCpuExperts,
	withSmallerBatch,
	withSmallerContext,
	withCacheType('q8_0', ['f32', 'f16', 'bf16']),
	withoutBudget('vram'),
	withoutBudget('ram'),
];

/** Asked when everything else has been. */
export const lastCandidates: readonly Candidate[] = [withCacheType('q4_0', ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1'])];
