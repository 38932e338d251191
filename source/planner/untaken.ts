import type {Settings} from '../engine/types.js';
import {placedBytes} from './placement.js';
import type {LayerSizes, Plan} from './types.js';

/** What is left behind by rounding, or by a tensor that no layer has. */
const leastShare = 0.02;

/** Weights of the layers on the GPU that it does not take: llama.cpp leaves in RAM what is over the device's limit for one buffer, or of a type that it cannot compute. */
export const untakenBytes = (settings: Settings, takenBytes: number, sizes: LayerSizes): number => {
	const placed = placedBytes(settings, sizes).gpu;
	return placed - takenBytes > leastShare * placed ? placed - takenBytes : 0;
};

/** The same of a plan, as far as the engine knows it; what is told to stay in RAM does not count. */
export const untakenIn = ({settings, exact, breakdown}: Plan, sizes: LayerSizes): number =>
	exact && settings.overrideTensor === undefined ? untakenBytes(settings, breakdown.vram.weights, sizes) : 0;
