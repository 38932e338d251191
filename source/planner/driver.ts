import type {EngineMemory} from '../engine/types.js';

/** Contexts, kernels and workspaces of drivers take 0.1 to 1 GiB; what is more than twice that is another program that came meanwhile. */
const mostBytes = 2 * 1024 ** 3;
/** Other programs come and go while a model loads: the median of a few is close to the truth. */
const mostSamples = 5;

/** What the driver takes of a device beyond llama.cpp's own numbers, by a reading with nothing loaded and a later one; undefined: it cannot be told. */
export const driverBytesOf = (before: EngineMemory, after: EngineMemory): number | undefined => {
	if (!before.vram || !after.vram || before.ownVramBytes > 0 || after.ownVramBytes === 0) return undefined;
	// Software Vulkan (lavapipe) always reports 0 used.
	if (after.vram.usedBytes < after.ownVramBytes) return undefined;
	const bytes = after.vram.usedBytes - before.vram.usedBytes - after.ownVramBytes;
	return bytes >= 0 && bytes <= mostBytes ? bytes : undefined;
};

export const withSample = (samples: readonly number[], bytes: number): readonly number[] => [...samples, bytes].slice(-mostSamples);

/** 0 as long as nothing was measured. */
export const learnedDriverBytes = (samples: readonly number[]): number =>
	[...samples].sort((a, b) => a - b)[Math.floor(samples.length / 2)] ?? 0;
