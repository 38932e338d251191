import {mkdtemp, readFile, rmdir, stat, statfs} from 'node:fs/promises';
import module from 'node:module';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import envPaths from 'env-paths';
import {doctor} from '../commands/doctor.js';
import type {FolderFacts, TerminalFacts} from '../commands/doctor-facts.js';
import type {CliOptions} from '../commands/options.js';
import {asSentence} from '../commands/plan-warnings.js';
import {createStatusLine} from '../commands/status-line.js';
import {askInProcess, createProcessEngine} from '../engine/process-engine.js';
import {count} from '../lib/format.js';
import {isUtf8} from '../lib/locale.js';
import {createPlanner, createPorts, leave} from '../outside.js';
import {speedsOf} from '../planner/calibration.js';
import {calibrationsOf} from '../planner/calibration-store.js';
import {concrete, warningsOf} from '../planner/settings.js';
import {askBracketedPaste} from './ask-terminal.js';
import {endWhenTold} from './output.js';
import type {Places} from './places.js';

/** Drivers take seconds at their first start. */
const patienceMs = 30_000;

const readable: Readonly<Record<string, string>> = {
	EACCES: 'not allowed',
	EPERM: 'not allowed',
	EROFS: 'read-only',
	ENOTDIR: 'not a folder',
	ENOSPC: 'the disk is full',
};

/** Of a folder that is not there yet the one counts that it would be made in. */
const folderFacts = async (use: FolderFacts['use'], folder: string): Promise<FolderFacts> => {
	try {
		// As root, asking for the rights of a folder says nothing.
		await rmdir(await mkdtemp(path.join(folder, '.vramble-')));
		const {bavail, bsize} = await statfs(folder);
		return {use, path: folder, freeBytes: bavail * bsize, problem: undefined};
	} catch (error) {
		const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
		const parent = path.dirname(folder);
		const isThere = await stat(folder).then(
			() => true,
			() => false,
		);
		if (code === 'ENOENT' && !isThere && parent !== folder) return {...(await folderFacts(use, parent)), path: folder};
		return {use, path: folder, freeBytes: undefined, problem: readable[code] ?? code};
	}
};

const terminalFacts = async (): Promise<TerminalFacts | undefined> => {
	const {stdin, stdout, env} = process;
	if (!stdout.isTTY) return undefined;
	return {
		columns: stdout.columns,
		rows: stdout.rows,
		colourBits: env.NO_COLOR ? 1 : stdout.getColorDepth(),
		isUtf8: isUtf8(env, process.platform),
		bracketedPaste: stdin.isTTY && env.TERM !== 'dumb' ? await askBracketedPaste(stdin, stdout) : undefined,
		kind: env.TERM,
		inside: env.TMUX ? 'tmux' : env.STY ? 'screen' : undefined,
	};
};

/** `vramble doctor`. */
export const startDoctor = async (options: CliOptions, {guidePath, engineProcess, packageFile}: Places): Promise<void> => {
	const {stdout, stderr, env} = process;
	const ports = createPorts({guidePath, stdout, env});
	const controller = new AbortController();
	const {signal} = controller;
	const engines = new Set<ReturnType<typeof createProcessEngine>>();
	const end = (code: number) => {
		controller.abort();
		void leave(Promise.all([...engines].map(engine => engine.dispose())), code);
	};
	endWhenTold(end);
	stderr.on('error', () => {});
	const modelPath = options.model === undefined ? undefined : path.resolve(options.model);
	const {cpu, cores} = ports.calibration.machine;
	const code = await doctor(options, {
		createEngine() {
			const engine = createProcessEngine(engineProcess);
			engines.add(engine);
			return engine;
		},
		patienceMs,
		backends: process.platform === 'darwin' ? ['metal'] : ['cuda', 'vulkan'],
		async tell() {
			const [memory, mlockLimitBytes, terminal, folders] = await Promise.all([
				ports.probes.ramAndSwap(),
				ports.mlockLimitBytes(),
				options.json ? undefined : terminalFacts(),
				Promise.all([
					folderFacts('data', envPaths('vramble', {suffix: ''}).data),
					folderFacts('temporary', os.tmpdir()),
					folderFacts('cache', module.getCompileCacheDir?.() ?? env.NODE_COMPILE_CACHE ?? path.join(os.tmpdir(), 'node-compile-cache')),
				]),
			]);
			const {version} = JSON.parse(await readFile(packageFile, 'utf8'));
			const versions = {vramble: String(version), node: process.versions.node, platform: `${process.platform} ${process.arch}`};
			return {versions, cpu: {name: cpu.trim(), threads: cores}, memory, mlockLimitBytes, terminal, folders};
		},
		async speeds(device) {
			const calibrations = calibrationsOf(ports.calibration, device);
			const calibration = await calibrations.read();
			if (!calibration) return undefined;
			const {cpuBytesPerSecond, gpuBytesPerSecond} = speedsOf(calibration, '', calibrations.gpu);
			return {ramBytesPerSecond: cpuBytesPerSecond, gpuBytesPerSecond, answers: calibration.observed.length};
		},
		modelPath: modelPath ?? guidePath,
		checkModel:
			modelPath === undefined
				? undefined
				: async (engine, device) => {
						const model = await ports.readModel(modelPath);
						const remarks: string[] = [];
						const planner = createPlanner({
							engine,
							model,
							budgets: options.budgets,
							ports,
							usesKept: options.usesKept,
							say: remark => remarks.push(remark),
							askCarefully: askInProcess(engineProcess, options.gpu),
							signal,
						});
						const settings = concrete(await planner.settle(options.wanted, device), model);
						remarks.push(...warningsOf(settings, model).map(asSentence));
						const {gpuLayers, contextSize} = settings;
						const onGpu = device.backend === 'cpu' ? 0 : gpuLayers;
						const text = `${model.name}: ${onGpu} of ${model.layers} layers on the GPU, ${count(contextSize)} tokens of context`;
						return {text, remarks};
					},
		stdout,
		status: createStatusLine(stderr),
	});
	await new Promise(written => stdout.write('', written));
	if (!signal.aborted) end(code);
};
