/** A value that changes: an immutable snapshot, and those who want to know. */
export type ReadableStore<T> = {
	readonly get: () => T;
	readonly subscribe: (listener: () => void) => () => void;
};

export type Store<T> = ReadableStore<T> & {
	/** The same reference is no change. */
	readonly set: (next: T) => void;
	readonly update: (change: (current: T) => T) => void;
};

export const createStore = <T>(initial: T): Store<T> => {
	let current = initial;
	const listeners = new Set<() => void>();
	const set = (next: T) => {
		if (Object.is(next, current)) return;
		current = next;
		for (const listener of listeners) listener();
	};

	return {
		get: () => current,
		set,
		update: change => set(change(current)),
		subscribe(listener) {
			listeners.add(listener);
			return () => {
				listeners.delete(listener);
			};
		},
	};
};
