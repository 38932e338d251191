import {EngineError} from '../engine/engine-errors.js';
import type {EngineStore} from '../engine/engine-store.js';
import type {DryRun, MemorySplit, ModelFacts, Settings} from '../engine/types.js';
import type {Size} from '../lib/size.js';
import {createStore, type ReadableStore} from '../lib/store.js';
import type {Readings} from '../monitor/types.js';
import {adviceFor} from './advice.js';
import {createDryRunPace} from './dry-run-pace.js';
import {type Binding, fitLayers, layersWithQ8Cache} from './fit.js';
import {type Budgets, machineOf} from './machine.js';
import {estimateOf, type Known, nearestKnown, planOf} from './memory.js';
import {canPlaceExperts, dryRunKey, isSameSettings, type Limits, limitsOf, type Move, moveSetting, type SettingName} from './settings.js';
import type {Advice, Machine, Plan, Speeds} from './types.js';

export type PlanState = {
	/** What the tuner shows; undefined: nothing was moved since the last change was applied. */
	readonly pending: Settings | undefined;
	/** What the tuner's settings will take; `exact` is false until the dry run has answered. */
	readonly plan: Plan | undefined;
	/** What applying them would add to what is taken now, or free (below 0). */
	readonly added: MemorySplit | undefined;
	readonly budgets: Budgets;
	/** What keeps the last fit from being better, or why nothing can be fitted; forgotten when settings or budget change. */
	readonly binding: Binding | 'no GPU' | undefined;
	/** The engine is being asked, and the user waits for it. */
	readonly isAsking: boolean;
	/** What would make the settings better; undefined: not asked since they changed. */
	readonly advice: readonly Advice[] | 'asked' | undefined;
};

type Options = {
	readonly engine: EngineStore;
	readonly monitor: ReadableStore<Readings>;
	readonly budgets: Budgets;
	readonly dryRun: (model: ModelFacts, settings: Settings) => Promise<DryRun>;
	/** Threads that this machine can run at once. */
	readonly threads: number;
	readonly speeds: (model: ModelFacts) => Speeds | undefined;
	/** Generation, by `vramble bench`; undefined: these settings were not measured. */
	readonly measured: (model: ModelFacts, settings: Settings) => number | undefined;
	/** What the driver takes beyond llama.cpp's own numbers, learned from real loads. */
	readonly driverBytes: () => number;
};

/** When the exact answer is there, the settings one step away are asked about, one by one, as long as nothing else is going on. */
const idleMs = 600;

/** The settings that the user has moved but not applied, and what they would take. */
export const createPlanStore = ({engine, monitor, budgets, dryRun: askEngine, threads, speeds, measured, driverBytes}: Options) => {
	const store = createStore<PlanState>({
		pending: undefined,
		plan: undefined,
		added: undefined,
		budgets,
		binding: undefined,
		isAsking: false,
		advice: undefined,
	});
	const change = (part: Partial<PlanState>) =>
		store.update(state =>
			(Object.keys(part) as Array<keyof PlanState>).every(key => Object.is(part[key], state[key])) ? state : {...state, ...part},
		);

	const pace = createDryRunPace();
	let dryRuns = new Map<string, Known>();
	let model: ModelFacts | undefined;
	let timer: NodeJS.Timeout | undefined;

	const limits = (): Limits | undefined => {
		const {model: loaded, device} = engine.get();
		return loaded && device ? limitsOf(loaded, device, threads) : undefined;
	};

	const ask = async (facts: ModelFacts, settings: Settings): Promise<DryRun> => {
		const known = dryRuns.get(dryRunKey(settings));
		if (known) return known.dryRun;
		const dryRun = await pace.time(() => askEngine(facts, settings));
		if (facts === model) dryRuns.set(dryRunKey(settings), {settings, dryRun});
		return dryRun;
	};

	const basis = (facts: ModelFacts) => ({
		weights: facts.weights,
		machine: machineOf(monitor.get(), store.get().budgets),
		speeds: speeds(facts),
		driverBytes: driverBytes(),
	});

	const planFor = async (facts: ModelFacts, settings: Settings): Promise<Plan> =>
		planOf({settings, dryRun: await ask(facts, settings), ...basis(facts)});

	/** undefined: the engine was not asked yet. */
	const knownPlan = (facts: ModelFacts, settings: Settings): Plan | undefined => {
		const known = dryRuns.get(dryRunKey(settings));
		return known && planOf({settings, dryRun: known.dryRun, ...basis(facts)});
	};

	const shown = (): {readonly facts: ModelFacts; readonly settings: Settings} | undefined => {
		const {model: facts, applied} = engine.get();
		const settings = store.get().pending ?? applied;
		return facts && settings && {facts, settings};
	};

	const show = (plan: Plan, facts: ModelFacts) => {
		const now = engine.get().applied;
		const taken = now && store.get().pending && knownPlan(facts, now);
		const added = taken && {vramBytes: plan.vramBytes - taken.vramBytes, ramBytes: plan.ramBytes - taken.ramBytes};
		change({plan: {...plan, measuredTokensPerSecond: measured(facts, plan.settings)}, added});
	};

	const isFree = () => engine.get().phase.name === 'ready';
	const isAnswering = () => ['processing', 'writing', 'stopping'].includes(engine.get().phase.name);
	const isBusy = () => !['ready', 'failed', 'idle'].includes(engine.get().phase.name);

	const askNeighbours = async () => {
		const bounds = limits();
		const now = shown();
		if (!now || !bounds) return;
		for (const name of ['gpuLayers', 'cpuExpertLayers', 'contextSize'] as const) {
			for (const move of ['more', 'less'] as const) {
				if (!isFree() || shown()?.settings !== now.settings) return;
				await ask(now.facts, moveSetting(now.settings, name, move, bounds)).catch(() => {});
			}
		}
	};

	const adviceOn = async (
		facts: ModelFacts,
		settings: Settings,
		askFor: typeof ask,
		machine = basis(facts).machine,
	): Promise<readonly Advice[]> => {
		const ground = {...basis(facts), machine};
		const plan = planOf({settings, dryRun: await askFor(facts, settings), ...ground});
		const {device} = engine.get();
		return adviceFor({...ground, plan, facts, ask: tried => askFor(facts, tried), canPlaceExperts: device && canPlaceExperts(device)});
	};

	/** At once from what is known, and exactly as soon as the keys rest and the engine has answered. */
	const preview = () => {
		clearTimeout(timer);
		const now = shown();
		if (!now) {
			change({plan: undefined, added: undefined});
			return;
		}

		const known = knownPlan(now.facts, now.settings);
		if (known) {
			show(known, now.facts);
			timer = setTimeout(askNeighbours, idleMs);
			timer.unref();
			return;
		}

		const near = nearestKnown(now.settings, [...dryRuns.values()]);
		if (near) show(estimateOf({settings: now.settings, known: near, ...basis(now.facts)}), now.facts);
		timer = setTimeout(() => void ask(now.facts, now.settings).then(preview, () => {}), pace.delayMs(isAnswering()));
		timer.unref();
	};

	const setPending = (settings: Settings | undefined, binding?: PlanState['binding']) => {
		const {applied} = engine.get();
		change({pending: settings && applied && isSameSettings(applied, settings) ? undefined : settings, binding, advice: undefined});
		preview();
	};

	let applied = engine.get().applied;
	let wasAnswering = false;
	const unsubscribeEngine = engine.subscribe(() => {
		const state = engine.get();
		if (state.model !== model) {
			model = state.model;
			dryRuns = new Map();
		}

		const answered = wasAnswering && !isAnswering();
		wasAnswering = isAnswering();
		if (state.applied === applied) {
			if (answered) preview();
			return;
		}

		applied = state.applied;
		const {pending, binding} = store.get();
		setPending(undefined, applied && pending && isSameSettings(applied, pending) ? binding : undefined);
	});
	/** What is planned with has changed, not what is planned. */
	const refresh = () => {
		const now = shown();
		const known = now && knownPlan(now.facts, now.settings);
		if (known) show(known, now.facts);
	};

	const whileAsking = async <T>(work: () => Promise<T>): Promise<T> => {
		change({isAsking: true});
		try {
			return await work();
		} finally {
			change({isAsking: false});
		}
	};

	const unsubscribeMonitor = monitor.subscribe(refresh);

	/** false: there is no device for what was asked, and the tuner says so. */
	const hasGpu = (): boolean => {
		const bounds = limits();
		if (bounds?.gpuLayers === 0) change({binding: 'no GPU'});
		return bounds !== undefined && bounds.gpuLayers > 0;
	};

	return {
		hasGpu,
		refresh,
		whileAsking,
		get: store.get,
		subscribe: store.subscribe,
		limits,
		planFor,
		move(name: SettingName, move: Move) {
			const bounds = limits();
			const now = shown();
			if (!now || !bounds) return;
			const settings = moveSetting(now.settings, name, move, bounds);
			if (settings !== now.settings) setPending(settings);
		},
		putBack() {
			setPending(undefined);
		},
		/** Makes the settings pending that were applied before the last change that worked. */
		recall() {
			const {previous} = engine.get();
			if (previous) setPending(previous);
		},
		/** Makes the settings pending that put most layers on the GPU. */
		async fit() {
			const now = shown();
			const bounds = limits();
			if (!now || !bounds || store.get().isAsking || !hasGpu()) return;
			const wishes = {
				settings: now.settings,
				layers: bounds.gpuLayers,
				cpuExpertLayers: bounds.cpuExpertLayers,
				sizes: now.facts.weights.sizes,
				machine: basis(now.facts).machine,
			};
			const tryOut = (settings: Settings) => planFor(now.facts, settings);
			const fit = await whileAsking(() => fitLayers(wishes, tryOut));
			const {bindingLimit} = fit;
			if (shown()?.facts !== now.facts) return;
			const binding = bindingLimit && {...bindingLimit, layersWithQ8Cache: 0};
			setPending(fit.plan.settings, binding);
			const more = await layersWithQ8Cache(fit, wishes, tryOut);
			if (binding && more > 0 && store.get().binding === binding) change({binding: {...binding, layersWithQ8Cache: more}});
		},
		/** Computes what would make the settings better, for the one who looks at them; at most 24 dry runs. */
		async advise(): Promise<void> {
			const now = shown();
			if (!now || store.get().advice === 'asked') return;
			change({advice: 'asked'});
			const advice = await adviceOn(now.facts, now.settings, ask).catch(() => []);
			if (shown()?.settings === now.settings) change({advice});
		},
		/** The same for any settings, as long as the engine has nothing better to do. */
		async adviseOn(facts: ModelFacts, settings: Settings, machine: Machine): Promise<readonly Advice[]> {
			const askIdle: typeof ask = async (model, tried) => {
				if (isBusy()) throw new EngineError('aborted', 'The engine has something better to do.');
				return ask(model, tried);
			};
			return adviceOn(facts, settings, askIdle, machine);
		},
		/** Makes the settings of a piece of advice pending, where it is about settings. */
		follow(index: number) {
			const {advice} = store.get();
			const settings = advice === 'asked' ? undefined : advice?.[index]?.settings;
			if (settings) setPending(settings);
		},
		setVramBudget(vram: Size | undefined) {
			change({budgets: {...store.get().budgets, vram}, binding: undefined});
			preview();
		},
		dispose() {
			clearTimeout(timer);
			unsubscribeEngine();
			unsubscribeMonitor();
		},
	};
};

export type PlanStore = ReturnType<typeof createPlanStore>;
