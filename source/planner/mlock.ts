import {EngineError} from '../engine/engine-errors.js';
import type {Settings} from '../engine/types.js';
import {memory} from '../lib/format.js';

/** llama.cpp only warns in its log, and goes on without. `limitBytes` undefined: no limit is known. */
export const cannotLock = ({mlock}: Pick<Settings, 'mlock'>, ramWeightsBytes: number, limitBytes: number | undefined): boolean =>
	mlock && limitBytes !== undefined && ramWeightsBytes > limitBytes;

/**
Says no to `mlock` where the system would.

@throws EngineError
*/
export const checkMlock = ({mlock}: Pick<Settings, 'mlock'>, ramWeightsBytes: number, limitBytes: number | undefined): void => {
	if (limitBytes === undefined || !cannotLock({mlock}, ramWeightsBytes, limitBytes)) return;
	throw new EngineError('unsupported', `The weights cannot be locked in RAM: they take ${memory(ramWeightsBytes)} of it.`, {
		why: `This user may lock ${memory(limitBytes)} (ulimit -l).`,
		advice: 'Raise the limit, or leave out mlock.',
	});
};

/** CAP_IPC_LOCK, see capabilities(7): who has it, as root mostly does, may lock all there is. */
const lockCapability = 1n << 14n;

/** By the `Max locked memory` line of `/proc/self/limits` and `CapEff` of `/proc/self/status`; undefined: unlimited, or not to be read there. */
export const parseMlockLimit = (limits: string, status: string): number | undefined => {
	const [, capabilities = '0'] = status.match(/^CapEff:\s+([\da-f]+)/m) ?? [];
	if (BigInt(`0x${capabilities}`) & lockCapability) return undefined;
	const [, soft] = limits.match(/^Max locked memory\s+(\S+)/m) ?? [];
	return soft === undefined || soft === 'unlimited' ? undefined : Number(soft);
};
