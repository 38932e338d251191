import {useEffect, useState} from 'react';
import type {Rates, TokenRate} from '../chat/token-rate.js';

const intervalMs = 500;

/** The tokens per second, read twice a second; between answers that is the same object and costs nothing. */
export const useRates = (rate: TokenRate): Rates => {
	const [rates, setRates] = useState(rate.read);
	useEffect(() => {
		const timer = setInterval(() => setRates(rate.read()), intervalMs);
		return () => clearInterval(timer);
	}, [rate]);
	return rates;
};
