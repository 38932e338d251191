import type {ModelFacts} from '../engine/types.js';
import type {Ground} from './layer-search.js';
import type {Known} from './memory.js';
import type {Advice, AskDryRun, Machine, ModelWeights, Plan, Speeds} from './types.js';

export type AdviceRequest = {
	/** Of the settings that are on the screen. */
	readonly plan: Plan;
	readonly weights: ModelWeights;
	readonly facts: ModelFacts;
	readonly machine: Machine;
	readonly speeds: Speeds | undefined;
	readonly ask: AskDryRun;
	/** Whether something can place experts by number. */
	readonly canPlaceExperts?: boolean | undefined;
	/** What the driver takes of the device once anything is there. */
	readonly driverBytes: number;
	/** Tokens in the context that speeds are predicted for. */
	readonly fillTokens?: number | undefined;
};

/** What it takes to follow: a key, another file, another machine. */
export type Kind = 'settings' | 'file' | 'machine';
export type Found = {readonly kind: Kind; readonly advice: Advice; readonly fixes: boolean; readonly gain: number};

export type Scene = AdviceRequest & {
	readonly ground: Ground;
	readonly known: Known;
	/** The same settings with as many layers as fit; undefined: there is no device, or nothing fits. */
	readonly best: Plan | undefined;
};

/** Asks the engine where it must; undefined: nothing worth saying. */
export type Candidate = (scene: Scene) => Found | undefined | Promise<Found | undefined>;

/** Smaller changes of speed are within what predictions are off by anyway. */
export const leastGain = 0.02;

export const isGood = ({verdict}: Plan): boolean => verdict === 'fits' || verdict === 'tight';

/** What a plan gives against the one on the screen; undefined: nothing worth saying. */
export const compare = (scene: Scene, kind: Kind, text: string, next: Plan, rest: Partial<Advice> = {}): Found | undefined => {
	const {plan, best} = scene;
	const freed = plan.vramBytes - next.vramBytes;
	const layers = next.settings.gpuLayers - (best ?? plan).settings.gpuLayers;
	const speed = next.tokensPerSecond;
	const gain = speed !== undefined && plan.tokensPerSecond !== undefined ? speed / plan.tokensPerSecond - 1 : 0;
	const fixes = !isGood(plan) && isGood(next);
	const freesVramBytes = rest.freesVramBytes ?? (freed > 0 ? freed : undefined);
	const moreLayers = rest.moreLayers ?? (layers > 0 ? layers : undefined);
	const isWorth = fixes || gain >= leastGain || moreLayers !== undefined || (freesVramBytes !== undefined && kind === 'settings');
	if (!isWorth || (!isGood(next) && isGood(plan))) return undefined;
	const advice: Advice = {
		text,
		freesVramBytes,
		moreLayers,
		tokensPerSecond: speed,
		verdict: fixes ? next.verdict : undefined,
		settings: kind === 'settings' ? next.settings : undefined,
	};
	return {kind, advice, fixes, gain};
};
