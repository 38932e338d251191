import {createRemaining} from '../lib/remaining.js';
import {createStore, type ReadableStore} from '../lib/store.js';
import {concrete, followThreads, stepBetween} from '../planner/settings.js';
import {EngineError, isAborted, toFailure} from './engine-errors.js';
import type {Conversation, EngineState, Outcome, Phase, Step} from './engine-state.js';
import type {Answer, AnswerEvent, Call, Device, Engine, GpuChoice, ModelFacts, Sampling, Settings, WantedSettings} from './types.js';

type Options = {
	readonly engine: Engine;
	readonly gpu: GpuChoice;
	/** Makes a name for a file that may grow to the size of the KV cache, and removes what was written there. */
	readonly temporaryFile: () => {readonly path: string; readonly remove: () => Promise<void>};
	readonly now?: () => number;
};

const stoppable: ReadonlySet<Phase['name']> = new Set(['loading', 'reloading', 'processing', 'writing']);
const hasContext: ReadonlySet<Phase['name']> = new Set(['ready', 'processing', 'writing', 'stopping']);

/** Runs one thing at a time on the engine, and says how it stands. */
export const createEngineStore = ({engine, gpu, temporaryFile, now = () => performance.now()}: Options) => {
	const store = createStore<EngineState>({
		phase: {name: 'idle'},
		device: undefined,
		model: undefined,
		applied: undefined,
		previous: undefined,
		hasAutoThreads: false,
		contextUsed: 0,
	});
	const change = (part: Partial<EngineState>) => store.update(state => ({...state, ...part}));

	let starting: Promise<Device> | undefined;
	let current: {readonly controller: AbortController; readonly done: Promise<unknown>} | undefined;
	let disposed: Promise<void> | undefined;

	const start = (): Promise<Device> => {
		starting ??= engine.start({gpu}).then(device => {
			change({device});
			return device;
		});
		return starting;
	};

	/** One at a time: what runs is waited for, not joined. */
	const exclusively = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
		while (current) await current.done;
		if (disposed) throw new EngineError('aborted', 'The engine is being closed.');
		const controller = new AbortController();
		const running = work(controller.signal);
		const done = running.catch(() => {});
		current = {controller, done};
		void done.then(() => {
			current = undefined;
		});
		return running;
	};

	const reporter = (name: 'loading' | 'reloading') => (step: Step, known?: {readonly progress: number}) => {
		let shown = -1;
		const remaining = createRemaining(now);
		const report = (progress: number | undefined) => {
			const percent = Math.floor((progress ?? -1) * 100);
			if (percent === shown && progress !== undefined) return;
			shown = percent;
			change({phase: {name, step, progress, remainingMs: progress === undefined ? undefined : remaining(progress)}});
		};

		report(known?.progress);
		return report;
	};

	type Report = ReturnType<typeof reporter>;

	const loadWeights = async (path: string, settings: WantedSettings, report: Report, signal?: AbortSignal) => {
		const onProgress = report('weights', {progress: 0});
		await engine.loadModel({path, settings}, {signal, onEvent: ({progress}) => onProgress(progress)});
	};

	const makeContext = async (settings: WantedSettings, report: Report, signal?: AbortSignal): Promise<Settings> => {
		report('context');
		const loaded = await engine.createContext({settings}, {signal});
		change({drafting: undefined, draftingOff: loaded.draftingOff});
		return loaded.settings;
	};

	const replay = async (report: Report, signal: AbortSignal | undefined) => {
		const onProgress = report('evaluating', {progress: 0});
		const call: Call<AnswerEvent> = {
			signal,
			onEvent(event) {
				if (event.type === 'processing') onProgress(event.done / event.total);
			},
		};
		const {tokens} = await engine.replay({}, call);
		return tokens;
	};

	/** What could not even begin (the engine is being closed, there is no room for the temporary file) is an outcome too. */
	const attempt = async (work: (signal: AbortSignal) => Promise<Outcome>): Promise<Outcome> =>
		exclusively(work).catch(error => ({ok: false, failure: toFailure(error)}));

	/** `settle` may replace what is wanted when the memory of the model before is free again. */
	const load = async (
		model: ModelFacts,
		wanted: WantedSettings,
		conversation: Conversation,
		settle: (wanted: WantedSettings, signal: AbortSignal, report: Report) => Promise<WantedSettings> = async given => given,
	): Promise<Outcome> =>
		attempt(async signal => {
			const report = reporter('loading');
			report('llama.cpp');
			change({model, applied: undefined, failedWith: undefined, previous: undefined, contextUsed: 0});
			let settled = wanted;
			try {
				await start();
				await engine.freeModel();
				await engine.setConversation(conversation);
				report('fitting');
				settled = await settle(wanted, signal, report);
				const layers = settled.gpuLayers === 'auto' ? 'auto' : Math.min(settled.gpuLayers, model.layers);
				await loadWeights(model.path, {...settled, gpuLayers: layers}, report, signal);
				const applied = await makeContext({...settled, gpuLayers: layers}, report, signal);
				const contextUsed = conversation.messages.length > 0 ? await replay(report, signal) : 0;
				change({phase: {name: 'ready'}, applied, hasAutoThreads: settled.threads === 'auto', contextUsed});
				return {ok: true, ...(signal.aborted && {leavesRest: true})};
			} catch (error) {
				await engine.freeModel().catch(() => {});
				const failure = toFailure(error);
				change(
					isAborted(error)
						? {phase: {name: 'idle'}, model: undefined}
						: {phase: {name: 'failed', failure}, failedWith: concrete(settled, model), hasAutoThreads: settled.threads === 'auto'},
				);
				return {ok: false, failure};
			}
		});

	const save = async (file: string, report: Report): Promise<boolean> => {
		if (store.get().contextUsed === 0) return false;
		report('saving');
		// Without it the conversation is evaluated again: a full disk is no reason to refuse a change.
		return engine.saveState({file}).then(
			() => true,
			() => false,
		);
	};

	const restore = async (file: string | undefined, report: Report, signal: AbortSignal | undefined): Promise<number> => {
		if (file !== undefined) {
			report('restoring');
			const restored = await engine.restoreState({file}).catch(() => undefined);
			if (restored) return restored.tokens;
		}

		return replay(report, signal);
	};

	const sameCache = (a: Settings, b: Settings) => a.cacheTypeK === b.cacheTypeK && a.cacheTypeV === b.cacheTypeV;

	/** Nothing has to be stopped or made anew for it. */
	const setThreads = async (threads: number): Promise<Outcome> => {
		await engine.setThreads({threads});
		const {applied} = store.get();
		if (applied) change({applied: {...applied, threads}, previous: applied, hasAutoThreads: false});
		return {ok: true};
	};

	const rebuildFor = async (asked: Settings, askedFrom: Settings | undefined, isStillWanted: () => boolean): Promise<Outcome> =>
		attempt(async signal => {
			if (!isStillWanted()) throw new EngineError('aborted', 'Stopped.');
			const {applied: before, previous, model, hasAutoThreads, contextUsed} = store.get();
			if (!before || !model) throw new EngineError('failed', 'No model is loaded.');
			const wanted = askedFrom ? followThreads(asked, askedFrom, before) : asked;
			const step = stepBetween(before, wanted);
			if (step === 'nothing') return {ok: true};
			if (step === 'threads') return setThreads(wanted.threads);
			const staysAuto = ({threads}: Settings) => hasAutoThreads && threads === before.threads;
			const report = reporter('reloading');
			const file = temporaryFile();
			const rebuild = async (settings: Settings, withWeights: boolean, until?: AbortSignal) => {
				if (withWeights) {
					await engine.freeModel();
					await loadWeights(model.path, settings, report, until);
				} else {
					await engine.freeContext();
				}

				return makeContext(staysAuto(settings) ? {...settings, threads: 'auto'} : settings, report, until);
			};

			try {
				const saved = await save(file.path, report);
				const comeBack = async (settings: Settings, until?: AbortSignal) => {
					if (contextUsed === 0) return 0;
					return restore(saved && sameCache(before, settings) ? file.path : undefined, report, until);
				};

				try {
					const applied = await rebuild(wanted, step === 'model', signal);
					const used = await comeBack(applied, signal);
					// The last batch is evaluated to its end.
					if (signal.aborted) throw new EngineError('aborted', 'Stopped.');
					change({contextUsed: used, applied, previous: before, hasAutoThreads: staysAuto(wanted), phase: {name: 'ready'}});
					return {ok: true, ...(contextUsed > 0 && used === 0 && {forgets: true})};
				} catch (error) {
					if (disposed) throw error;
					const applied = await rebuild(before, step === 'model');
					change({contextUsed: await comeBack(applied), applied, previous, phase: {name: 'ready'}});
					return {ok: false, failure: toFailure(error)};
				}
			} catch (error) {
				const failure = toFailure(error);
				await engine.freeModel().catch(() => {});
				change({phase: {name: 'failed', failure}, applied: undefined, failedWith: before});
				return {ok: false, failure};
			} finally {
				await file.remove();
			}
		});

	const apply = async (wanted: Settings, isStillWanted: () => boolean = () => true): Promise<Outcome> => {
		const {applied, phase} = store.get();
		const isAtOnce = applied && hasContext.has(phase.name) && stepBetween(applied, wanted) === 'threads';
		return isAtOnce
			? setThreads(wanted.threads).catch(error => ({ok: false, failure: toFailure(error)}))
			: rebuildFor(wanted, applied, isStillWanted);
	};

	const onText = ({contextUsed, drafting, threads}: Extract<AnswerEvent, {readonly type: 'text'}>) => {
		const {phase, applied, hasAutoThreads} = store.get();
		change({
			contextUsed,
			drafting,
			...(phase.name !== 'writing' && {phase: {name: 'writing'}}),
			...(hasAutoThreads && applied && applied.threads !== threads && {applied: {...applied, threads}}),
		});
	};

	const answer = async (
		request: {readonly prompt: string; readonly sampling: Sampling; readonly maxTokens: number | undefined},
		onEvent: (event: AnswerEvent) => void,
	): Promise<Answer> =>
		exclusively(async signal => {
			try {
				change({phase: {name: 'processing', done: 0, total: 0}});
				const result = await engine.answer(request, {
					signal,
					onEvent(event) {
						if (signal.aborted) {
							onEvent(event);
							return;
						}

						if (event.type === 'processing') change({phase: {name: 'processing', done: event.done, total: event.total}});
						else onText(event);
						onEvent(event);
					},
				});
				change({contextUsed: result.contextUsed, drafting: result.drafting});
				return result;
			} finally {
				change({phase: {name: 'ready'}});
			}
		});

	return {
		...(store satisfies ReadableStore<EngineState>),
		start,
		load,
		/** Makes the smallest change that gets these settings, if they are still wanted when its turn has come; on failure the ones before are back. */
		apply,
		answer,
		/** Stops what runs. */
		cancel() {
			if (!current) return;
			current.controller.abort();
			// A batch, or a file that is being mapped, is not left in the middle.
			const {name} = store.get().phase;
			if (stoppable.has(name)) change({phase: {name: 'stopping', isReload: name === 'reloading'}});
		},
		/** Forgets the conversation, or replaces it. Asked for when its turn has come: the answer before it belongs to it. */
		setConversation: async (conversation: () => Conversation) =>
			exclusively(async () => {
				await engine.setConversation(conversation());
				change({contextUsed: 0});
			}),
		memory: () => engine.memory(),
		dispose(): Promise<void> {
			disposed ??= (async () => {
				current?.controller.abort();
				await current?.done;
				await starting?.catch(() => {});
				await engine.dispose();
			})();
			return disposed;
		},
	};
};

export type EngineStore = ReturnType<typeof createEngineStore>;
