#!/usr/bin/env node
import module from 'node:module';
import process from 'node:process';
import type {BenchOptions} from './source/commands/bench-options.js';
import {helpNames, versionNames} from './source/commands/help-names.js';
import type {CliOptions} from './source/commands/options.js';
import {fail} from './source/start/output.js';
import type {Places} from './source/start/places.js';

// Before anything of ours is loaded: the next start then finds it compiled.
module.enableCompileCache?.();

const readOptions = async (): Promise<CliOptions | BenchOptions> => {
	const {readArguments, UsageError} = await import('./source/commands/flags.js');
	const {toOptions} = await import('./source/commands/options.js');
	let isBench = false;
	try {
		const {given, positional} = readArguments(process.argv.slice(2));
		isBench = positional[0] === 'bench';
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

const showScreen = async (options: CliOptions, {guidePath, engineProcess}: Places): Promise<void> => {
	const [
		{render},
		{App},
		{createServices},
		{createTheme, unicodeGlyphs, asciiGlyphs},
		{asciiOutput},
		{wholeFrames},
		{isUtf8},
		{createWorkerEngine},
		{askInProcess},
		{samplingFor},
		outside,
		{setFlagsFromString},
	] = await Promise.all([
		import('ink'),
		import('./source/app.js'),
		import('./source/services.js'),
		import('./source/ui/theme.js'),
		import('./source/ui/ascii-output.js'),
		import('./source/ui/whole-frames.js'),
		import('./source/lib/locale.js'),
		import('./source/engine/worker-engine.js'),
		import('./source/engine/process-engine.js'),
		import('./source/commands/options.js'),
		import('./source/outside.js'),
		import('node:v8'),
	]);
	// Its threads would take a tenth of a core from the first answer; Maglev's code draws a frame as fast.
	setFlagsFromString('--no-turbofan');
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
		stdout: wholeFrames(isAscii ? asciiOutput(stdout) : stdout),
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

const asksForHelp: ReadonlySet<string> = new Set([...helpNames, ...versionNames].flatMap(name => [`-${name}`, `--${name}`]));
if (process.argv.some(argument => asksForHelp.has(argument))) {
	// A file of its own: finding the dozen that it would share with the rest takes a quarter of what starting Node.js does.
	const {printHelp}: typeof import('./source/start/help.js') = await import(new URL('help.js', import.meta.url).href);
	await printHelp();
}

const options = await readOptions();
const oldestNode = 22;
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
	fail(`Node.js ${process.versions.node} is too old: vramble needs ${oldestNode} or later.`, 1);
}

const {fileURLToPath} = await import('node:url');
const places: Places = {
	guidePath: fileURLToPath(new URL('../models/guide.gguf', import.meta.url)),
	engineProcess: new URL('engine-process.js', import.meta.url),
	packageFile: new URL('../package.json', import.meta.url),
};
if (options.command !== 'bench' && options.wanted.draftModel !== undefined) {
	const {checkDraftModel} = await import('./source/start/draft-model.js');
	await checkDraftModel(options.wanted.draftModel);
}

if (options.command === 'bench') {
	const {startBench} = await import('./source/start/bench.js');
	await startBench(options, places);
} else if (options.command === 'plan') {
	const {startPlan} = await import('./source/start/plan.js');
	await startPlan(options, places);
} else if (options.command === 'doctor') {
	const {startDoctor} = await import('./source/start/doctor.js');
	await startDoctor(options, places);
} else if (process.stdin.isTTY && process.stdout.isTTY && options.prompt === undefined && !options.json) {
	await showScreen(options, places);
} else {
	const {startAnswer} = await import('./source/start/answer.js');
	await startAnswer(options, places);
}
