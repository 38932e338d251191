import type {EngineState} from '../engine/engine-state.js';
import {isSoftwareDevice} from './machine.js';

/** When the exact answer is there, the settings one step away are asked about, one by one, as long as nothing else is going on. */
export const idleMs = 600;

/** A dry run that is there within half a second is not worth a word. */
export const postponedMs = 500;

/** A held-down arrow key repeats 30 times a second: the dry run waits until it rests. */
const restMs = 120;
/** Of an answer's time, what dry runs may take. */
const mostShare = 0.03;
/**
A dry run works on a thread of its own, and holds the engine's, on which the answer is written, for a small part of its time: 6 of 150 ms with 70B, 9 of 290 ms
with 120B, 5 of 80 ms with SmolLM2. Without a core for it, it takes its time from the answer's threads.
*/
const heldShare = 0.06;

/** Something that a dry run would take time from. */
export type Rival = 'nothing' | 'an answer' | 'an answer on all cores';

export const isAnswering = ({phase}: Pick<EngineState, 'phase'>): boolean => ['processing', 'writing', 'stopping'].includes(phase.name);

export const isBusy = ({phase}: Pick<EngineState, 'phase'>): boolean => !['ready', 'failed', 'idle'].includes(phase.name);

/** `cores` are those of the machine. */
export const rivalOf = (engine: Pick<EngineState, 'phase' | 'applied' | 'model' | 'device'>, cores: number): Rival => {
	const {applied, model, device} = engine;
	if (!isAnswering(engine) || !applied || !model || !device) return 'nothing';
	const {gpuLayers, threads} = applied;
	if (gpuLayers > 0 && device.names.some(isSoftwareDevice)) return 'an answer on all cores';
	return gpuLayers >= model.layers || threads < cores ? 'an answer' : 'an answer on all cores';
};

/** When the engine may be asked. All dry runs during an answer take their share of its time so far; only the first one is let off. */
export const createDryRunPace = (now: () => number = () => performance.now()) => {
	let answerBeganAt = 0;
	let spentMs = 0;
	return {
		answerBegan() {
			answerBeganAt = now();
			spentMs = 0;
		},
		async time<T>(run: () => Promise<T>): Promise<T> {
			const startedAt = now();
			try {
				return await run();
			} finally {
				spentMs += now() - startedAt;
			}
		},
		/** How long to wait from now. */
		delayMs(rival: Rival): number {
			if (rival === 'nothing') return restMs;
			const costMs = spentMs * (rival === 'an answer' ? heldShare : 1);
			return Math.max(restMs, answerBeganAt + costMs / mostShare - now());
		},
	};
};
