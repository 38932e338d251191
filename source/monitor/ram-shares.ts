import type {ProcessMemory, Ram} from './types.js';

export type Shares = {readonly totalBytes: number; readonly usedBytes: number; readonly ownBytes: number; readonly otherBytes: number};

/**
RAM as the gauge shows it: what is used, and how much of that is ours.

Linux counts mapped weights as available, but for us they are not: a token that finds them dropped waits for the disk. So ours are added.
*/
export const ramShares = (ram: Ram, own: ProcessMemory | undefined): Shares => {
	const usedBytes = Math.min(ram.totalBytes, ram.usedBytes + (own?.fileBytes ?? 0));
	const ownBytes = Math.min(usedBytes, own?.residentBytes ?? 0);
	return {totalBytes: ram.totalBytes, usedBytes, ownBytes, otherBytes: usedBytes - ownBytes};
};
