import type {DeviceMemory} from './types.js';

/** As node-llama-cpp's `getVramState` gives it: sums over all devices, `unifiedSize` those of integrated ones, which take it from RAM. */
type VramState = {readonly total: number; readonly used: number; readonly unifiedSize: number};

/**
What llama.cpp puts layers on; undefined: there is no device.

It takes integrated devices only where there is no other (`llama_prepare_model_devices` in llama.cpp v0.5.0), but the sums count them all.
*/
export const deviceMemoryOf = ({total, used, unifiedSize}: VramState, names: readonly string[]): DeviceMemory | undefined => {
	if (total <= 0) return undefined;
	const isMixed = unifiedSize > 0 && unifiedSize < total;
	const totalBytes = isMixed ? total - unifiedSize : total;
	return {
		totalBytes,
		usedBytes: Math.min(used, totalBytes),
		devices: Math.max(1, names.length - (isMixed ? 1 : 0)),
		isUnified: unifiedSize > 0 && !isMixed,
	};
};
