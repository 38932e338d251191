import type {Device, ModelFacts} from '../engine/types.js';
import type {BenchRow} from './bench-rows.js';

export type BenchSubject = {readonly model: ModelFacts; readonly device: Device; readonly cpu: string};

/** `begin` and `end` stand around the rows, each of which is printed when it is there. */
export type BenchPrinter = {readonly begin: () => string; readonly row: (row: BenchRow) => string; readonly end: () => string};

export const backendNames = {cpu: 'CPU', cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal'};

export const weightBytes = ({weights: {sizes}}: ModelFacts): number =>
	sizes.inputBytes + sizes.outputBytes - (sizes.tiedBytes ?? 0) + sizes.blocks.reduce((sum, {bytes}) => sum + bytes, 0);

export const modelName = ({name, quantization}: ModelFacts): string => [name, quantization].filter(Boolean).join(' ');
