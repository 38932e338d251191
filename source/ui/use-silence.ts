import {useEffect, useState} from 'react';

const intervalMs = 1000;

/** How long a value has been the same, in ms, second by second; counted only while `isWatched`. */
export const useSilence = (value: unknown, isWatched: boolean): number => {
	const [ms, setMs] = useState(0);
	// biome-ignore lint/correctness/useExhaustiveDependencies: the value is what resets it
	useEffect(() => {
		setMs(0);
		if (!isWatched) return;
		const timer = setInterval(() => setMs(before => before + intervalMs), intervalMs);
		return () => clearInterval(timer);
	}, [value, isWatched]);
	return ms;
};
