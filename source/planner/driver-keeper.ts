import type {Device, EngineMemory} from '../engine/types.js';
import type {CalibrationStore} from './calibration-store.js';
import {driverBytesOf, learnedDriverBytes, withSample} from './driver.js';

/** What the driver is known to take, from earlier runs and from the first load of this one. */
export const createDriverKeeper = () => {
	let store: CalibrationStore | undefined;
	let backend: Device['backend'] = 'cpu';
	let earlier: readonly number[] = [];
	let before: EngineMemory | undefined;
	/** By this process; undefined: not measured, or not to be told. */
	let held: number | undefined;
	let isDone = false;

	const measure = async (after: EngineMemory) => {
		const bytes = before && driverBytesOf(before, after);
		if (isDone || bytes === undefined || bytes === held) return;
		held = bytes;
		await store?.writeDriver(backend, withSample(earlier, bytes));
	};

	return {
		async begin(kept: CalibrationStore, device: Device): Promise<void> {
			if (store) return;
			store = kept;
			({backend} = device);
			earlier = await kept.readDriver(backend);
		},
		/** What planning adds once anything is on the device; 0: not known. */
		bytes: (): number => held ?? learnedDriverBytes(earlier),
		/** The engine's reading with what the driver holds for us counted as ours. */
		counted: (memory: EngineMemory): EngineMemory => (held === undefined ? memory : {...memory, ownVramBytes: memory.ownVramBytes + held}),
		/** The engine's own reading while nothing is loaded. */
		unloaded(memory: EngineMemory): void {
			before ??= memory;
		},
		/** The engine's own reading after a load. */
		async loaded(memory: EngineMemory): Promise<void> {
			const measured = measure(memory);
			// Nothing came to the device: a later load begins with the device as it is then.
			if (memory.ownVramBytes === 0) before = undefined;
			await measured;
		},
		/** The engine's own reading after an answer: by the first one kernels are loaded and workspaces made. Later others have come and gone too often. */
		async answered(memory: EngineMemory): Promise<void> {
			const measured = measure(memory);
			isDone ||= memory.ownVramBytes > 0;
			await measured;
		},
	};
};

export type DriverKeeper = ReturnType<typeof createDriverKeeper>;
