import {setTimeout as delay} from 'node:timers/promises';

/** Waits; rejects when the signal aborts. */
export type Delay = (ms: number, signal: AbortSignal) => Promise<unknown>;

/** `ref: false`: a gauge that is waiting for its next reading must not keep the process alive. */
const unrefDelay: Delay = (ms, signal) => delay(ms, undefined, {signal, ref: false});

export type PollOptions = {
	readonly intervalMs: number;
	readonly signal: AbortSignal;
	/** What went wrong in one run; the next one comes all the same. */
	readonly onError: (error: unknown) => void;
	readonly delay?: Delay;
};

/** Runs at once and then again `intervalMs` after each end, so that runs never overlap. Resolves when the signal aborts. */
export const poll = async (run: () => Promise<unknown>, {intervalMs, signal, onError, delay = unrefDelay}: PollOptions): Promise<void> => {
	while (!signal.aborted) {
		try {
			await run();
		} catch (error) {
			if (!signal.aborted) onError(error);
		}

		try {
			await delay(intervalMs, signal);
		} catch {
			return;
		}
	}
};
