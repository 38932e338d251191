import {EngineError} from './engine-errors.js';
import type {CacheType, WantedSettings} from './types.js';

/** A KV cache type as node-llama-cpp names it. */
export const ggmlType = (type: CacheType) => type.toUpperCase() as Uppercase<CacheType>;

export const flash = ({flashAttention}: Pick<WantedSettings, 'flashAttention'>): 'auto' | boolean =>
	flashAttention === 'auto' ? 'auto' : flashAttention === 'on';

export const must = <T>(value: T | undefined, what: string): T => {
	if (value === undefined) throw new EngineError('failed', `There is no ${what}.`);
	return value;
};
