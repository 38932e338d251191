import {useEffect, useRef, useState} from 'react';

const intervalMs = 1000;

/** How long a value has been the same, in ms, second by second; counted only while `isWatched`. */
export const useSilence = (value: unknown, isWatched: boolean): number => {
	const [now, setNow] = useState(0);
	const changed = useRef<{readonly value: unknown; readonly at: number}>(undefined);
	// Not an effect that sets state: a value that changes faster than it is drawn would have React see an endless loop.
	if (!changed.current || changed.current.value !== value) changed.current = {value, at: performance.now()};
	useEffect(() => {
		if (!isWatched) return;
		const timer = setInterval(() => setNow(performance.now()), intervalMs);
		return () => clearInterval(timer);
	}, [isWatched]);
	return isWatched ? Math.max(0, Math.round(now - changed.current.at)) : 0;
};
