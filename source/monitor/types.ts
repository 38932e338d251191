/** What the machine says of itself, in bytes. A reading that could not be had is `undefined`, never 0. */

/** `usedBytes` is what cannot be had back: pages of mapped files (llama.cpp's weights are such) count as available. */
export type Ram = {readonly totalBytes: number; readonly usedBytes: number; readonly availableBytes: number};

/** `totalBytes: 0`: the machine has no swap. */
export type Swap = {readonly totalBytes: number; readonly usedBytes: number};

/** `usedBytes` counts every program, `ownBytes` what llama.cpp holds for us. */
export type Vram = {
	readonly totalBytes: number;
	readonly usedBytes: number;
	readonly ownBytes: number;
	/** How many devices it is the sum of. */
	readonly devices?: number | undefined;
	/** Where VRAM is a part of the RAM: what llama.cpp holds for us on both sides. */
	readonly unifiedOwnBytes?: number | undefined;
};

/** Resident memory of this process; the two kinds are known on Linux only. */
export type ProcessMemory = {
	readonly residentBytes: number;
	/** Memory of its own. */
	readonly anonymousBytes: number | undefined;
	/** Pages of mapped files: weights, and programs. */
	readonly fileBytes: number | undefined;
};

export type Readings = {
	readonly ram: Ram | undefined;
	readonly swap: Swap | undefined;
	readonly vram: Vram | undefined;
	readonly processMemory: ProcessMemory | undefined;
};

export const noReadings: Readings = {ram: undefined, swap: undefined, vram: undefined, processMemory: undefined};
