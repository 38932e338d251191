import type {ChatHistoryItem} from 'node-llama-cpp';
import {EngineError} from './engine-errors.js';
import type {CacheType, Message, WantedSettings} from './types.js';

/** A KV cache type as node-llama-cpp names it. */
export const ggmlType = (type: CacheType) => type.toUpperCase() as Uppercase<CacheType>;

export const flash = ({flashAttention}: Pick<WantedSettings, 'flashAttention'>): 'auto' | boolean =>
	flashAttention === 'auto' ? 'auto' : flashAttention === 'on';

export const must = <T>(value: T | undefined, what: string): T => {
	if (value === undefined) throw new EngineError('failed', `There is no ${what}.`);
	return value;
};

const notInstructions = new Set(['LLAMAFILE', 'OPENMP', 'REPACK', 'KLEIDIAI', 'ACCELERATE']);

/** `CPU : SSE3 = 1 | AVX2 = 1 | REPACK = 1 |` → SSE3, AVX2 */
export const instructionSetsOf = (systemInfo: string): readonly string[] =>
	[...(/\bCPU : ([^:]*)/.exec(systemInfo)?.[1] ?? '').matchAll(/(\w+) = 1\b/g)]
		.map(([, name = '']) => name)
		.filter(name => !notInstructions.has(name));

export const toHistory = (system: string | undefined, messages: readonly Message[]): ChatHistoryItem[] => [
	...(system === undefined ? [] : [{type: 'system' as const, text: system}]),
	...messages.map(({role, text}) => (role === 'user' ? {type: 'user' as const, text} : {type: 'model' as const, response: [text]})),
];
