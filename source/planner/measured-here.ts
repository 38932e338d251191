import type {Device, ModelFacts, Settings} from '../engine/types.js';
import {type CalibrationFile, type MachineParts, machineKey} from './calibration-store.js';
import {createMeasurementStore, type Measurements} from './measurement-store.js';
import {isSameSettings} from './settings.js';
import type {Plan} from './types.js';

type Options = {readonly file: CalibrationFile; readonly machine: Omit<MachineParts, 'gpus'>};

/** Measurements of the machine with the devices that llama.cpp sees. */
export const measurementsOf = ({file, machine}: Options, {names}: Device) =>
	createMeasurementStore(file, machineKey({...machine, gpus: names}));

/** What is known of the model at hand. */
export const createMeasuredHere = (options: Options) => {
	let known: {readonly path: string; readonly measurements: Measurements} | undefined;
	return {
		/** To be called before a model is opened. Resolves with the settings that it is opened with when no others are given. */
		async open(model: ModelFacts, device: Device): Promise<Settings | undefined> {
			const measurements = await measurementsOf(options, device).read(model);
			known = {path: model.path, measurements};
			return measurements.kept;
		},
		/** undefined: these settings were not measured. */
		generation({path}: ModelFacts, settings: Settings): Plan['measured'] {
			if (known?.path !== path) return undefined;
			const same = known.measurements.measured.find(measured => isSameSettings(measured.settings, settings));
			return same?.tokensPerSecond === undefined
				? undefined
				: {tokensPerSecond: same.tokensPerSecond, generatedTokens: same.generatedTokens};
		},
	};
};
