import {useEffect, useState} from 'react';
import type {Rates, TokenRate} from '../chat/token-rate.js';

const intervalMs = 400;
/** A slow model, or one that has stopped, is looked at without being told. */
const mostMs = 600;

/**
The tokens per second, read about twice a second; between answers that is the same object and costs nothing. Where it can, it is read when tokens come: they are drawn anyway,
and a frame is what costs.
*/
export const useRates = (rate: TokenRate): Rates => {
	const [rates, setRates] = useState(rate.read);
	useEffect(() => {
		let readAt = performance.now();
		const readAfter = (ms: number) => () => {
			const now = performance.now();
			if (now - readAt < ms) return;
			readAt = now;
			setRates(rate.read());
		};
		const unsubscribe = rate.subscribe(readAfter(intervalMs));
		const timer = setInterval(readAfter(mostMs), mostMs - intervalMs);
		return () => {
			unsubscribe();
			clearInterval(timer);
		};
	}, [rate]);
	return rates;
};
