import type {Ram, Swap} from './types.js';

export type RamAndSwap = {readonly ram: Ram; readonly swap: Swap};

/** Imported when first asked: the package must not stand before the first frame. */
export const readRamAndSwap = async (): Promise<RamAndSwap | undefined> => {
	try {
		const {mem} = await import('systeminformation');
		const {total, available, swaptotal, swapused} = await mem();
		if (!(total > 0) || !Number.isFinite(available)) return undefined;
		return {
			ram: {totalBytes: total, usedBytes: Math.max(0, total - available), availableBytes: available},
			swap: {totalBytes: swaptotal, usedBytes: swapused},
		};
	} catch {
		return undefined;
	}
};
