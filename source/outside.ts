import {mkdtempSync} from 'node:fs';
import {mkdir, readFile, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {setTimeout as delay} from 'node:timers/promises';
import envPaths from 'env-paths';
import type {Planner} from './commands/answer-once.js';
import type {DryRun, Engine, ModelFacts, Settings} from './engine/types.js';
import {findModels} from './models/find-models.js';
import {checkModelFile} from './models/model-file.js';
import {createReadMeter, readDiskBytes} from './monitor/disk-reads.js';
import {readProcessMemory} from './monitor/process-memory.js';
import {readRamAndSwap} from './monitor/ram-and-swap.js';
import {observationOf} from './planner/answer-learner.js';
import {probeSpeeds} from './planner/bandwidth-probe.js';
import type {CalibrationFile, CalibrationStore} from './planner/calibration-store.js';
import {createLoadPlanner} from './planner/load-planner.js';
import type {Budgets} from './planner/machine.js';
import {measurementsOf} from './planner/measured-here.js';
import {heldBy} from './planner/memory.js';
import {parseMlockLimit} from './planner/mlock.js';
import {createSpeedKeeper} from './planner/speed-keeper.js';
import type {Ports} from './services.js';
import {osc52} from './ui/osc52.js';

type Outside = {
	readonly guidePath: string;
	readonly stdout: {readonly write: (text: string) => unknown};
	readonly env: Readonly<Record<string, string | undefined>>;
};

const expandHome = (file: string) => (file === '~' || file.startsWith('~/') ? path.join(os.homedir(), file.slice(1)) : file);

const dataFile = (name: string): CalibrationFile => {
	const file = () => path.join(envPaths('vramble', {suffix: ''}).data, name);
	return {read: () => readFile(file(), 'utf8').catch(() => undefined), write: text => replaceFile(file(), text)};
};

const replaceFile = async (file: string, text: string) => {
	const {default: writeFileAtomic} = await import('write-file-atomic');
	await mkdir(path.dirname(file), {recursive: true});
	await writeFileAtomic(file, text);
};

const mlockLimitBytes = async () => {
	const [limits = '', status = ''] = await Promise.all(
		['limits', 'status'].map(name => readFile(`/proc/self/${name}`, 'utf8').catch(() => '')),
	);
	return parseMlockLimit(limits, status);
};

/** The real ports, all but the engines. */
export const createPorts = ({guidePath, stdout, env}: Outside): Omit<Ports, 'engine' | 'askCarefully'> => ({
	diskBytes: readDiskBytes,
	probes: {ramAndSwap: readRamAndSwap, processMemory: () => readProcessMemory()},
	async readModel(file) {
		const {facts} = await checkModelFile(path.resolve(expandHome(file)));
		return facts.path === guidePath ? {...facts, name: 'guide'} : facts;
	},
	findModels: () => findModels(guidePath, process.cwd()),
	temporaryFile() {
		// A folder that only the user can enter: the state holds the conversation.
		const folder = mkdtempSync(path.join(os.tmpdir(), 'vramble-'));
		return {path: path.join(folder, 'state.bin'), remove: () => rm(folder, {recursive: true, force: true})};
	},
	measurements: dataFile('measurements.json'),
	mlockLimitBytes,
	copy: text => stdout.write(osc52(text, env)),
	threads: os.availableParallelism(),
	calibration: {
		file: dataFile('calibration.json'),
		machine: {cpu: os.cpus()[0]?.model ?? 'unknown', cores: os.availableParallelism(), ramBytes: os.totalmem()},
		probe: () => probeSpeeds(os.availableParallelism()),
	},
});

type ToPlan = {
	readonly engine: Pick<Engine, 'memory' | 'dryRun' | 'capVram' | 'measureKernels'>;
	readonly model: ModelFacts;
	readonly budgets: Budgets;
	readonly ports: Pick<Ports, 'calibration' | 'diskBytes' | 'measurements' | 'mlockLimitBytes' | 'probes'>;
	readonly usesKept: boolean;
	readonly askCarefully: (path: string, settings: Settings) => Promise<DryRun>;
	readonly say: (text: string) => void;
	readonly signal: AbortSignal;
};

/** The planner for one load without a screen, by the machine as it is now. */
export const createPlanner = ({
	engine,
	model,
	budgets,
	ports,
	usesKept,
	askCarefully,
	say,
	signal,
}: ToPlan): Planner & {readonly fits: (settings: Settings) => Promise<boolean>} => {
	const loads = createLoadPlanner({
		...ports,
		engine,
		budgets: () => budgets,
		askCarefully,
	});
	let calibrations: CalibrationStore | undefined;
	const told = new Set<string>();
	/** Once, however many settings it is about. */
	const tell = (text: string) => {
		if (!told.has(text)) say(text);
		told.add(text);
	};

	const reads = createReadMeter(ports.diskBytes);
	return {
		async settle(wanted, device) {
			calibrations = await loads.begin(device);
			const {kept} = await measurementsOf({file: ports.measurements, machine: ports.calibration.machine}, device).read(model);
			const {settings, contextLimit, paging, idle} = await loads.settle(model, {wanted, kept: usesKept ? kept : undefined}, device, signal);
			if (contextLimit) say(contextLimit);
			if (paging) say(paging);
			for (const text of idle) tell(text);
			return settings;
		},
		fits: settings => loads.fits(model, settings),
		async loaded(settings) {
			reads.look();
			for (const breach of await loads.loaded(model, settings)) say(breach);
		},
		async taken(settings) {
			const {ownVramBytes, ownRamBytes} = await loads.taken(model, settings);
			return {vramBytes: ownVramBytes, ramBytes: ownRamBytes};
		},
		async answered(answer, settings) {
			const readBytes = reads.look();
			await loads.answered();
			// They were loaded, so the engine survives the question; mostly it was asked before.
			const held = heldBy(settings, await engine.dryRun({path: model.path, settings}), model.weights);
			const observation = observationOf(answer, model, settings, held, readBytes);
			if (!observation || !calibrations) return;
			const keeper = createSpeedKeeper({...ports.calibration, measureKernels: engine.measureKernels, onChange: () => {}});
			await keeper.begin(calibrations);
			await keeper.study(model.weights, [settings.cacheTypeK], {isBrief: true});
			await keeper.observe(observation);
		},
	};
};

/** What is under way gets this long to stop: a program that was told to leave should be gone within two seconds. */
const leavingMs = 1200;

/**
Ends the process when `disposed` is done, or when it takes too long.

llama.cpp cannot be stopped in the middle of a batch, and `process.exit` would wait for its threads (28 s were seen) and then crash. Becoming another
program ends them at once and keeps the exit code; where that cannot be done (Windows, Node.js below 22.15) waiting is all there is.
*/
export const leave = async (disposed: Promise<unknown>, code: number): Promise<never> => {
	const isDone = await Promise.race([
		disposed.then(
			() => true,
			() => true,
		),
		delay(leavingMs, false),
	]);
	if (!isDone && process.platform !== 'win32') process.execve?.('/bin/sh', ['sh', '-c', `exit ${code}`]);
	return process.exit(code);
};

/** A process group that no shell looks after is not stopped: then nothing ever wakes it. */
const wakingMs = 100;

/** Stops the whole job (npm and all), as a shell expects of Ctrl+Z; resolves when it goes on. undefined: there are no jobs here. */
export const stopJob =
	process.platform === 'win32'
		? undefined
		: async (): Promise<void> => {
				process.kill(0, 'SIGTSTP');
				await delay(wakingMs);
				process.kill(process.pid, 'SIGWINCH'); // nobody tells a stopped program that its window has changed
			};
