import {execFile} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {basename} from 'node:path';
import {promisify} from 'node:util';
import {dense500m, guideVocabulary} from '../support/gguf-shapes.ts';
import {writeModel} from '../support/gguf-writer.ts';
import {personsEnvironment} from '../support/terminal.ts';
import {askOnScreen} from './generation.ts';
import {cliPath, findSmolLm, inTurns, type Scratch} from './program.ts';
import {type Line, median, spread} from './report.ts';

const [promptTokens, generatedTokens, contextSize] = [512, 128, 1024];
const question = 'Write a long story about a lighthouse keeper who finds a strange machine.';
const sentence = 'A lighthouse keeper finds a strange machine on the beach. ';
/** One token. */
const filler = ' a';

/** The most of its memory that a process has had in RAM, in bytes; undefined: the system does not say. */
const watchMemory = (pid: number | undefined) => {
	let most: number | undefined;
	const timer = setInterval(() => {
		try {
			const kib = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
			if (kib) most = Number(kib) * 1024;
		} catch {
			clearInterval(timer); // it has ended, or there is no /proc
		}
	}, 20);
	return () => {
		clearInterval(timer);
		return most;
	};
};

const run = async (file: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
	const running = promisify(execFile)(file, args, {env, timeout: 180_000});
	const memory = watchMemory(running.child.pid);
	running.child.stdin?.end();
	const {stdout} = await running;
	return {stdout, memory: memory()};
};

type Figures = {readonly generation: number[]; readonly prompt: number[]; readonly memory: number[]};
const noFigures = (): Figures => ({generation: [], prompt: [], memory: []});

/** `long`: a question of as many tokens as llama-bench is given; `depth`: tokens in the context before an answer, each of which makes the next one slower. */
type Work = {readonly model: string; readonly threads: number; readonly long: string; readonly depth: number};

const askLlamaBench = async (bench: string, {model, threads, depth}: Work, into: Figures) => {
	const ask = (tests: readonly string[]) => {
		const flags = ['-m', model, '-t', String(threads), '-r', '1', '-b', String(promptTokens), '-ngl', '0', '-o', 'json'];
		return run(bench, [...flags, ...tests], personsEnvironment());
	};
	const speed = async (tests: readonly string[]): Promise<number> => JSON.parse((await ask(tests)).stdout)[0].avg_ts;
	into.prompt.push(await speed(['-p', String(promptTokens), '-n', '0']));
	into.generation.push(await speed(['-p', '0', '-n', String(generatedTokens), '-d', String(depth)]));
	// It makes contexts as large as a test needs: in the ones above the KV cache is half of ours, or less.
	const whole = `${contextSize - generatedTokens},${generatedTokens}`;
	const {memory} = await ask(['-p', '0', '-n', '0', '-pg', whole, '--no-warmup']);
	if (memory) into.memory.push(memory);
};

const flagsFor = (threads: number) => [
	'-ngl',
	'0',
	'-t',
	String(threads),
	'-c',
	String(contextSize),
	'-b',
	String(promptTokens),
	'-n',
	String(generatedTokens),
	'-s',
	'1',
];

const answer = async (scratch: Scratch, model: string, threads: number, prompt: string, more: readonly string[] = []) => {
	const {stdout, memory} = await run(
		process.execPath,
		[cliPath, model, '-p', prompt, '--gpu', 'off', '--json', ...flagsFor(threads), ...more],
		personsEnvironment(scratch.env),
	);
	return {...JSON.parse(stdout), memory};
};

const askProgram = async (scratch: Scratch, {model, threads, long}: Work, into: Figures) => {
	into.generation.push((await answer(scratch, model, threads, question)).generation.tokensPerSecond);
	const {prompt, memory} = await answer(scratch, model, threads, long, ['-n', '1']);
	into.prompt.push(prompt.tokensPerSecond);
	// A whole batch fills the compute buffers; no answer adds to that.
	if (memory) into.memory.push(memory);
};

/**
A question that is one whole batch with all that the chat format adds. Vector units work on blocks of tokens: llama-bench reads 500 a third slower than 512 with AMX.
*/
const findLongQuestion = async (count: (question: string) => Promise<number>): Promise<string> => {
	const [few, more] = [await count(sentence.repeat(10)), await count(sentence.repeat(20))];
	const most = sentence.repeat(20 + Math.floor((promptTokens - more) / ((more - few) / 10)));
	const question = most + filler.repeat(promptTokens - (await count(most)));
	const tokens = await count(question);
	if (tokens !== promptTokens) throw new Error(`The question has ${tokens} tokens instead of ${promptTokens}.`);
	return question;
};

const askScreen = async (scratch: Scratch, {model, threads}: Work, into: Figures) => {
	const {tokensPerSecond} = await askOnScreen([model, '--gpu', 'off', ...flagsFor(threads)], question, scratch);
	if (tokensPerSecond !== undefined) into.generation.push(tokensPerSecond);
};

const sides = ['llama', 'plain', 'screen'] as const;
type Side = (typeof sides)[number];
type Case = {readonly threads: number} & Readonly<Record<Side, Figures>>;

/** Rounds after which it is clear which numbers of threads are not worth more. */
const firstRounds = 2;

const isWorthMore = (measured: Case, cases: readonly Case[]) =>
	sides.some(side => median(measured[side].generation) > 0.8 * best(cases, side, 'generation'));

/** The median of the number of threads that is the best for it. */
const best = (cases: readonly Case[], side: Side, of: 'generation' | 'prompt') =>
	Math.max(...cases.map(measured => median(measured[side][of])));

const megabytes = (bytes: readonly number[]) => median(bytes) / 1e6;

/** `vramble -p` and the screen beside llama.cpp's own llama-bench, which does not sample; each with the number of threads that is the best for it. */
export const benchLlamaBench = async (scratch: Scratch, rounds: number): Promise<Line[]> => {
	const bench = process.env.LLAMA_BENCH;
	if (!bench) throw new Error('LLAMA_BENCH has to be the path of a llama-bench of the same llama.cpp.');
	const smol = findSmolLm();
	const half = writeModel(scratch.folder, '500M-Q8_0', dense500m(await guideVocabulary(), 'Q8_0'));
	const threadCounts = [...new Set([Math.max(1, availableParallelism() - 1), availableParallelism()])];
	const lines: Line[] = [];
	for (const model of [half, ...(smol ? [smol] : [])]) {
		const count = async (text: string): Promise<number> =>
			(await answer(scratch, model, availableParallelism(), text, ['-n', '1'])).prompt.tokens;
		const [long, depth] = [await findLongQuestion(count), await count(question)];
		const all = threadCounts.map((threads): Case => ({threads, llama: noFigures(), plain: noFigures(), screen: noFigures()}));
		let cases: readonly Case[] = all;
		for (let round = 0; round < rounds; round++) {
			if (round === firstRounds) cases = cases.filter(measured => isWorthMore(measured, cases));
			for (const {threads, llama, plain, screen} of cases) {
				const work = {model, threads, long, depth};
				const turns = [
					() => askLlamaBench(bench, work, llama),
					() => askProgram(scratch, work, plain),
					() => askScreen(scratch, work, screen),
				];
				for (const turn of inTurns(turns, round)) await turn();
			}
		}

		const name = basename(model, '.gguf').slice(0, 12);
		const behind = (what: string, of: 'generation' | 'prompt', ours: Side, theirs: Side, bar: number): Line => {
			const [own, other] = [best(all, ours, of), best(all, theirs, of)];
			const each = all.map(measured => `${measured.threads} thr. ${spread(measured[ours][of], 1)}`).join(', ');
			const detail = `${own.toFixed(1)} and ${other.toFixed(1)} tok/s; ${each}`;
			return {name: `${name}: ${what}`, value: (1 - own / other) * 100, unit: '%', digits: 1, bar, detail};
		};
		lines.push(
			behind(`-p behind tg${generatedTokens}, d${depth}`, 'generation', 'plain', 'llama', model === half ? 5 : 10),
			behind(`-p behind pp${promptTokens}`, 'prompt', 'plain', 'llama', 5),
			behind('screen behind -p', 'generation', 'screen', 'plain', 3),
		);
		const [ours, theirs] = [all[0]?.plain.memory ?? [], all[0]?.llama.memory ?? []];
		lines.push({
			name: `${name}: more memory`,
			value: ours.length > 0 && theirs.length > 0 ? megabytes(ours) - megabytes(theirs) : undefined,
			unit: 'MB',
			digits: 0,
			bar: 120,
			detail: `resident at most, -p ${megabytes(ours).toFixed(0)}, llama-bench ${megabytes(theirs).toFixed(0)}`,
		});
	}

	return lines;
};
