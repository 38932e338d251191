/** Time left of work that reports its progress (0 to 1), from its speed so far; undefined until it can be told. */
export const createRemaining = (now: () => number) => {
	let first: {at: number; progress: number} | undefined;
	return (progress: number): number | undefined => {
		const at = now();
		if (!first) {
			first = {at, progress};
			return undefined;
		}

		const done = progress - first.progress;
		const elapsed = at - first.at;
		return done > 0 && elapsed > 200 ? (elapsed / done) * (1 - progress) : undefined;
	};
};
