import type {Device, DryRun, ModelFacts, Settings} from '../engine/types.js';
import {adviceFor} from './advice.js';
import type {AdviceRequest} from './advice-scene.js';
import type {Ground} from './layer-search.js';
import {estimateOf, type Known, nearestKnown, planOf} from './memory.js';
import {canPlaceExperts, dryRunKey} from './settings.js';
import type {Advice, Machine, Plan} from './types.js';

type Options = {
	readonly askEngine: (model: ModelFacts, settings: Settings) => Promise<DryRun>;
	/** What to plan with, as it is now. */
	readonly groundOf: (model: ModelFacts) => Ground;
	readonly device: () => Device | undefined;
	/** Tokens of context that a model was wanted with. */
	readonly wantedContext: (model: ModelFacts) => number;
};

export type AdviceWish = Pick<AdviceRequest, 'savesMemory' | 'mlockLimitBytes'> & {readonly machine?: Machine};

/** Plans by what the engine has said of one model, which is asked once about the same. */
export const createKnownPlans = ({askEngine, groundOf, device, wantedContext}: Options) => {
	let model: ModelFacts | undefined;
	let said = new Map<string, Known>();

	const saidOf = (facts: ModelFacts): ReadonlyMap<string, Known> => (facts === model ? said : new Map());

	const ask = async (facts: ModelFacts, settings: Settings): Promise<DryRun> => {
		const key = dryRunKey(settings);
		const known = saidOf(facts).get(key);
		if (known) return known.dryRun;
		const dryRun = await askEngine(facts, settings);
		if (facts === model) said.set(key, {settings, dryRun});
		return dryRun;
	};

	return {
		/** What was said is of another model from now on. */
		begin(next: ModelFacts | undefined) {
			model = next;
			said = new Map();
		},
		async planFor(facts: ModelFacts, settings: Settings, machine?: Machine): Promise<Plan> {
			const dryRun = await ask(facts, settings);
			return planOf({settings, dryRun, ...groundOf(facts), ...(machine && {machine})});
		},
		/** undefined: the engine was not asked yet. */
		known(facts: ModelFacts, settings: Settings): Plan | undefined {
			const dryRun = saidOf(facts).get(dryRunKey(settings))?.dryRun;
			return dryRun && planOf({settings, dryRun, ...groundOf(facts)});
		},
		/** From what is known of settings close by; undefined: nothing is. */
		estimate(facts: ModelFacts, settings: Settings): Plan | undefined {
			const near = nearestKnown(settings, [...saidOf(facts).values()]);
			return near && estimateOf({settings, known: near, ...groundOf(facts)});
		},
		/** At most 24 dry runs. `mayAsk` throws where no more may be asked. */
		async advice(
			facts: ModelFacts,
			settings: Settings,
			{machine, mayAsk = () => {}, ...wish}: AdviceWish & {readonly mayAsk?: () => void} = {},
		): Promise<readonly Advice[]> {
			const askOn = async (tried: Settings) => {
				mayAsk();
				return ask(facts, tried);
			};
			const ground = {...groundOf(facts), ...(machine && {machine})};
			const plan = planOf({settings, dryRun: await askOn(settings), ...ground});
			const at = device();
			return adviceFor({
				...ground,
				plan,
				facts,
				ask: askOn,
				canPlaceExperts: at && canPlaceExperts(at),
				wantedContext: wantedContext(facts),
				...wish,
			});
		},
	};
};
