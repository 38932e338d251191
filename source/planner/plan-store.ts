import {EngineError} from '../engine/engine-errors.js';
import {tunedFrom} from '../engine/engine-state.js';
import type {EngineStore} from '../engine/engine-store.js';
import type {DryRun, ModelFacts, Settings} from '../engine/types.js';
import type {Size} from '../lib/size.js';
import {createStore, type ReadableStore} from '../lib/store.js';
import type {Readings} from '../monitor/types.js';
import {createDryRunPace, idleMs, isAnswering, isBusy, postponedMs, rivalOf} from './dry-run-pace.js';
import {fitLayers, layersWithQ8Cache, outcomeOf} from './fit.js';
import {type AdviceWish, createKnownPlans} from './known-plans.js';
import {type Budgets, machineOf} from './machine.js';
import {noPlan, type PlanState} from './plan-state.js';
import {
	followThreads,
	isImpossible,
	isSameSettings,
	type Limits,
	limitsOf,
	type Move,
	moveSetting,
	type SettingName,
	stepBetween,
} from './settings.js';
import {leastFillTokens} from './speed.js';
import type {Advice, Machine, Plan, Speeds} from './types.js';

type Options = {
	readonly engine: EngineStore;
	readonly monitor: ReadableStore<Readings>;
	readonly budgets: Budgets;
	/** Read anew: what `monitor` has may be of before a load, or nothing yet. */
	readonly readMachine: () => Promise<Machine>;
	readonly dryRun: (model: ModelFacts, settings: Settings) => Promise<DryRun>;
	/** Threads that this machine can run at once. */
	readonly threads: number;
	readonly speeds: (model: ModelFacts) => Speeds | undefined;
	/** Generation, by `vramble bench`; undefined: these settings were not measured. */
	readonly measured: (model: ModelFacts, settings: Settings) => Plan['measured'];
	/** What the driver takes beyond llama.cpp's own numbers, learned from real loads. */
	readonly driverBytes: () => number;
	readonly mlockLimitBytes: () => Promise<number | undefined>;
	readonly wantedContext: (model: ModelFacts) => number;
};

/** The settings that the user has moved but not applied, and what they would take. */
export const createPlanStore = ({
	engine,
	monitor,
	budgets,
	readMachine,
	dryRun: askEngine,
	threads,
	speeds,
	measured,
	driverBytes,
	mlockLimitBytes,
	wantedContext,
}: Options) => {
	const store = createStore(noPlan(budgets));
	const change = (part: Partial<PlanState>) =>
		store.update(state =>
			(Object.keys(part) as Array<keyof PlanState>).every(key => Object.is(part[key], state[key])) ? state : {...state, ...part},
		);

	const pace = createDryRunPace();
	const plans = createKnownPlans({
		askEngine: (facts, settings) => pace.time(() => askEngine(facts, settings)),
		groundOf: facts => ({
			weights: facts.weights,
			machine: machineOf(monitor.get(), store.get().budgets),
			speeds: speeds(facts),
			driverBytes: driverBytes(),
			fillTokens: Math.max(leastFillTokens, engine.get().contextUsed),
		}),
		device: () => engine.get().device,
		wantedContext,
	});
	let model: ModelFacts | undefined;
	let timer: NodeJS.Timeout | undefined;

	const limits = (): Limits | undefined => {
		const {model: loaded, device} = engine.get();
		return loaded && device ? limitsOf(loaded, device, threads) : undefined;
	};

	const shown = (): {readonly facts: ModelFacts; readonly settings: Settings} | undefined => {
		const {model: facts} = engine.get();
		const settings = store.get().pending ?? tunedFrom(engine.get());
		return facts && settings && {facts, settings};
	};

	const show = (plan: Plan, facts: ModelFacts) => {
		const now = engine.get().applied;
		const taken = now && store.get().pending && plans.known(facts, now);
		const added = taken && {vramBytes: plan.vramBytes - taken.vramBytes, ramBytes: plan.ramBytes - taken.ramBytes};
		change({plan: {...plan, measured: measured(facts, plan.settings)}, added});
	};

	const askNeighbours = async () => {
		const bounds = limits();
		const now = shown();
		if (!now || !bounds) return;
		for (const name of ['gpuLayers', 'cpuExpertLayers', 'contextSize'] as const) {
			for (const move of ['more', 'less'] as const) {
				if (engine.get().phase.name !== 'ready' || shown()?.settings !== now.settings) return;
				await plans.planFor(now.facts, moveSetting(now.settings, name, move, bounds)).catch(() => {});
			}
		}
	};

	/** At once from what is known, and exactly as soon as the keys rest and the engine has answered. */
	const preview = () => {
		clearTimeout(timer);
		const now = shown();
		change({isPostponed: false});
		if (!now || isImpossible(now.settings)) {
			change({plan: undefined, added: undefined});
			return;
		}

		const plan = plans.known(now.facts, now.settings);
		if (plan) {
			show(plan, now.facts);
			timer = setTimeout(askNeighbours, idleMs);
			timer.unref();
			return;
		}

		const estimate = plans.estimate(now.facts, now.settings);
		if (estimate) show(estimate, now.facts);
		const delayMs = pace.delayMs(rivalOf(engine.get(), threads));
		if (delayMs > postponedMs) change({isPostponed: true});
		timer = setTimeout(() => void plans.planFor(now.facts, now.settings).then(preview, () => {}), delayMs);
		timer.unref();
	};

	const setPending = (settings: Settings | undefined, binding?: PlanState['binding']) => {
		const from = tunedFrom(engine.get());
		change({pending: settings && from && isSameSettings(from, settings) ? undefined : settings, binding, advice: undefined});
		preview();
	};

	let [applied, {contextUsed}] = [tunedFrom(engine.get()), engine.get()];
	let wasAnswering = false;
	let applying: Settings | undefined;
	let lastQueued = 0;
	const unsubscribeEngine = engine.subscribe(() => {
		const state = engine.get();
		if (state.model !== model) {
			model = state.model;
			plans.begin(model);
		}

		const answers = isAnswering(state);
		const answered = wasAnswering && !answers;
		if (!wasAnswering && answers) pace.answerBegan();
		wasAnswering = answers;
		if (state.phase.name === 'reloading') applying ??= store.get().pending;
		if (tunedFrom(state) === applied) {
			if (answered) preview();
			else if (state.contextUsed !== contextUsed && !answers) refresh();
			({contextUsed} = state);
			return;
		}

		const before = applied;
		applied = tunedFrom(state);
		({contextUsed} = state);
		const {pending, queued, binding} = store.get();
		const isMovedMeanwhile = applied && applying && pending && !isSameSettings(applying, pending);
		applying = undefined;
		const areThreads = before && applied && stepBetween(before, applied) === 'threads';
		const wish = pending && before && applied && followThreads(pending, before, applied);
		if (areThreads && queued === pending) change({queued: wish});
		const isDone = applied && wish && isSameSettings(applied, wish);
		setPending(isMovedMeanwhile || areThreads ? wish : undefined, isDone || areThreads ? binding : undefined);
	});
	/** What is planned with has changed, not what is planned. */
	const refresh = () => {
		const now = shown();
		const plan = now && plans.known(now.facts, now.settings);
		if (plan) show(plan, now.facts);
	};

	const whileAsking = async <T>(work: () => Promise<T>): Promise<T> => {
		change({isAsking: true});
		try {
			return await work();
		} finally {
			change({isAsking: false});
		}
	};

	void mlockLimitBytes().then(bytes => change({mlockLimitBytes: bytes}));
	const unsubscribeMonitor = monitor.subscribe(refresh);

	/** false: there is no device for what was asked, and the tuner says so. */
	const hasGpu = (): boolean => {
		const bounds = limits();
		if (bounds?.gpuLayers === 0) change({binding: 'no GPU'});
		return bounds !== undefined && bounds.gpuLayers > 0;
	};

	return {
		refresh,
		whileAsking,
		/** Shows that these settings are about to be applied, until they were, or others are instead; undefined: that is so already. */
		async whileQueued<T>(settings: Settings, work: (isLast: () => boolean) => Promise<T>): Promise<T | undefined> {
			if (store.get().queued === settings) return undefined;
			lastQueued++;
			const number = lastQueued;
			const isLast = () => number === lastQueued;
			change({queued: settings});
			try {
				return await work(isLast);
			} finally {
				if (isLast()) change({queued: undefined});
			}
		},
		get: store.get,
		subscribe: store.subscribe,
		limits,
		planFor: (facts: ModelFacts, settings: Settings): Promise<Plan> => plans.planFor(facts, settings),
		move(name: SettingName, move: Move) {
			const [bounds, now] = [limits(), shown()];
			if (!now || !bounds) return;
			const settings = moveSetting(now.settings, name, move, bounds);
			if (settings !== now.settings) setPending(settings);
		},
		putBack() {
			setPending(undefined);
		},
		/** Puts back what is pending, or makes the settings pending that were applied before the last change that worked; false: there is neither. */
		recall(): boolean {
			const [{pending}, {previous}] = [store.get(), engine.get()];
			if (pending || previous) setPending(pending ? undefined : previous);
			return Boolean(pending ?? previous);
		},
		/** Makes the settings pending that put most layers on the GPU. */
		async fit() {
			const now = shown();
			const bounds = limits();
			if (!now || !bounds || store.get().isAsking || !hasGpu()) return;
			const {facts, settings} = now;
			const fitted = await whileAsking(async () => {
				const machine = await readMachine();
				const {gpuLayers: layers, cpuExpertLayers} = bounds;
				const wishes = {settings, layers, cpuExpertLayers, sizes: facts.weights.sizes, machine};
				const tryOut = (tried: Settings) => plans.planFor(facts, tried, machine);
				return machine.vram && {wishes, tryOut, fit: await fitLayers(wishes, tryOut)};
			});
			if (shown()?.facts !== facts) return;
			if (!fitted) {
				change({binding: 'VRAM unknown'});
				return;
			}

			const {wishes, tryOut, fit} = fitted;
			const binding = outcomeOf(fit, wishes.sizes);
			setPending(fit.plan.settings, binding);
			const more = await layersWithQ8Cache(fit, wishes, tryOut);
			if (typeof binding === 'object' && store.get().binding === binding) change({binding: {...binding, layersWithQ8Cache: more}});
		},
		/** Computes what would make the settings better, for the one who looks at them; at most 24 dry runs. */
		async advise(): Promise<void> {
			const now = shown();
			if (!now || store.get().advice === 'asked') return;
			change({advice: 'asked'});
			const advice = await plans.advice(now.facts, now.settings, {mlockLimitBytes: store.get().mlockLimitBytes}).catch(() => []);
			if (shown()?.settings === now.settings) change({advice});
		},
		/** The same for any settings, as long as the engine has nothing better to do. */
		async adviseOn(facts: ModelFacts, settings: Settings, wish: AdviceWish): Promise<readonly Advice[]> {
			const mayAsk = () => {
				if (isBusy(engine.get())) throw new EngineError('aborted', 'The engine has something better to do.');
			};
			return plans.advice(facts, settings, {mlockLimitBytes: store.get().mlockLimitBytes, ...wish, mayAsk});
		},
		/** Makes the settings of a piece of advice pending, where it is about settings. */
		follow(index: number) {
			const {advice} = store.get();
			const settings = advice === 'asked' ? undefined : advice?.[index]?.settings;
			if (settings) setPending(settings);
		},
		/** Of the RAM where there is no GPU. */
		setBudget(size: Size | undefined) {
			const side = limits()?.gpuLayers ? 'vram' : 'ram';
			change({budgets: {...store.get().budgets, [side]: size}, binding: undefined, advice: undefined});
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
