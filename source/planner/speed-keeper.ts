import {type Calibration, calibrate, type Observation, speedsOf} from './calibration.js';
import type {CalibrationStore} from './calibration-store.js';
import type {Speeds} from './types.js';

type Options = {
	/** Measures what can be known without a model; half a second. */
	readonly probe: () => Promise<Speeds>;
	readonly onChange: () => void;
};

/** What this machine is known to do, from a probe at its first run and every real answer since. */
export const createSpeedKeeper = ({probe, onChange}: Options) => {
	let store: CalibrationStore | undefined;
	let calibration: Calibration | undefined;
	let latest: {readonly of: Calibration; readonly model: string; readonly speeds: Speeds} | undefined;

	const keep = async (next: Calibration): Promise<void> => {
		calibration = next;
		onChange();
		await store?.write(next);
	};

	return {
		/** Reads what is known of the machine, or probes it. */
		async begin(kept: CalibrationStore): Promise<void> {
			store = kept;
			calibration = await store.read();
			if (calibration) onChange();
			else await keep({probed: await probe(), observed: []});
		},
		/** undefined: not known yet. */
		speeds(model: string): Speeds | undefined {
			if (!calibration) return undefined;
			if (latest?.of !== calibration || latest.model !== model)
				latest = {of: calibration, model, speeds: speedsOf(calibration, model, store?.gpu)};
			return latest.speeds;
		},
		/** Resolves when it is kept. */
		async observe(observation: Observation): Promise<void> {
			if (!calibration) return;
			const next = calibrate(calibration, observation);
			if (next !== calibration) await keep(next);
		},
	};
};

export type SpeedKeeper = ReturnType<typeof createSpeedKeeper>;
