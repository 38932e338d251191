import type {EngineMemory} from '../engine/types.js';
import type {Vram} from './types.js';

export const vramOf = (memory: EngineMemory | undefined): Vram | undefined => {
	// A total of 0 is the Vulkan library without a card.
	if (!memory?.vram || memory.vram.totalBytes === 0) return undefined;
	const {totalBytes, usedBytes, devices, isUnified} = memory.vram;
	// Software Vulkan (lavapipe) always reports 0 used: then llama.cpp's own accounting is all there is.
	return {
		totalBytes,
		usedBytes: Math.max(usedBytes, memory.ownVramBytes),
		ownBytes: memory.ownVramBytes,
		devices,
		unifiedOwnBytes: isUnified ? memory.ownVramBytes + memory.ownRamBytes : undefined,
	};
};
