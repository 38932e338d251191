import type {CalibrationFile} from '../../source/planner/calibration-store.js';

/** A file in memory. */
export const createFakeFile = (text?: string): CalibrationFile => {
	let content = text;
	return {
		read: async () => content,
		async write(written) {
			content = written;
		},
	};
};
