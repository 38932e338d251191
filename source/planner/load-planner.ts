import type {Device, DryRun, Engine, EngineMemory, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import type {Probes} from '../monitor/monitor-store.js';
import {vramOf} from '../monitor/vram.js';
import {breachesOf, checkBudgets, mappedAlongBytes} from './breach.js';
import {speedsOf} from './calibration.js';
import {type CalibrationFile, type CalibrationStore, calibrationsOf, type MachineParts} from './calibration-store.js';
import {createDryRun, vet} from './careful.js';
import {createDriverKeeper} from './driver-keeper.js';
import {keptOr} from './kept.js';
import {isFine} from './layer-search.js';
import {type Budgets, idleBudgets, machineOf} from './machine.js';
import {planOf} from './memory.js';
import {checkMlock} from './mlock.js';
import {checkPossible} from './possible.js';
import {canPlaceExperts, idleLayers} from './settings.js';
import {type Settled, settle} from './settle.js';
import type {Machine, Plan} from './types.js';

type Options = {
	readonly engine: Pick<Engine, 'memory' | 'dryRun' | 'capVram'>;
	readonly probes: Pick<Probes, 'ramAndSwap' | 'processMemory'>;
	readonly calibration: {readonly file: CalibrationFile; readonly machine: Omit<MachineParts, 'gpus'>};
	readonly budgets: () => Budgets;
	/** A dry run in a process of its own, on the backend that was asked for. */
	readonly askCarefully: (path: string, settings: Settings) => Promise<DryRun>;
	/** Bytes that this user may lock in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes: () => Promise<number | undefined>;
};

/** Settles what a load begins with, keeps it within the budgets, and learns from what it really took. */
export const createLoadPlanner = ({engine, probes, calibration, budgets, askCarefully, mlockLimitBytes}: Options) => {
	const driver = createDriverKeeper();
	const dryRun = createDryRun((path, settings) => engine.dryRun({path, settings}), askCarefully);
	let calibrations: CalibrationStore | undefined;

	const readMachine = async (settings?: WantedSettings): Promise<Machine> => {
		const [read, processMemory, memory] = await Promise.all([probes.ramAndSwap(), probes.processMemory(), engine.memory({settings})]);
		return machineOf({ram: read?.ram, swap: read?.swap, processMemory, vram: vramOf(driver.counted(memory))}, budgets());
	};

	/** llama.cpp does not count what the driver takes. */
	const capVram = async ({vram}: Machine) =>
		engine.capVram({bytes: vram?.budgetBytes === undefined ? undefined : Math.max(0, vram.budgetBytes - driver.bytes())});

	/** Reads what is known of this machine with the devices that llama.cpp sees. */
	const begin = async (device: Device): Promise<CalibrationStore> => {
		calibrations ??= calibrationsOf(calibration, device);
		await driver.begin(calibrations, device);
		return calibrations;
	};

	/** As the engine counts it, but without what is only mapped along. */
	const taken = async ({path}: ModelFacts, settings: Settings): Promise<EngineMemory> => {
		const memory = await engine.memory();
		// They were loaded, so the engine survives the question.
		const spare = mappedAlongBytes(memory, settings, await engine.dryRun({path, settings}));
		return {...memory, ownRamBytes: memory.ownRamBytes - spare};
	};

	/** What is taken beyond the budgets, in words. */
	const breaches = async (model: ModelFacts, settings: Settings): Promise<readonly string[]> => {
		const machine = await readMachine();
		if (machine.vram?.budgetBytes === undefined && machine.ram?.budgetBytes === undefined) return [];
		return breachesOf(driver.counted(await taken(model, settings)), machine);
	};

	return {
		begin,
		taken,
		breaches,
		dryRun,
		/** Read anew: what a gauge read last may be of before the load, or nothing yet. */
		readMachine,
		/** What planning adds for the driver once anything is on the device; 0: not known. */
		driverBytes: driver.bytes,
		/** The engine's reading with what the driver holds for us counted as ours. */
		memory: async () => driver.counted(await engine.memory()),
		/**
		`kept` instead of `wanted` where there is room for it.

		@throws EngineError where no settings keep the budgets, or the engine cannot tell
		*/
		async settle(
			model: ModelFacts,
			{wanted: asked, kept}: {readonly wanted: WantedSettings; readonly kept?: Settings | undefined},
			device: Device,
			signal: AbortSignal,
		): Promise<Settled> {
			const known = await begin(device);
			driver.unloaded(await engine.memory());
			const about = {model, driverBytes: driver.bytes(), dryRun: (tried: Settings) => dryRun(model, tried)};
			const wanted = await keptOr(kept, asked, {...about, readMachine});
			const machine = await readMachine(wanted);
			const calibrated = await known.read();
			await capVram(machine);
			const scene = {...about, machine};
			await vet(model, wanted, askCarefully);
			const settled = await settle(wanted, {
				...scene,
				canPlaceExperts: canPlaceExperts(device),
				autoThreads: device.autoThreads,
				speeds: calibrated && speedsOf(calibrated, model.path, known.gpu),
				mlockLimitBytes: await mlockLimitBytes(),
				askCarefully: tried => askCarefully(model.path, tried),
				signal,
			});
			return {...settled, idle: [...settled.idle, ...idleLayers(wanted, device), ...idleBudgets(machine)]};
		},
		/** Whether there is room in the VRAM as it is now; what we hold of it counts as free. */
		async fits(model: ModelFacts, settings: Settings): Promise<boolean> {
			const machine = await readMachine(settings);
			const said = await dryRun(model, settings);
			const planned = planOf({settings, dryRun: said, weights: model.weights, machine, speeds: undefined, driverBytes: driver.bytes()});
			return isFine(planned, machine);
		},
		/** @throws EngineError where a change would not keep the budgets, or the engine would not survive it */
		async check(model: ModelFacts, settings: Settings, planFor: (model: ModelFacts, settings: Settings) => Promise<Plan>): Promise<void> {
			checkPossible(settings);
			await vet(model, settings, askCarefully);
			const planned = await planFor(model, settings);
			const machine = await readMachine(settings);
			await checkBudgets(planned, {machine, layers: model.layers, planFor: tried => planFor(model, tried)});
			checkMlock(settings, planned.breakdown.ram.weights, await mlockLimitBytes());
			await capVram(machine);
		},
		/** After a load, or a change. Resolves with what is taken beyond the budgets, in words. */
		async loaded(model: ModelFacts, settings: Settings): Promise<readonly string[]> {
			await driver.loaded(await engine.memory());
			return breaches(model, settings);
		},
		async answered(): Promise<void> {
			await driver.answered(await engine.memory());
		},
	};
};

export type LoadPlanner = ReturnType<typeof createLoadPlanner>;
