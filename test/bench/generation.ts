import {execFile} from 'node:child_process';
import {setTimeout as delay} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import type {Settings} from '../../source/engine/types.ts';
import {keys} from '../support/keys.ts';
import {personsEnvironment} from '../support/terminal.ts';
import {cliPath, inTurns, openProgram, patience, type Scratch, waitForState} from './program.ts';
import type {RawRequest} from './raw-engine.ts';
import {type Line, median, spread} from './report.ts';

/** A model at temperature 0 says the same thing every time; this makes SmolLM2 use up its 200 tokens. */
const prompt = 'Write a long story about a lighthouse keeper who finds a strange machine.';
const maxTokens = 200;
/** One thread: the screen (and this program, which stands for the terminal) may have the other core. */
const flags = ['--temp', '0', '-n', String(maxTokens), '-t', '1'];
/** What an answer still changes on the screen when it is over (gauges, their history). */
const calmMs = 2000;

type Speed = {readonly tokens: number; readonly tokensPerSecond: number};
type ScreenRun = {
	/** As the screen says; undefined: it does not. */
	readonly tokensPerSecond: number | undefined;
	/** By the clock of whoever watches: from the first frame that says `writing` to the first that says `ready`. */
	readonly watchedMs: number;
	readonly writingBytes: number;
};

const runFile = promisify(execFile);

const run = async (args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> => {
	const running = runFile(process.execPath, args, {env, timeout: 180_000});
	running.child.stdin?.end(); // an open one would be read to its end, as the first part of the question
	return (await running).stdout;
};

const lastJson = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '');

const withoutScreen = async (model: string, scratch: Scratch): Promise<Speed & {readonly settings: Settings}> => {
	const args = [cliPath, model, '-p', prompt, ...flags, '--json'];
	const stdout = await run(args, personsEnvironment(scratch.env));
	const {generation, settings} = lastJson(stdout);
	return {tokens: generation.tokens, tokensPerSecond: generation.tokensPerSecond, settings};
};

const rawEngine = async (request: Omit<RawRequest, 'prompt' | 'maxTokens'>): Promise<Speed> => {
	const script = fileURLToPath(new URL('raw-engine.ts', import.meta.url));
	return lastJson(await run([script, JSON.stringify({...request, prompt, maxTokens})], personsEnvironment()));
};

const number = (text: string | undefined) => (text === undefined ? undefined : Number(text.replaceAll(',', '')));

export const meanOnScreen = (screen: string) => number(/([\d.,]+)\s+mean/.exec(screen)?.[1]);

export const askOnScreen = async (args: readonly string[], question: string, scratch: Scratch): Promise<ScreenRun> => {
	await using terminal = openProgram(args, scratch.env);
	await waitForState(terminal, 'ready', patience);
	await terminal.type(question, keys.enter);
	await waitForState(terminal, 'writing', patience);
	const writingAt = performance.now();
	terminal.resetBytes();
	await waitForState(terminal, 'ready', patience);
	const watchedMs = performance.now() - writingAt;
	const writingBytes = terminal.bytes();
	await delay(calmMs);
	return {tokensPerSecond: meanOnScreen(terminal.screen()), watchedMs, writingBytes};
};

/** Tokens per second of the engine alone, of `-p`, and of the screen; what the screen writes. */
export const benchGeneration = async (model: string, scratch: Scratch, rounds: number): Promise<Line[]> => {
	const {settings, tokens} = await withoutScreen(model, scratch);
	const raw: number[] = [];
	const plain: number[] = [];
	const screen: ScreenRun[] = [];
	for (let round = 0; round < rounds; round++) {
		const turns = [
			async () => raw.push((await rawEngine({model, settings})).tokensPerSecond),
			async () => plain.push((await withoutScreen(model, scratch)).tokensPerSecond),
			async () => screen.push(await askOnScreen([model, ...flags], prompt, scratch)),
		];
		for (const turn of inTurns(turns, round)) await turn();
	}

	const watched = screen.map(({watchedMs}) => ((tokens - 1) / watchedMs) * 1000);
	const speeds = screen.map(({tokensPerSecond}, round) => tokensPerSecond ?? watched[round] ?? Number.NaN);
	const cost = (values: readonly number[]) => median(values.map((value, round) => (1 - value / (raw[round] ?? Number.NaN)) * 100));
	const perSecond = (values: readonly number[]) => `${median(values).toFixed(1)} tok/s (${spread(values, 1)})`;
	return [
		{name: 'raw engine', value: median(raw), unit: 'tok/s', digits: 1, detail: `${spread(raw, 1)}; ${tokens} tokens, ${rounds} runs`},
		{name: 'cost of -p', value: cost(plain), unit: '%', digits: 1, detail: perSecond(plain)},
		{
			name: 'cost of the screen',
			value: cost(speeds),
			unit: '%',
			digits: 1,
			bar: 5,
			detail: `${perSecond(speeds)}; by the watcher's clock ${perSecond(watched)}`,
		},
		{
			name: 'written for a token',
			value: median(screen.map(({writingBytes}) => writingBytes / tokens)),
			unit: 'bytes',
			digits: 0,
			bar: 300,
			detail: 'to the terminal, 120 x 32',
		},
	];
};
