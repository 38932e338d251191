import {createRequire} from 'node:module';
import os from 'node:os';
import process from 'node:process';
import {EngineError} from './engine-errors.js';
import {chosenDevices, type DeviceChoice, isDeviceChoice, sharesOf} from './gpu-devices.js';
import {isTensorPattern} from './tensor-pattern.js';
import type {GpuDevice, WantedSettings} from './types.js';

/** What computes tokens one after the other without JavaScript in between. */
export type TokenLoop = {readonly isLoop: unique symbol};

/** What `native/hooks.cpp` exports. */
export type NativeModule = {
	/**
	Of models and contexts that are made from now on: tensors whose names match one of the patterns stay on the CPU, and the KV cache does; layers go to these devices
	(none: all), in these shares (none: by free memory), or (split mode 0) to the main one only.
	*/
	place(
		cpuTensors: readonly string[],
		keyValueOnCpu: boolean,
		devices: readonly string[],
		tensorSplit: readonly number[],
		splitMode: number,
		mainGpu: number,
	): void;
	/** Of every backend that is loaded, in llama.cpp's order. */
	devices(): readonly GpuDevice[];
	/** Why llama.cpp, as it is loaded now, cannot be changed; empty: it can. */
	verify(): string;
	/** On the context that was asked for its `currentThreads` last, and evaluated a prompt; `most` tokens altogether. */
	openLoop(temperature: number, topK: number, topP: number, minP: number, seed: number, most: number): TokenLoop;
	/**
	Samples the next token, decodes it, and so on: at least one, and as many as are there after `ms`. Gives the sampled ones, the last of which is not decoded yet; none at
	the end of the text, when all of them are there, or after a stop. Another run may be queued while one runs.
	*/
	runLoop(loop: TokenLoop, ms: number, threads: number): Promise<Uint32Array>;
	/** Seconds for a byte of one token and of each of many, by one thread and by all; kinds: 0 weights, 1 experts, 2 attention, 3 weights that a cache holds. `type` as ggml counts them. */
	probeKernel(
		kind: number,
		type: number,
		headSize: number,
		headsPerKvHead: number,
		threads: number,
	): Promise<readonly [token: number, prompt: number, allToken: number, allPrompt: number]>;
	/** What runs ends with the token that is computed now, and what is queued before it begins. */
	stopLoop(loop: TokenLoop): void;
	/** Forgets what was computed beyond so many tokens; nothing may run. */
	cutLoop(loop: TokenLoop, length: number): void;
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

/** Which devices layers go to, and where tensors go that do not go with their layer. */
export type Placement = DeviceChoice & Pick<WantedSettings, 'cpuExpertLayers' | 'overrideTensor' | 'kvOffload'>;

const patternsIn = ({overrideTensor}: Pick<Placement, 'overrideTensor'>): readonly string[] =>
	overrideTensor?.split(',').map(override => override.replace(/=CPU$/, '')) ?? [];

const cpuTensorsOf = ({cpuExpertLayers, ...placement}: Placement): readonly string[] => [
	...patternsIn(placement),
	// What is left open is settled before a load; 'auto' comes here where there is no GPU.
	...(cpuExpertLayers !== 'auto' && cpuExpertLayers > 0 ? [expertTensors(cpuExpertLayers)] : []),
];

const wordsFor = (placement: Placement) =>
	[
		cpuTensorsOf(placement),
		placement.kvOffload === false,
		placement.device?.split(',') ?? [],
		sharesOf(placement),
		placement.splitMode === 'none' ? 0 : 1,
		placement.mainGpu ?? 0,
	] as const satisfies Parameters<NativeModule['place']>;

/** Whether anything is on the CPU although its layer may be on the GPU. */
export const isAnyOnCpu = (placement: Placement): boolean => placement.kvOffload === false || cpuTensorsOf(placement).length > 0;

/** Equal for the same placement. */
export const placementKey = (placement: Placement): string => JSON.stringify(wordsFor(placement));

/**
Runs work under a placement, which holds for all that llama.cpp makes in this process: work under another one waits until the last has ended.
*/
export const createPlacing = (hooks: () => NativeHooks, gpuDevices: () => readonly GpuDevice[]) => {
	const none: Placement = {cpuExpertLayers: 0};
	let group: {readonly placement: Placement; readonly key: string; readonly ready: Promise<void>; ended: Promise<void>} = {
		placement: none,
		key: placementKey(none),
		ready: Promise.resolve(),
		ended: Promise.resolve(),
	};
	const placed = async <T>(placement: Placement, work: () => Promise<T>): Promise<T> => {
		const key = placementKey(placement);
		const {native, off} = hooks();
		if (off !== undefined && key !== placementKey(none)) {
			throw new EngineError('unsupported', 'Devices, experts, tensors and the KV cache cannot be placed here.', {
				why: `The native hooks are off: ${off}.`,
			});
		}

		const words = wordsFor(placement);
		const wrong = patternsIn(placement).find(pattern => !isTensorPattern(pattern));
		if (wrong !== undefined) throw new EngineError('unsupported', `"${wrong}" is not a pattern for the names of tensors.`);
		if (isDeviceChoice(placement)) chosenDevices(placement, gpuDevices());
		if (key !== group.key) {
			const ready = group.ended.then(() => native?.place(...words));
			group = {placement, key, ready, ended: ready};
		}

		const done = group.ready.then(work);
		group.ended = Promise.allSettled([group.ended, done]).then(() => {}); // without their results: those would all be kept
		return done;
	};
	/** The last placement that was asked for. */
	return Object.assign(placed, {last: () => group.placement});
};

export type Placing = ReturnType<typeof createPlacing>;
