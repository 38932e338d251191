import {createContext, useContext} from 'react';
import type {Services} from '../services.js';

const ServicesContext = createContext<Services | undefined>(undefined);
export const ServicesProvider = ServicesContext.Provider;

export const useServices = (): Services => {
	const services = useContext(ServicesContext);
	if (!services) throw new Error('There are no services above this component.');
	return services;
};
