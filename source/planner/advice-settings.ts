import type {CacheType, Settings} from '../engine/types.js';
import {count} from '../lib/format.js';
import {type Candidate, compare, type Found, isGood, type Scene} from './advice-scene.js';
import {askAt, fewestCpuExperts, mostLayers} from './layer-search.js';

const leastContext = 2048;

/** Changes the context or its types, and uses what that frees for layers. */
const changed = async (scene: Scene, text: string, change: Partial<Settings>): Promise<Found | undefined> => {
	const {plan, ask, ground, known, facts} = scene;
	const same = await askAt({...plan.settings, ...change}, ask, ground);
	const freesVramBytes = plan.vramBytes - same.vramBytes;
	const most = ground.machine.vram && (await mostLayers(same.settings, facts.layers, known, ask, ground));
	const layersNow = scene.best?.settings.gpuLayers ?? 0;
	const next = most && most.settings.gpuLayers > Math.max(layersNow, isGood(plan) ? 0 : -1) ? most : isGood(same) ? same : (most ?? same);
	return compare(scene, 'settings', text, next, freesVramBytes > 0 ? {freesVramBytes} : {});
};

const withSmallerContext = (scene: Scene) => {
	const {contextSize} = scene.plan.settings;
	const half = Math.max(leastContext, Math.floor(contextSize / 2 / 256) * 256);
	return half < contextSize ? changed(scene, `context ${count(contextSize)} → ${count(half)}`, {contextSize: half}) : undefined;
};

const withCacheType = (type: CacheType, from: readonly CacheType[]) => (scene: Scene) => {
	const {cacheTypeK, cacheTypeV, flashAttention} = scene.plan.settings;
	if (!from.includes(cacheTypeK) || !from.includes(cacheTypeV)) return undefined;
	// llama.cpp takes a quantized V cache only with flash attention.
	const change = {cacheTypeK: type, cacheTypeV: type, flashAttention: flashAttention === 'off' ? ('auto' as const) : flashAttention};
	return changed(scene, `KV cache ${cacheTypeK} → ${type}`, change);
};

const withOtherLayers = (scene: Scene) => {
	const {plan, best} = scene;
	if (!best || best.settings.gpuLayers === plan.settings.gpuLayers) return undefined;
	const [from, to] = [plan.settings.gpuLayers, best.settings.gpuLayers];
	if (to < from && plan.vramVerdict !== 'does not fit') return undefined;
	return compare(scene, 'settings', `GPU layers ${from} → ${to}`, best, to > from ? {moreLayers: to - from} : {});
};

/** Integrated and software GPUs can be slower than the CPU. */
const withoutLayers = async (scene: Scene) => {
	const {plan, ask, ground} = scene;
	const {settings, tokensPerSecond} = plan;
	if (settings.gpuLayers === 0 || tokensPerSecond === undefined) return undefined;
	const none = await askAt({...settings, gpuLayers: 0}, ask, ground);
	if ((none.tokensPerSecond ?? 0) <= tokensPerSecond) return undefined;
	return compare(scene, 'settings', `GPU layers ${settings.gpuLayers} → 0`, none);
};

const withCpuExperts = async (scene: Scene) => {
	const {plan, facts, ground, known, ask, canPlaceExperts = false} = scene;
	if (!canPlaceExperts || facts.expertLayers === 0 || !ground.machine.vram) return undefined;
	const estimate = fewestCpuExperts(plan.settings, facts.layers, known, ground);
	if (!estimate || estimate.settings.cpuExpertLayers === plan.settings.cpuExpertLayers) return undefined;
	const next = await askAt(estimate.settings, ask, ground);
	return next.vramVerdict === 'does not fit'
		? undefined
		: compare(scene, 'settings', `all layers on the GPU, experts of ${estimate.settings.cpuExpertLayers} on the CPU`, next);
};

/** What a key in the tuner does. */
export const settingsCandidates: readonly Candidate[] = [
	withOtherLayers,
	withoutLayers,
	withCpuExperts,
	withSmallerContext,
	withCacheType('q8_0', ['f32', 'f16', 'bf16']),
	withCacheType('q4_0', ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1']),
];
