import {memory} from '../lib/format.js';
import {bytesOf, type Size} from '../lib/size.js';
import {ramShares} from '../monitor/ram-shares.js';
import type {Readings} from '../monitor/types.js';
import type {Machine, Memory} from './types.js';

/** The most that vramble may take itself; undefined: what others leave. */
export type Budgets = {readonly vram: Size | undefined; readonly ram: Size | undefined};

const toMemory = (totalBytes: number, otherBytes: number, budget: Size | undefined): Memory => ({
	totalBytes,
	otherBytes: Math.max(0, otherBytes),
	budgetBytes: budget && bytesOf(budget, totalBytes),
});

/** Budgets that are more than there is, in words: they keep nothing back. */
export const idleBudgets = ({vram, ram}: Machine): readonly string[] =>
	Object.entries({VRAM: vram, RAM: ram}).flatMap(([name, side]) =>
		side?.budgetBytes !== undefined && side.budgetBytes > side.totalBytes
			? [`The ${name} budget of ${memory(side.budgetBytes)} changes nothing: there are ${memory(side.totalBytes)} here.`]
			: [],
	);

/** They compute on all cores; Mesa's lavapipe calls itself llvmpipe. */
export const isSoftwareDevice = (name: string): boolean => /llvmpipe|swiftshader/i.test(name);

/** What there is to plan with, as it was read last. */
export const machineOf = ({vram, ram, processMemory}: Readings, budgets: Budgets): Machine => {
	const shares = ram && ramShares(ram, processMemory);
	// Drivers differ in whether they count what an integrated GPU holds as the process's.
	const ownRamBytes = Math.max(shares?.ownBytes ?? 0, vram?.unifiedOwnBytes ?? 0);
	return {
		vram: vram && {...toMemory(vram.totalBytes, vram.usedBytes - vram.ownBytes, budgets.vram), devices: vram.devices},
		ram: shares && toMemory(shares.totalBytes, shares.usedBytes - ownRamBytes, budgets.ram),
		isUnified: vram?.unifiedOwnBytes !== undefined,
	};
};
