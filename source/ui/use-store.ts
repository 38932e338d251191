import {useSyncExternalStore} from 'react';
import type {ReadableStore} from '../lib/store.js';

/** A slice of a store: the view renders again only when `select` gives another value. */
export const useStore = <T, Slice>(store: ReadableStore<T>, select: (snapshot: T) => Slice): Slice =>
	useSyncExternalStore(store.subscribe, () => select(store.get()));
