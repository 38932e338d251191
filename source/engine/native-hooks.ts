import {createRequire} from 'node:module';
import os from 'node:os';
import process from 'node:process';
import {EngineError} from './engine-errors.js';
import {isTensorPattern} from './tensor-pattern.js';
import type {WantedSettings} from './types.js';

/** What `native/hooks.cpp` exports. */
type NativeModule = {
	/** Tensors whose names match one of the patterns stay on the CPU, and the KV cache does, in models and contexts that are made from now on. */
	place(cpuTensors: readonly string[], keyValueOnCpu: boolean): void;
	/** Why llama.cpp, as it is loaded now, cannot be changed; empty: it can. */
	verify(): string;
};

/** Either what works, or why it does not. */
export type NativeHooks = {readonly native: NativeModule; readonly off?: undefined} | {readonly native?: undefined; readonly off: string};

/** Has to come before node-llama-cpp loads its own module: whoever is first in the process's global symbols takes the calls. */
export const loadNativeHooks = (setting: string | undefined): NativeHooks => {
	if (setting === 'off') return {off: 'VRAMBLE_NATIVE=off'};
	if (process.platform !== 'linux' || process.arch !== 'x64') return {off: 'they are for Linux on x64'};
	const loaded = {exports: {}};
	try {
		const {RTLD_NOW, RTLD_GLOBAL} = os.constants.dlopen;
		process.dlopen(loaded, createRequire(import.meta.url).resolve('#native-hooks'), RTLD_NOW | RTLD_GLOBAL);
	} catch (error) {
		const isThere = !(error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND');
		return {off: isThere ? `they could not be loaded: ${String(error)}` : 'they were not compiled: there was no C++ compiler'};
	}

	return {native: loaded.exports as NativeModule};
};

/** To be asked when node-llama-cpp has loaded llama.cpp. */
export const verifyNativeHooks = (hooks: NativeHooks): NativeHooks => {
	const distrust = hooks.native?.verify();
	return distrust ? {off: distrust} : hooks;
};

/** The experts of the first layers, as llama.cpp's `--n-cpu-moe` takes them (`LLM_FFN_EXPS_REGEX` in its `common.h`). */
const expertTensors = (layers: number): string =>
	`^blk\\.(${Array.from({length: layers}, (_, layer) => layer).join('|')})\\.ffn_(up|down|gate|gate_up)_(ch|)exps`;

/** Where tensors go that do not go with their layer. */
export type Placement = Pick<WantedSettings, 'cpuExpertLayers' | 'overrideTensor' | 'kvOffload'>;

const cpuTensorsOf = ({cpuExpertLayers, overrideTensor}: Placement): readonly string[] => [
	...(overrideTensor?.split(',') ?? []).map(override => override.replace(/=CPU$/, '')),
	// What is left open is settled before a load; 'auto' comes here where there is no GPU.
	...(cpuExpertLayers !== 'auto' && cpuExpertLayers > 0 ? [expertTensors(cpuExpertLayers)] : []),
];

/** Equal for the same placement. */
export const placementKey = (placement: Placement): string => JSON.stringify([cpuTensorsOf(placement), placement.kvOffload === false]);

/**
Runs work under a placement, which holds for all that llama.cpp makes in this process: work under another one waits until the last has ended.
*/
export const createPlacing = (hooks: () => NativeHooks) => {
	let group: {readonly key: string; readonly ready: Promise<void>; ended: Promise<unknown>} = {
		key: placementKey({cpuExpertLayers: 0}),
		ready: Promise.resolve(),
		ended: Promise.resolve(),
	};
	return async <T>(placement: Placement, work: () => Promise<T>): Promise<T> => {
		const [tensors, isCacheOnCpu] = [cpuTensorsOf(placement), placement.kvOffload === false];
		const {native, off} = hooks();
		if (off !== undefined && (tensors.length > 0 || isCacheOnCpu)) {
			throw new EngineError('unsupported', 'Experts, tensors and the KV cache cannot be placed here.', {
				why: `The native hooks are off: ${off}.`,
			});
		}

		const wrong = tensors.find(tensor => !isTensorPattern(tensor));
		if (wrong !== undefined) throw new EngineError('unsupported', `"${wrong}" is not a pattern for the names of tensors.`);
		const key = placementKey(placement);
		if (key !== group.key) {
			const ready = group.ended.then(() => native?.place(tensors, isCacheOnCpu));
			group = {key, ready, ended: ready};
		}

		const done = group.ready.then(work);
		group.ended = Promise.allSettled([group.ended, done]);
		return done;
	};
};

export type Placing = ReturnType<typeof createPlacing>;
