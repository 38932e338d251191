import type {Failure} from './engine-errors.js';
import type {Device, Drafting, Message, ModelFacts, Settings} from './types.js';

export type Step = 'llama.cpp' | 'measuring' | 'fitting' | 'saving' | 'weights' | 'context' | 'restoring' | 'evaluating';
type Work = {readonly step: Step; readonly progress: number | undefined; readonly remainingMs: number | undefined};

export type Phase =
	| {readonly name: 'idle'}
	| ({readonly name: 'loading' | 'reloading'} & Work)
	| {readonly name: 'ready'}
	| {readonly name: 'processing'; readonly done: number; readonly total: number}
	| {readonly name: 'writing'}
	/** Told to stop, and not there yet. */
	| {readonly name: 'stopping'; readonly isReload: boolean}
	| {readonly name: 'failed'; readonly failure: Failure};

export type EngineState = {
	readonly phase: Phase;
	readonly device: Device | undefined;
	readonly model: ModelFacts | undefined;
	/** What the context runs with; undefined: nothing is loaded. */
	readonly applied: Settings | undefined;
	/** What the last load failed with, for another attempt; undefined: a model is loaded, or nothing was tried. */
	readonly failedWith?: Settings | undefined;
	/** What it ran with before the last change that worked. */
	readonly previous: Settings | undefined;
	/** The threads that are applied are those that turned out to be fastest, or are being tried. */
	readonly hasAutoThreads: boolean;
	/** Tokens. */
	readonly contextUsed: number;
	/** Of the answer that is being written, or of the last one; undefined: nothing is guessed, or nothing was written yet. */
	readonly drafting?: Drafting | undefined;
	/** Why nothing is guessed although the settings say so. */
	readonly draftingOff?: string | undefined;
};

/** The settings that the tuner begins from. */
export const tunedFrom = ({applied, failedWith}: Pick<EngineState, 'applied' | 'failedWith'>): Settings | undefined =>
	applied ?? failedWith;

/** `forgets`: the conversation no longer fits into the context. `leavesRest`: told to stop, it has left the rest of the conversation to be evaluated with the next question. */
export type Outcome =
	| {readonly ok: true; readonly forgets?: boolean; readonly leavesRest?: boolean}
	| {readonly ok: false; readonly failure: Failure};

export type Conversation = {readonly system: string | undefined; readonly messages: readonly Message[]};
