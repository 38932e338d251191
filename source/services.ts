import {type ChatStore, createChatStore} from './chat/chat-store.js';
import {createTokenRate, type TokenRate} from './chat/token-rate.js';
import {switchedOff} from './engine/drafting-words.js';
import {describeError, describeFailure, lacksMemory} from './engine/engine-errors.js';
import type {Outcome, Step} from './engine/engine-state.js';
import {createEngineStore, type EngineStore} from './engine/engine-store.js';
import type {Answer, DryRun, Engine, GpuChoice, ModelFacts, Sampling, Settings, WantedSettings} from './engine/types.js';
import type {Size} from './lib/size.js';
import {expertsRemark, forgetsWarning, restRemark, trainingWarning} from './load-warnings.js';
import type {ModelEntry} from './models/types.js';
import {createMonitorStore, type MonitorStore, type Probes} from './monitor/monitor-store.js';
import {createAdviser} from './planner/adviser.js';
import {createAnswerLearner} from './planner/answer-learner.js';
import type {CalibrationFile, MachineParts} from './planner/calibration-store.js';
import {noMemory} from './planner/distress.js';
import {createLoadPlanner} from './planner/load-planner.js';
import {type Budgets, idleBudgets} from './planner/machine.js';
import {createMeasuredHere} from './planner/measured-here.js';
import {heldOf} from './planner/memory.js';
import {createPlanStore, type PlanStore} from './planner/plan-store.js';
import {followThreads, isSameSettings, stepBetween, triedAgain, wantedContext} from './planner/settings.js';
import {createSpeedKeeper} from './planner/speed-keeper.js';
import type {Speeds} from './planner/types.js';
import {watchWaiting} from './planner/waiting-change.js';

/** The outside world, as arguments. */
export type Ports = {
	readonly engine: Engine;
	/** A dry run in a process of its own, on the backend that was asked for. */
	readonly askCarefully: (path: string, settings: Settings) => Promise<DryRun>;
	readonly probes: Omit<Probes, 'engineMemory'>;
	/** Bytes that this process has read from the disk; undefined: the system does not tell. */
	readonly diskBytes: () => number | undefined;
	/** Reads a file's header; rejects with an `EngineError` that a person can read. */
	readonly readModel: (path: string) => Promise<ModelFacts>;
	readonly findModels: () => Promise<readonly ModelEntry[]>;
	readonly temporaryFile: () => {readonly path: string; readonly remove: () => Promise<void>};
	readonly copy: (text: string) => void;
	readonly calibration: {
		readonly file: CalibrationFile;
		readonly machine: Omit<MachineParts, 'gpus'>;
		/** Measures what can be known without a model; half a second. */
		readonly probe: () => Promise<Speeds>;
	};
	/** Where `vramble bench` keeps what it has measured. */
	readonly measurements: CalibrationFile;
	/** Threads that this machine can run at once. */
	readonly threads: number;
	/** Bytes that this user may lock in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes: () => Promise<number | undefined>;
};

export type Options = {
	readonly gpu: GpuChoice;
	readonly wanted: WantedSettings;
	/** No settings were given: those kept for a model are used where there are some. */
	readonly usesKept: boolean;
	readonly budgets: Budgets;
	readonly sampling: (model: ModelFacts | undefined) => Sampling;
	readonly system: string | undefined;
	readonly maxTokens: number | undefined;
};

export type Services = {
	readonly engine: EngineStore;
	readonly plan: PlanStore;
	readonly chat: ChatStore;
	readonly monitor: MonitorStore;
	readonly rate: TokenRate;
	readonly findModels: Ports['findModels'];
	/** Loads llama.cpp and finds out how fast this machine is. */
	readonly begin: () => Promise<void>;
	readonly readModel: Ports['readModel'];
	/** Loads a model; on failure the one before is back, and the chat says why. */
	readonly load: (model: ModelFacts, options?: {readonly keepConversation?: boolean; readonly settings?: WantedSettings}) => Promise<void>;
	/** Reads a file's header and loads it; the chat says what is wrong with it. */
	readonly open: (path: string) => Promise<void>;
	/** Applies what is pending in the tuner, or loads the model with it that could not be loaded; on failure the settings before are back, and the chat says why. */
	readonly apply: () => Promise<void>;
	/** Sets the budget of VRAM, or of RAM where there is no GPU; the chat says what is beyond it already, or that there is not as much. */
	readonly setBudget: (size: Size | undefined) => Promise<void>;
	/** Puts the last answer into the clipboard; the chat says so. */
	readonly copyAnswer: () => void;
	readonly dispose: () => Promise<void>;
};

export const createServices = (ports: Ports, options: Options): Services => {
	const engine = createEngineStore({engine: ports.engine, gpu: options.gpu, temporaryFile: ports.temporaryFile});
	const rate = createTokenRate();
	const chat = createChatStore({
		engine,
		rate,
		sampling: () => options.sampling(engine.get().model),
		system: options.system,
		maxTokens: options.maxTokens,
		onAnswered: answer => learn(answer),
	});
	const loads = createLoadPlanner({
		...ports,
		budgets: () => plan.get().budgets,
	});
	const monitor = createMonitorStore({
		probes: {...ports.probes, engineMemory: async () => (engine.get().device ? loads.memory() : undefined)},
	});

	const keeper = createSpeedKeeper({...ports.calibration, measureKernels: ports.engine.measureKernels, onChange: () => plan.refresh()});
	const measured = createMeasuredHere({file: ports.measurements, machine: ports.calibration.machine});
	const plan = createPlanStore({
		engine,
		monitor,
		budgets: options.budgets,
		readMachine: loads.readMachine,
		threads: ports.threads,
		dryRun: loads.dryRun,
		speeds: model => keeper.speeds(model.path),
		measured: measured.generation,
		driverBytes: loads.driverBytes,
		mlockLimitBytes: ports.mlockLimitBytes,
		wantedContext: ({trainedContext}) => wantedContext(options.wanted.contextSize, trainedContext),
	});

	const giveAdvice = createAdviser({
		advise: async (model, settings, wish) => plan.adviseOn(model, settings, {machine: await loads.readMachine(), ...wish}),
		say: chat.note,
	});
	const learner = createAnswerLearner({observe: keeper.observe, advise: giveAdvice, diskBytes: ports.diskBytes});

	let begun: Promise<void> | undefined;
	let hasForgotten = false;
	let wasOff = false;
	let learning: Promise<void> = Promise.resolve();
	const learn = (answer: Answer) => {
		const {model, applied} = engine.get();
		if (answer.forgot && !hasForgotten)
			chat.note('The context is full: the beginning of the conversation is forgotten. A larger context holds more.', 'warning');
		hasForgotten = answer.forgot;
		const off = switchedOff(answer.drafting);
		if (off && !wasOff) chat.note(off);
		wasOff = off !== undefined;
		void loads.answered().catch(() => {});
		if (!model || !applied) return;
		// Of what it ran with, whatever the tuner shows meanwhile.
		const held = plan.planFor(model, applied).then(
			planned => heldOf(planned, model.weights),
			() => undefined,
		);
		learning = learner.learn(answer, model, applied, held);
	};

	/** llama.cpp first: the probe should have the machine to itself. */
	const begin = () => {
		begun ??= engine.start().then(loads.begin).then(keeper.begin);
		return begun;
	};

	const afterLoad = async () => {
		const {model, applied} = engine.get();
		if (!model || !applied) return;
		const breaches = await loads.loaded(model, applied).catch(() => []);
		learner.forgetReads();
		plan.refresh();
		warn(...breaches);
	};

	const tellOutcome = (outcome: Outcome, what: string) => {
		if (outcome.ok) return;
		const {failure} = outcome;
		if (failure.code === 'aborted') chat.note(`Stopped: ${what}.`);
		else chat.note(`${describeFailure(failure)} Now: ${what}.`, 'error');
	};

	const warn = (...texts: ReadonlyArray<string | undefined>) => {
		for (const text of texts) if (text !== undefined) chat.note(text, 'warning');
	};

	const load: Services['load'] = async (model, {keepConversation = true, settings: given} = {}) => {
		const {model: before, applied: beforeSettings, hasAutoThreads} = engine.get();
		engine.cancel();
		if (!keepConversation) await chat.clear();
		const remarks: Array<string | undefined> = [];
		const chooseSettings = async (wanted: WantedSettings, signal: AbortSignal, report: (step: Step) => void) => {
			rate.reset(); // here, because the answer before has come to its end now
			const device = await engine.start();
			await begun?.catch(() => {});
			await keeper.study(model.weights, [wanted.cacheTypeK, 'q8_0'], {signal, onBegin: () => report('measuring')});
			report('fitting');
			const kept = await measured.open(model, device);
			const asked = {wanted, kept: options.usesKept && !given ? kept : undefined};
			const {settings, layersLimit, contextLimit, paging, idle} = await loads.settle(model, asked, device, signal);
			warn(paging, ...idle);
			remarks.push(layersLimit, contextLimit, expertsRemark(model, device));
			return settings;
		};

		const outcome = await engine.load(model, given ?? options.wanted, chat.conversation(), chooseSettings);
		const {model: now, applied, failedWith, draftingOff} = engine.get();
		if (now && now !== model) return; // another was asked for instead
		if (outcome.ok) {
			if (outcome.leavesRest) remarks.push(restRemark);
			if (draftingOff) remarks.push(`Nothing is drafted: ${draftingOff}.`);
			for (const remark of remarks) if (remark !== undefined) chat.note(remark);
			if (applied) warn(trainingWarning(model, applied));
			await afterLoad();
			return;
		}

		const {code} = outcome.failure;
		const adviseOnFailure = async () => {
			if (lacksMemory(code) && failedWith) await giveAdvice(noMemory, model, failedWith);
		};
		if (!before || !beforeSettings) {
			tellOutcome(outcome, 'no model is loaded');
			await adviseOnFailure();
			if (lacksMemory(code)) chat.note('In the tuner (Tab): f fits the settings, a numbers the advice, Enter loads the model.');
			return;
		}

		tellOutcome(outcome, `going back to ${before.name}`);
		const asBefore = hasAutoThreads ? {...beforeSettings, threads: 'auto' as const} : beforeSettings;
		const back = await engine.load(before, asBefore, chat.conversation());
		tellOutcome(back, 'no model is loaded');
		if (back.ok) await afterLoad();
		await adviseOnFailure();
	};

	const open = async (path: string) => {
		const model = await ports.readModel(path).catch(error => chat.note(describeError(error), 'error'));
		if (model) await load(model);
	};

	const apply = async () => {
		const {pending} = plan.get();
		const {applied, model, failedWith} = engine.get();
		if (model && failedWith) await load(model, {settings: triedAgain(pending ?? failedWith, failedWith, options.wanted)});
		if (!pending || !applied || !model) return;
		if (stepBetween(applied, pending) === 'threads') tellOutcome(await engine.apply(pending), 'the threads are as they were');
		else await plan.whileQueued(pending, isLast => applyQueued(pending, applied, model, isLast));
	};

	const applyQueued = async (pending: Settings, applied: Settings, model: ModelFacts, isLast: () => boolean) => {
		const wanted = () => followThreads(pending, applied, engine.get().applied ?? applied);
		const isStillWanted = () => {
			const now = plan.get().pending;
			return now !== undefined && isSameSettings(now, wanted());
		};
		try {
			await plan.whileAsking(() => loads.check(model, pending, plan.planFor));
		} catch (error) {
			chat.note(`${describeError(error)} Now: the settings are as they were.`, 'error');
			return;
		}

		const {name} = engine.get().phase;
		const waiting = name === 'processing' || name === 'writing' ? watchWaiting(plan, isStillWanted, chat.note) : undefined;
		const outcome = await engine.apply(wanted(), waiting?.begins ?? isStillWanted);
		if (waiting?.isTakenBack()) return;
		const next = engine.get().applied;
		if (!isLast()) return; // others were asked for instead
		tellOutcome(outcome, next ? 'the settings before are back' : 'no model is loaded');
		if (outcome.ok && waiting) chat.note('The change is made.');
		if (outcome.ok && outcome.forgets && next) warn(forgetsWarning(next));
		if (outcome.ok && next && next.contextSize !== applied.contextSize) warn(trainingWarning(model, next));
		if (outcome.ok) await afterLoad();
		else if (lacksMemory(outcome.failure.code)) await giveAdvice(noMemory, model, pending);
	};

	return {
		engine,
		plan,
		chat,
		monitor,
		rate,
		findModels: ports.findModels,
		readModel: ports.readModel,
		begin,
		load,
		open,
		apply,
		async setBudget(size) {
			plan.setBudget(size);
			warn(...(await loads.readMachine().then(idleBudgets, () => [])));
			const {model, applied} = engine.get();
			if (model && applied) warn(...(await loads.breaches(model, applied).catch(() => [])));
		},
		copyAnswer() {
			const answer = chat.get().messages.findLast(({role}) => role === 'assistant');
			if (!answer || answer.text === '') {
				chat.note('There is no answer to copy yet.');
				return;
			}

			ports.copy(answer.text);
			chat.note('The last answer was sent to your clipboard.');
		},
		async dispose() {
			monitor.dispose();
			chat.dispose();
			plan.dispose();
			await Promise.all([engine.dispose(), learning]);
		},
	};
};
