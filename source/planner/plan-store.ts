import type {EngineStore} from '../engine/engine-store.js';
import type {Settings} from '../engine/types.js';
import {createStore} from '../lib/store.js';
import {type Limits, limitsOf, type Move, moveSetting, type SettingName} from './settings.js';

export type PlanState = {
	/** What the tuner shows; undefined: nothing was moved since the last change was applied. */
	readonly pending: Settings | undefined;
};

/** The settings that the user has moved but not applied. */
export const createPlanStore = (engine: EngineStore, threads: number) => {
	const store = createStore<PlanState>({pending: undefined});
	const show = (pending: Settings | undefined) => store.update(state => (state.pending === pending ? state : {pending}));
	const setPending = (pending: Settings) => {
		const {applied} = engine.get();
		const isApplied = applied !== undefined && (Object.keys(applied) as SettingName[]).every(name => applied[name] === pending[name]);
		show(isApplied ? undefined : pending);
	};

	let applied = engine.get().applied;
	const unsubscribe = engine.subscribe(() => {
		const next = engine.get().applied;
		if (next === applied) return;
		applied = next;
		show(undefined);
	});

	const limits = (): Limits | undefined => {
		const {model, device} = engine.get();
		return model && device ? limitsOf(model, device.backend !== 'cpu', threads) : undefined;
	};

	return {
		get: store.get,
		subscribe: store.subscribe,
		limits,
		move(name: SettingName, move: Move) {
			const bounds = limits();
			const settings = store.get().pending ?? engine.get().applied;
			if (settings && bounds) setPending(moveSetting(settings, name, move, bounds));
		},
		putBack() {
			show(undefined);
		},
		/** Makes the settings pending that were applied before the last change that worked. */
		recall() {
			const {previous} = engine.get();
			if (previous) setPending(previous);
		},
		dispose: unsubscribe,
	};
};

export type PlanStore = ReturnType<typeof createPlanStore>;
