import type {CacheType, FlashAttention, Settings} from '../engine/types.js';

/** What applying a change of settings needs, from cheapest to dearest. */
export type Step = 'nothing' | 'context' | 'model';

/** The choices that the tuner offers; llama.cpp takes more types, these are the ones worth moving to. */
export const cacheTypes: readonly CacheType[] = ['f16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0'];
export const flashAttentionChoices: readonly FlashAttention[] = ['auto', 'on', 'off'];

export const stepBetween = (applied: Settings, pending: Settings): Step => {
	if (applied.gpuLayers !== pending.gpuLayers) return 'model';
	const keys = Object.keys(applied) as Array<keyof Settings>;
	return keys.some(key => applied[key] !== pending[key]) ? 'context' : 'nothing';
};
