#!/usr/bin/env node
import module from 'node:module';
import process from 'node:process';
import type {BenchOptions} from './source/commands/bench-options.js';
import type {CliOptions} from './source/commands/options.js';
import type {Engine} from './source/engine/types.js';

// Before anything of ours is loaded: the next start then finds it compiled.
module.enableCompileCache?.();

const engineProcess = new URL('engine-process.js', import.meta.url);
const guide = new URL('../models/guide.gguf', import.meta.url);

const fail = (message: string, code: number): never => {
	process.stderr.write(`vramble: ${message}\n`);
	process.exit(code);
};

/** Who closed the pipe has read enough; a full disk is a failure. */
const endWithOutput = (end: (code: number) => unknown) => {
	let hasEnded = false;
	process.stdout.on('error', (error: NodeJS.ErrnoException) => {
		if (hasEnded) return;
		hasEnded = true;
		if (error.code !== 'EPIPE') process.stderr.write(`vramble: the output cannot be written: ${error.message}.\n`);
		end(error.code === 'EPIPE' ? 0 : 1);
	});
};

const print = async (text: string): Promise<never> => {
	endWithOutput(process.exit);
	await new Promise<void>(resolve => {
		process.stdout.write(`${text}\n`, error => {
			if (!error) resolve();
		});
	});
	process.exit(0);
};

const readOptions = async (): Promise<CliOptions | BenchOptions> => {
	const {helpText, readArguments, UsageError} = await import('./source/commands/flags.js');
	const {toOptions} = await import('./source/commands/options.js');
	let isBench = false;
	try {
		const {given, positional} = readArguments(process.argv.slice(2));
		isBench = positional[0] === 'bench';
		if (given.help || given.version) {
			// Only here: importing meow takes as long as all that comes before the first frame (45 ms, measured).
			const {default: meow} = await import('meow');
			const {benchHelpText} = await import('./source/commands/bench-help.js');
			const cli = meow(isBench ? benchHelpText() : helpText(), {importMeta: import.meta, argv: [], description: false});
			return print(given.help ? cli.help : String(cli.pkg.version));
		}

		if (!isBench) return toOptions(given, positional);
		const {toBenchOptions} = await import('./source/commands/bench-options.js');
		return toBenchOptions(given, positional.slice(1));
	} catch (error) {
		if (error instanceof UsageError) {
			fail(`${error.message}\nvramble ${isBench ? 'bench ' : ''}--help lists the flags.`, 2);
		}

		throw error;
	}
};

const samplingFor = (options: CliOptions, modelPath: string | undefined, guidePath: string) => ({
	...options.sampling,
	// The guide model has learned its answers by heart (its card: best at 0 to 0.3); 0.8 is llama.cpp's default.
	temperature: options.temperature ?? (modelPath === guidePath ? 0 : 0.8),
});

const answer = async (options: CliOptions, guidePath: string): Promise<void> => {
	const {answerOnce, joinPrompt, readInput} = await import('./source/commands/answer-once.js');
	const {checkModelFile} = await import('./source/models/model-file.js');
	const {describeError} = await import('./source/engine/engine-errors.js');
	const {createPlanner, createPorts, leave} = await import('./source/outside.js');
	const {resolve} = await import('node:path');

	const controller = new AbortController();
	let engine: Engine | undefined;
	let answered: Promise<number> | undefined;
	const end = async (code: number) =>
		leave(
			Promise.resolve(answered).then(() => engine?.dispose()),
			code,
		);
	const interrupt = (code: number) => () => {
		controller.abort();
		void end(code);
	};
	process.on('SIGINT', interrupt(130)).on('SIGTERM', interrupt(143)).on('SIGHUP', interrupt(129));
	endWithOutput(code => interrupt(code)());
	// An answer is no worse for what nobody wants to read beside it.
	process.stderr.on('error', () => {});

	const input = process.stdin.isTTY ? '' : await readInput(process.stdin, process.stderr);
	const prompt = joinPrompt(input, options.prompt);
	if (prompt === '') fail('there is nothing to answer: give a question with -p, or on standard input.', 2);
	const path = resolve(options.model ?? guidePath);
	const model = await checkModelFile(path).catch(error => fail(describeError(error), 1));

	const {createLlamaEngine} = await import('./source/engine/llama-engine.js');
	const {askInProcess} = await import('./source/engine/process-engine.js');
	engine = createLlamaEngine();
	const planner = createPlanner({
		engine,
		model: model.facts,
		budgets: options.budgets,
		ports: createPorts({guidePath, stdout: process.stdout, env: process.env}),
		usesKept: options.usesKept,
		say: text => process.stderr.write(`vramble: ${text}\n`),
		askCarefully: askInProcess(engineProcess, options.gpu),
		signal: controller.signal,
	});
	answered = answerOnce(
		{...options, prompt, model: model.facts, sampling: samplingFor(options, path, guidePath)},
		{engine, planner, stdout: process.stdout, stderr: process.stderr, signal: controller.signal},
	);
	const code = await answered;
	if (!controller.signal.aborted) await end(code);
};

const showPlan = async (options: CliOptions, guidePath: string): Promise<void> => {
	const [
		{resolve},
		{plan},
		{checkModelFile},
		{describeError},
		{createProcessEngine},
		{isUtf8},
		{calibrationsOf},
		{learnedDriverBytes},
		{createSpeedKeeper},
		{createStatusLine},
		outside,
	] = await Promise.all([
		import('node:path'),
		import('./source/commands/plan.js'),
		import('./source/models/model-file.js'),
		import('./source/engine/engine-errors.js'),
		import('./source/engine/process-engine.js'),
		import('./source/lib/locale.js'),
		import('./source/planner/calibration-store.js'),
		import('./source/planner/driver.js'),
		import('./source/planner/speed-keeper.js'),
		import('./source/commands/status-line.js'),
		import('./source/outside.js'),
	]);
	const {stdout, stderr, env} = process;
	const status = createStatusLine(stderr);
	status.show('Reading the header …');
	const {probes, threads, mlockLimitBytes, calibration} = outside.createPorts({guidePath, stdout, env});
	const controller = new AbortController();
	const path = resolve(options.model ?? guidePath);
	const {facts, tensors} = await checkModelFile(path).catch(error => {
		status.clear();
		return fail(describeError(error), 1);
	});
	const engine = createProcessEngine(engineProcess);
	const leave = (code: number) => () => {
		controller.abort();
		void outside.leave(engine.dispose(), code);
	};
	process.on('SIGINT', leave(130)).on('SIGTERM', leave(143)).on('SIGHUP', leave(129));
	endWithOutput(code => leave(code)());
	const code = await plan(
		{...options, ascii: options.ascii || !isUtf8(env, process.platform)},
		{facts: path === guidePath ? {...facts, name: 'guide'} : facts, tensors},
		{
			...probes,
			engine,
			threads: Math.max(1, threads - 1),
			mlockLimitBytes,
			async speeds(model, device) {
				const keeper = createSpeedKeeper({probe: calibration.probe, onChange: () => {}});
				await keeper.begin(calibrationsOf(calibration, device));
				return keeper.speeds(model.path);
			},
			driverBytes: async device => learnedDriverBytes(await calibrationsOf(calibration, device).readDriver(device.backend)),
			stdout,
			stderr,
			status,
			signal: controller.signal,
		},
	);
	await new Promise(resolve => stdout.write('', resolve)); // that it failed is told late
	if (!controller.signal.aborted) leave(code)();
};

const showBench = async (options: BenchOptions, guidePath: string): Promise<void> => {
	const [
		{cpus},
		{resolve},
		{bench},
		{confirm},
		{checkModelFile},
		{describeError},
		{askInProcess, createProcessEngine},
		{isUtf8},
		{measurementsOf},
		outside,
	] = await Promise.all([
		import('node:os'),
		import('node:path'),
		import('./source/commands/bench.js'),
		import('./source/commands/confirm.js'),
		import('./source/models/model-file.js'),
		import('./source/engine/engine-errors.js'),
		import('./source/engine/process-engine.js'),
		import('./source/lib/locale.js'),
		import('./source/planner/measured-here.js'),
		import('./source/outside.js'),
	]);
	const {stdout, stderr, env} = process;
	const ports = outside.createPorts({guidePath, stdout, env});
	const path = resolve(options.model ?? guidePath);
	const {facts} = await checkModelFile(path).catch(error => fail(describeError(error), 1));
	const model = path === guidePath ? {...facts, name: 'guide'} : facts;
	const controller = new AbortController();
	const {signal} = controller;
	const engine = createProcessEngine(engineProcess);
	const {settle, fits} = outside.createPlanner({
		engine,
		model,
		budgets: options.budgets,
		ports,
		usesKept: false,
		say: text => stderr.write(`vramble: ${text}\n`),
		askCarefully: askInProcess(engineProcess, options.gpu),
		signal,
	});
	let running: Promise<number> | undefined;
	const leave = (code: number) => () => {
		controller.abort();
		void outside.leave(Promise.all([engine.dispose(), running]), code);
	};
	process.on('SIGINT', leave(130)).on('SIGTERM', leave(143)).on('SIGHUP', leave(129));
	stdout.on('error', leave(0));
	stderr.on('error', () => {});
	running = bench({...options, ascii: options.ascii || !isUtf8(env, process.platform)}, model, {
		engine,
		settle,
		fits,
		confirm: process.stdin.isTTY && stderr.isTTY ? question => confirm(question, process.stdin, stderr, leave(130)) : undefined,
		threads: ports.threads,
		measurements: device => measurementsOf({file: ports.measurements, machine: ports.calibration.machine}, device),
		cpu: cpus()[0]?.model.trim() ?? 'unknown',
		stdout,
		stderr,
		signal,
	});
	const code = await running;
	if (!signal.aborted) leave(code)();
};

const showScreen = async (options: CliOptions, guidePath: string): Promise<void> => {
	const [
		{render},
		{App},
		{createServices},
		{createTheme, unicodeGlyphs, asciiGlyphs},
		{asciiOutput},
		{isUtf8},
		{createWorkerEngine},
		{askInProcess},
		outside,
	] = await Promise.all([
		import('ink'),
		import('./source/app.js'),
		import('./source/services.js'),
		import('./source/ui/theme.js'),
		import('./source/ui/ascii-output.js'),
		import('./source/lib/locale.js'),
		import('./source/engine/worker-engine.js'),
		import('./source/engine/process-engine.js'),
		import('./source/outside.js'),
	]);
	const {stdout, env} = process;
	const isAscii = options.ascii || !isUtf8(env, process.platform);
	const services = createServices(
		{
			...outside.createPorts({guidePath, stdout, env}),
			engine: createWorkerEngine(new URL('engine-worker.js', import.meta.url)),
			askCarefully: askInProcess(engineProcess, options.gpu),
		},
		{
			gpu: options.gpu,
			wanted: options.wanted,
			usesKept: options.usesKept,
			budgets: options.budgets,
			sampling: model => samplingFor(options, model?.path, guidePath),
			system: options.system,
			maxTokens: options.maxTokens,
		},
	);

	const leave = (code: number) => async () => {
		instance.unmount();
		await outside.leave(services.dispose(), code);
	};

	const crash = (error: unknown) => {
		void leave(1)();
		process.stderr.write(`vramble: a fault of its own: ${error instanceof Error ? error.message : String(error)}\n`);
	};

	const tree = (
		<App
			services={services}
			theme={createTheme(isAscii ? asciiGlyphs : unicodeGlyphs, !env.NO_COLOR)}
			firstScreen={options.model === undefined ? 'models' : 'main'}
			onQuit={leave(0)}
			onRedraw={() => redraw()}
			onSuspend={outside.stopJob}
		/>
	);
	const instance = render(tree, {
		stdout: isAscii ? asciiOutput(stdout) : stdout,
		alternateScreen: true,
		incrementalRendering: true,
		patchConsole: false,
		exitOnCtrlC: false,
		interactive: true,
		maxFps: 120, // for keys; an answer is told ten times a second
	});
	const redraw = () => {
		instance.clear();
		stdout.write('\u001B[2J\u001B[H');
		instance.rerender(tree);
	};

	stdout.on('resize', redraw);
	// A closed window takes the terminal along: whatever is read from it or written to it fails from then on.
	for (const stream of [process.stdin, stdout, process.stderr]) stream.on('error', leave(129));
	process.on('uncaughtException', crash).on('SIGTERM', leave(143)).on('SIGHUP', leave(129)).on('SIGINT', leave(130));
	await instance.waitUntilRenderFlush();
	// A failure is told when a model is to be loaded.
	services.begin().catch(() => {});
	if (options.model !== undefined) void services.open(options.model);
};

const options = await readOptions();
const {fileURLToPath} = await import('node:url');
const guidePath = fileURLToPath(guide);
if (options.command === 'bench') {
	await showBench(options, guidePath);
} else {
	const hasScreen = process.stdin.isTTY && process.stdout.isTTY && options.prompt === undefined && !options.json;
	await (options.command === 'plan' ? showPlan : hasScreen ? showScreen : answer)(options, guidePath);
}
