import {createRequire} from 'node:module';
import os from 'node:os';
import process from 'node:process';

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
