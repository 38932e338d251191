/** A held-down arrow key repeats 30 times a second: the dry run waits until it rests. */
const restMs = 120;
/** Of an answer's time, what dry runs may take: they hold the engine's thread, on which the answer is written. */
const mostShare = 0.02;

/** When the engine may be asked. While it answers, a dry run is paid for with a pause in proportion to what the last one took. */
export const createDryRunPace = (now: () => number = () => performance.now()) => {
	let last: {readonly endedAt: number; readonly tookMs: number} | undefined;
	return {
		async time<T>(run: () => Promise<T>): Promise<T> {
			const startedAt = now();
			try {
				return await run();
			} finally {
				last = {endedAt: now(), tookMs: now() - startedAt};
			}
		},
		/** How long to wait from now. */
		delayMs(isAnswering: boolean): number {
			if (!isAnswering || !last) return restMs;
			return Math.max(restMs, last.endedAt + last.tookMs / mostShare - now());
		},
	};
};
