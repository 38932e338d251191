import type {WantedSettings} from '../engine/types.js';
import {generationTest} from '../planner/plan-words.js';
import type {Tunable} from '../planner/tune.js';
import type {FlagName} from './flags.js';

/** A setting that takes several values, with llama-bench's names and widths for it. */
export type BenchSetting = {
	readonly flag: FlagName;
	readonly field: string;
	readonly title: string;
	/** Cells of the Markdown column; below 0: aligned to the left. */
	readonly width: number;
	readonly value: (settings: WantedSettings) => number | string;
};

const loadMode = ({mmap, mlock}: WantedSettings): string => {
	if (mlock) return 'mlock'; // then nothing is mapped
	return mmap ? 'mmap' : 'none';
};

/** In the order of the columns. */
export const benchSettings = [
	{flag: 'gpu-layers', field: 'n_gpu_layers', title: 'ngl', width: 3, value: ({gpuLayers}) => gpuLayers},
	{flag: 'n-cpu-moe', field: 'n_cpu_moe', title: 'n_cpu_moe', width: 10, value: ({cpuExpertLayers}) => cpuExpertLayers},
	{flag: 'threads', field: 'n_threads', title: 'threads', width: 7, value: ({threads}) => threads},
	{flag: 'batch-size', field: 'n_batch', title: 'n_batch', width: 7, value: ({batchSize}) => batchSize},
	{flag: 'cache-type-k', field: 'type_k', title: 'type_k', width: 6, value: ({cacheTypeK}) => cacheTypeK},
	{flag: 'cache-type-v', field: 'type_v', title: 'type_v', width: 6, value: ({cacheTypeV}) => cacheTypeV},
	{
		flag: 'flash-attn',
		field: 'flash_attn',
		title: 'fa',
		width: 3,
		value: ({flashAttention}) => ({auto: -1, off: 0, on: 1})[flashAttention],
	},
	{flag: 'mmap', field: 'load_mode', title: 'lm', width: -10, value: loadMode},
	{flag: 'ctx-size', field: 'n_ctx', title: 'n_ctx', width: 7, value: ({contextSize}) => contextSize},
] as const satisfies readonly BenchSetting[];

/** `null`: it was left open, and a refusal came before anybody settled it. */
export const settledValue = ({value}: BenchSetting, settings: WantedSettings): number | string | null => {
	const said = value(settings);
	return said === 'auto' ? null : said;
};

/** Flags of what is searched. */
export const tunableFlags = {
	threads: 'threads',
	gpuLayers: 'gpu-layers',
	cpuExpertLayers: 'n-cpu-moe',
	batchSize: 'batch-size',
} as const satisfies Record<Tunable, FlagName>;

/** `pp512`: that many tokens of a prompt; `tg128`: that many generated one after the other. */
export type BenchTest = {readonly promptTokens: number; readonly generatedTokens: number};

export const testName = ({promptTokens, generatedTokens}: BenchTest): string =>
	promptTokens > 0 ? `pp${promptTokens}` : generationTest(generatedTokens);

/** `--gpu-layers 8 --threads 2`. */
export const flagsWith = (settings: WantedSettings, isNamed: (setting: BenchSetting) => boolean): string =>
	benchSettings
		.filter(isNamed)
		.map(({flag, value}) => `--${flag} ${value(settings)}`)
		.join(' ');

/** `ngl 8, threads 2`. */
export const describeSettings = (settings: WantedSettings, shown: ReadonlySet<FlagName>): string =>
	benchSettings
		.filter(({flag}) => shown.has(flag))
		.map(({title, value}) => `${title} ${value(settings)}`)
		.join(', ');
