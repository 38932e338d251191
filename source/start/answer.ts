import {resolve} from 'node:path';
import process from 'node:process';
import {setFlagsFromString} from 'node:v8';
import {answerOnce, joinPrompt, readInput} from '../commands/answer-once.js';
import {type CliOptions, samplingFor} from '../commands/options.js';
import {describeError} from '../engine/engine-errors.js';
import {askInProcess} from '../engine/process-engine.js';
import type {Engine} from '../engine/types.js';
import {checkModelFile} from '../models/model-file.js';
import {createPlanner, createPorts, leave} from '../outside.js';
import {endWhenTold, fail} from './output.js';
import type {Places} from './places.js';

/** Answers on standard output, without a screen. */
export const startAnswer = async (options: CliOptions, {guidePath, engineProcess}: Places): Promise<void> => {
	const controller = new AbortController();
	let engine: Engine | undefined;
	let answered: Promise<number> | undefined;
	const end = async (code: number) =>
		leave(
			Promise.resolve(answered).then(() => engine?.dispose()),
			code,
		);
	const interrupt = (code: number) => {
		controller.abort();
		void end(code);
	};
	endWhenTold(interrupt);
	// An answer is no worse for what nobody wants to read beside it.
	process.stderr.on('error', () => {});

	const input = process.stdin.isTTY ? '' : await readInput(process.stdin, process.stderr).catch(error => fail(describeError(error), 1));
	const prompt = joinPrompt(input, options.prompt);
	if (prompt === '') fail('there is nothing to answer: give a question with -p, or on standard input.', 2);
	const path = resolve(options.model ?? guidePath);
	const model = await checkModelFile(path).catch(error => fail(describeError(error), 1));

	// Vocabularies pass through JavaScript's young generation, which would grow to 32 MiB of them and stay so.
	setFlagsFromString('--semi-space-growth-factor=1');
	// Helpers would have to wait for the cores that compute: up to 8 ms instead of half of one.
	setFlagsFromString('--no-parallel-scavenge');
	// So would TurboFan's threads, while the question is read: nothing runs long enough for what they compile.
	setFlagsFromString('--no-turbofan');
	// Only now: importing node-llama-cpp takes a quarter of a second, which a wrong file should not wait for.
	const {createLlamaEngine} = await import('../engine/llama-engine.js');
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
