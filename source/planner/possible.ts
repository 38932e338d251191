import {EngineError} from '../engine/engine-errors.js';
import type {Settings} from '../engine/types.js';
import {isImpossible} from './settings.js';

/**
Says no to what llama.cpp refuses only when the weights are loaded.

@throws EngineError
*/
export const checkPossible = (settings: Pick<Settings, 'flashAttention' | 'cacheTypeV'>): void => {
	if (!isImpossible(settings)) return;
	throw new EngineError('unsupported', 'A quantized V cache needs flash attention.', {
		why: `llama.cpp refuses ${settings.cacheTypeV} without it.`,
		advice: 'Use --flash-attn auto or on, or an f16 V cache.',
	});
};
