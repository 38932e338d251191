import type {Writable} from 'node:stream';
import {describeError, EngineError, isAborted} from '../engine/engine-errors.js';
import {isDeviceChoice} from '../engine/gpu-devices.js';
import type {Device, DryRun, Engine, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {memory} from '../lib/format.js';
import type {RamAndSwap} from '../monitor/ram-and-swap.js';
import type {ProcessMemory, Readings} from '../monitor/types.js';
import {vramOf} from '../monitor/vram.js';
import {adviceFor} from '../planner/advice.js';
import type {PlanFor} from '../planner/fit.js';
import {largestContext} from '../planner/fit-context.js';
import {fitSettings} from '../planner/fit-settings.js';
import {keptOr} from '../planner/kept.js';
import {machineOf} from '../planner/machine.js';
import type {Measurements} from '../planner/measurement-store.js';
import {planOf} from '../planner/memory.js';
import {mostCpuExperts} from '../planner/placement.js';
import {checkPossible} from '../planner/possible.js';
import {refusalOf} from '../planner/refusal.js';
import {canPlaceExperts, concrete, isSameSettings} from '../planner/settings.js';
import type {AskDryRun, Plan, Speeds} from '../planner/types.js';
import {UsageError} from './flags.js';
import type {CliOptions} from './options.js';
import {serverCommand} from './plan-command.js';
import {elsewhere, orTooLarge, takesAll} from './plan-dry-run.js';
import {planReportToJson} from './plan-json.js';
import {type Kept, keptWords} from './plan-kept.js';
import type {PlanModel, Report} from './plan-report.js';
import {rowLayers} from './plan-rows.js';
import {type Target, targetsOf} from './plan-target.js';
import {planText} from './plan-text.js';
import {warningsAbout} from './plan-warnings.js';
import {noGpu, verdictWords} from './plan-words.js';
import type {StatusLine} from './status-line.js';

export type PlanOutside = {
	readonly engine: Pick<Engine, 'start' | 'memory' | 'dryRun'>;
	readonly ramAndSwap: () => Promise<RamAndSwap | undefined>;
	readonly processMemory: () => Promise<ProcessMemory | undefined>;
	/** Of the machine at hand, with the correction of the model if it has answered here; undefined: not known. */
	readonly speeds: (model: ModelFacts, device: Device) => Promise<Speeds | undefined>;
	/** What the driver takes on the device at hand beyond llama.cpp's own numbers. */
	readonly driverBytes: (device: Device) => Promise<number>;
	/** What `vramble bench` has measured of a model on the machine at hand. */
	readonly measurements: (model: ModelFacts, device: Device) => Promise<Measurements>;
	/** Bytes that this user may lock in RAM; undefined: no limit is known. */
	readonly mlockLimitBytes: () => Promise<number | undefined>;
	/** Threads that `auto` stands for. */
	readonly threads: number;
	readonly stdout: Writable & {readonly isTTY?: boolean; readonly columns?: number};
	readonly stderr: Writable;
	/** Where it says what it waits for. */
	readonly status: StatusLine;
	readonly signal: AbortSignal;
};

type Wishes = Pick<CliOptions, 'gpu' | 'wanted' | 'usesKept' | 'plan' | 'json' | 'ascii'>;

type Scene = {
	readonly model: PlanModel;
	readonly device: Device;
	readonly settings: Settings;
	/** undefined: to be found. */
	readonly gpuLayers: number | undefined;
	readonly cpuExpertLayers: WantedSettings['cpuExpertLayers'];
	readonly contextSize: WantedSettings['contextSize'];
	readonly driverBytes: number;
	readonly mlockLimitBytes: number | undefined;
	readonly kept: Kept | undefined;
	readonly ask: AskDryRun;
};

/** Without a device the engine has nowhere to place layers, and answers with nonsense. `mostCpuExperts`: what may be tried; 0: nothing can place them. */
const askFor = async ({ask, device, settings, model: {facts, tensors}}: Scene, target: Target) => {
	const about = {weights: facts.weights, layers: facts.layers, tensors};
	const most = mostCpuExperts(facts.weights.sizes);
	if (!target.hasOtherCard) return {ask, mostCpuExperts: canPlaceExperts(device) ? most : 0};
	if (isDeviceChoice(settings)) throw new EngineError('unsupported', 'Devices can be chosen among the GPUs at hand only.');
	const canAsk = device.backend !== 'cpu' && (most === 0 || canPlaceExperts(device));
	if (canAsk && (await takesAll(ask, settings, about))) return {ask, mostCpuExperts: most};
	if (settings.overrideTensor === undefined) return {ask: elsewhere(ask, about), mostCpuExperts: most};
	throw new EngineError('unsupported', '--override-tensor can be planned for the GPU at hand only.');
};

/** Where its numbers run over, the rough formula answers with less than nothing. */
const checked = (dryRun: DryRun): DryRun => {
	const bytes = [dryRun.weights, dryRun.context].flatMap(({vramBytes, ramBytes}) => [vramBytes, ramBytes]);
	if (bytes.every(value => value >= 0)) return dryRun;
	throw new EngineError('failed', 'llama.cpp cannot tell what these settings would take.', {advice: 'Try a smaller context.'});
};

/** From no layer to all, where the layers were not given; with all of them, and experts that may be placed, from all experts on the CPU to none. */
const rowsAround = async (chosen: Plan, {gpuLayers, model}: Scene, mostCpuExperts: number, planFor: PlanFor): Promise<readonly Plan[]> => {
	const {settings} = chosen;
	const {layers} = model.facts;
	if (gpuLayers !== undefined) return [chosen];
	const rows =
		mostCpuExperts > 0 && settings.gpuLayers === layers
			? rowLayers(mostCpuExperts, settings.cpuExpertLayers)
					.toReversed()
					.map(cpuExpertLayers => ({...settings, cpuExpertLayers}))
			: rowLayers(layers, settings.gpuLayers).map(count => ({...settings, gpuLayers: count}));
	const isChosen = (row: Settings) => row.gpuLayers === settings.gpuLayers && row.cpuExpertLayers === settings.cpuExpertLayers;
	const plans: Plan[] = [];
	for (const row of rows) plans.push(isChosen(row) ? chosen : await planFor(row));
	return plans;
};

/** `isRead`: somebody reads more of it than the settings that were chosen. */
const reportOn = async (target: Target, scene: Scene, isRead: boolean): Promise<Report> => {
	const {model, device, gpuLayers, contextSize} = scene;
	const {weights, trainedContext} = model.facts;
	const {machine, speeds, hasOtherCard} = target;
	const {ask, mostCpuExperts} = await askFor(scene, target);
	const openExperts = scene.cpuExpertLayers === 'auto' ? mostCpuExperts : 0;
	const driverBytes = hasOtherCard ? 0 : scene.driverBytes;
	const planWith =
		(question: AskDryRun): PlanFor =>
		async tried =>
			planOf({settings: tried, dryRun: await question(tried), weights, machine, speeds, driverBytes});
	const planFor = planWith(ask);
	const askOrTooLarge = orTooLarge(ask, weights);
	const planOrTooLarge = planWith(askOrTooLarge);
	const mlockLimitBytes = target.isElsewhere ? undefined : scene.mlockLimitBytes;
	const {layers} = model.facts;
	const most = machine.vram ? layers : 0;
	const wishes = {
		// Without a GPU experts are on the CPU anyway.
		settings: {...scene.settings, gpuLayers: Math.min(gpuLayers ?? 0, most), ...(most === 0 && {cpuExpertLayers: 0})},
		areLayersOpen: gpuLayers === undefined && most > 0,
		contextSize,
		layers,
		cpuExpertLayers: openExperts,
		trainedContext,
		sizes: weights.sizes,
		machine,
	};
	const {plan: chosen, bindingLimit, isGpuSlower} = await fitSettings(wishes, planOrTooLarge);
	return {
		model: model.facts,
		device,
		target,
		plans: machine.vram && isRead ? await rowsAround(chosen, scene, openExperts, planOrTooLarge) : [chosen],
		chosen,
		isGiven: gpuLayers !== undefined,
		bindingLimit,
		isGpuSlower,
		largestContext: isRead ? await largestContext(chosen, trainedContext, machine, planFor) : undefined,
		advice: isRead
			? await adviceFor({
					plan: chosen,
					weights,
					facts: model.facts,
					machine,
					speeds,
					driverBytes,
					ask: askOrTooLarge,
					canPlaceExperts: mostCpuExperts > 0,
					wantedContext: scene.settings.contextSize,
					mlockLimitBytes,
				})
			: [],
		mlockLimitBytes,
		kept: scene.kept,
		warnings: warningsAbout(chosen, scene, model, mlockLimitBytes),
	};
};

const read = async (settings: WantedSettings, outside: PlanOutside): Promise<Readings> => {
	const [memory, ramAndSwap, processMemory] = await Promise.all([
		outside.engine.memory({settings}),
		outside.ramAndSwap(),
		outside.processMemory(),
	]);
	return {vram: vramOf(memory), ram: ramAndSwap?.ram, swap: ramAndSwap?.swap, processMemory};
};

/** As a load would choose them. */
const readKept = async (
	{wanted, usesKept}: Wishes,
	{model: {facts}, device, driverBytes, ask}: Omit<Scene, 'kept'>,
	outside: PlanOutside,
): Promise<Kept | undefined> => {
	if (!usesKept) return undefined;
	const {kept: settings, measured} = await outside.measurements(facts, device);
	if (!settings) return undefined;
	const readMachine = async (tried: Settings) => machineOf(await read(tried, outside), {vram: undefined, ram: undefined});
	const opened = await keptOr(settings, wanted, {model: facts, readMachine, driverBytes, dryRun: ask});
	const same = measured.find(other => isSameSettings(other.settings, settings));
	return {settings, tokensPerSecond: same?.tokensPerSecond, generatedTokens: same?.generatedTokens, fits: opened !== wanted};
};

/** What a mail, or a file, is read with. */
const mailWidth = 80;

/** What a text says of itself stands on stderr where something else reads the output. */
const warn = (report: Report, isCommand: boolean, {stderr}: PlanOutside) => {
	const {chosen, target, warnings} = report;
	const verdict = verdictWords(chosen, refusalOf(chosen, report));
	const doubts = [
		...warnings,
		...(isCommand ? keptWords(report) : []),
		...(isCommand && !target.machine.vram ? [noGpu] : []),
		...(isCommand && verdict !== 'fits' ? [`With these settings the verdict is: ${verdict}.`] : []),
	];
	for (const doubt of doubts) stderr.write(`vramble: ${doubt}\n`);
};

const print = (reports: readonly Report[], {json, plan, ascii, wanted, gpu}: Wishes, outside: PlanOutside) => {
	const {stdout} = outside;
	if (!plan.printCommand && !json) {
		stdout.write(planText(reports, {ascii, width: (stdout.isTTY && stdout.columns) || mailWidth}));
		return;
	}

	for (const report of reports) {
		const {chosen, model, target} = report;
		const {settings} = chosen;
		const threads = wanted.threads === 'auto' && target.isElsewhere ? undefined : settings.threads;
		const command = {path: model.path, settings, threads, gpu};
		if (plan.printCommand && reports.length > 1) stdout.write(`# ${memory(target.machine.vram?.totalBytes)} of VRAM\n`);
		stdout.write(`${plan.printCommand ? serverCommand(command) : JSON.stringify(planReportToJson(report))}\n`);
		warn(report, plan.printCommand, outside);
	}
};

/** What settings would take, without loading the weights. Resolves with the exit code. */
export const plan = async (options: Wishes, model: PlanModel, outside: PlanOutside): Promise<number> => {
	const {engine, signal, stderr, status} = outside;
	const {facts} = model;
	const {wanted} = options;
	try {
		checkPossible(wanted);
		status.show('Starting llama.cpp …');
		const device = await engine.start({gpu: options.gpu});
		let questions = 0;
		const targets = targetsOf(await read(wanted, outside), await outside.speeds(facts, device), options.plan, wanted.threads !== 'auto');
		const asked: Omit<Scene, 'kept'> = {
			model,
			device,
			settings: {
				...concrete(wanted, facts),
				gpuLayers: 0,
				threads: wanted.threads === 'auto' ? (device.autoThreads ?? outside.threads) : wanted.threads,
			},
			cpuExpertLayers: wanted.cpuExpertLayers,
			gpuLayers: wanted.gpuLayers === 'auto' ? undefined : wanted.gpuLayers,
			contextSize: wanted.contextSize,
			driverBytes: await outside.driverBytes(device),
			mlockLimitBytes: await outside.mlockLimitBytes(),
			async ask(settings) {
				if (signal.aborted) throw new EngineError('aborted', 'Stopped.');
				status.show(`Asking llama.cpp what it would take: ${++questions} …`);
				return checked(await engine.dryRun({path: facts.path, settings}));
			},
		};
		const scene: Scene = {...asked, kept: await readKept(options, asked, outside)};
		const isRead = !options.plan.printCommand;
		const reports: Report[] = [];
		for (const target of targets) reports.push(await reportOn(target, scene, isRead));
		status.clear();
		print(reports, options, outside);
		return 0;
	} catch (error) {
		status.clear();
		if (signal.aborted || isAborted(error)) return 130;
		stderr.write(`vramble: ${describeError(error)}\n`);
		return error instanceof UsageError ? 2 : 1;
	}
};
