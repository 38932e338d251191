import type {Readable, Writable} from 'node:stream';
import {setTimeout as delay} from 'node:timers/promises';
import {switchedOff} from '../engine/drafting-words.js';
import {describeError, EngineError, isAborted} from '../engine/engine-errors.js';
import type {Answer, Device, Engine, GpuChoice, MemorySplit, ModelFacts, Sampling, Settings, WantedSettings} from '../engine/types.js';

export type AnswerOnceOptions = {
	readonly prompt: string;
	readonly model: ModelFacts;
	readonly gpu: GpuChoice;
	readonly wanted: WantedSettings;
	readonly sampling: Sampling;
	readonly system: string | undefined;
	readonly maxTokens: number | undefined;
	readonly json: boolean;
};

export type Planner = {
	/** Makes numbers of what the user left open, within the budgets; asked once the engine has started. */
	readonly settle: (wanted: WantedSettings, device: Device) => Promise<WantedSettings>;
	/** Learns from what was really taken, and says what the budgets think of it. */
	readonly loaded: (settings: Settings) => Promise<void>;
	/** What llama.cpp has taken for them, as it is planned. */
	readonly taken: (settings: Settings) => Promise<MemorySplit>;
	/** Learns how fast this machine is. */
	readonly answered: (answer: Answer, settings: Settings) => Promise<void>;
};

type Outside = {
	readonly engine: Engine;
	readonly planner: Planner;
	readonly stdout: Writable;
	readonly stderr: Writable;
	/** Aborted: somebody interrupted, or nobody listens any more. */
	readonly signal: AbortSignal;
};

/** More digits are no more true. */
const rounded = (value: number): number => Math.round(value * 1000) / 1000;
const roundedOrNull = (value: number | undefined): number | null => (value === undefined ? null : rounded(value));

const perSecond = (tokens: number, ms: number): number | null => (tokens > 0 && ms > 0 ? rounded((tokens / ms) * 1000) : null);

/** What `--json` prints; scripts rely on it. Milliseconds, tokens per second, bytes as llama.cpp counts them after the load, without layers of the GPU that are only mapped along; `null`: could not be measured. */
export const toJson = ({text, stopReason, prompt, generation, steady, drafting}: Answer, settings: Settings, memory: MemorySplit) => ({
	schema: 1,
	text,
	stopReason,
	prompt: {tokens: prompt.tokens, ms: rounded(prompt.ms), tokensPerSecond: perSecond(prompt.tokens, prompt.ms)},
	generation: {
		tokens: generation.tokens,
		ms: rounded(generation.ms),
		tokensPerSecond: roundedOrNull(generation.tokensPerSecond),
		firstTokenMs: rounded(generation.firstTokenMs),
	},
	...(drafting && {drafting: {...drafting, off: drafting.off ?? null}}),
	memory,
	settings: {...settings, threads: steady.threads},
});

/** One answer on stdout, no screen. Resolves with the exit code. */
export const answerOnce = async (options: AnswerOnceOptions, {engine, planner, stdout, stderr, signal}: Outside): Promise<number> => {
	const {model} = options;
	let written = '';
	try {
		const device = await engine.start({gpu: options.gpu});
		const wanted = await planner.settle(options.wanted, device);
		const gpuLayers = wanted.gpuLayers === 'auto' ? 'auto' : Math.min(wanted.gpuLayers, model.layers);
		const settings = {...wanted, gpuLayers} as const;
		await engine.setConversation({system: options.system, messages: []});
		await engine.loadModel({path: model.path, settings}, {signal});
		const loaded = await engine.createContext({settings}, {signal});
		if (model.trainedContext !== undefined && loaded.settings.contextSize > model.trainedContext) {
			stderr.write(
				`vramble: the context of ${loaded.settings.contextSize} tokens is larger than the ${model.trainedContext} that the model was trained for.\n`,
			);
		}

		if (loaded.draftingOff) stderr.write(`vramble: nothing is drafted: ${loaded.draftingOff}.\n`);
		await planner.loaded(loaded.settings);
		const answer = await engine.answer(options, {
			signal,
			onEvent(event) {
				if (event.type !== 'text') return;
				written += event.text;
				if (!options.json) stdout.write(event.text);
			},
		});
		if (options.json) stdout.write(`${JSON.stringify(toJson(answer, loaded.settings, await planner.taken(loaded.settings)))}\n`);
		else if (!written.endsWith('\n')) stdout.write('\n');
		const off = switchedOff(answer.drafting);
		if (off) stderr.write(`vramble: ${off}\n`);
		await planner.answered(answer, loaded.settings).catch(() => {});
		return answer.stopReason === 'interrupted' ? 130 : 0;
	} catch (error) {
		if (isAborted(error)) return 130;
		stderr.write(`vramble: ${describeError(error)}\n`);
		return 1;
	}
};

/** More text than the largest contexts hold, and less than would fill the RAM (`yes | vramble` never ends). */
const mostInputBytes = 16 * 1024 ** 2;

/** All of standard input; says so when it takes long, since a forgotten open pipe looks like a hang. */
export const readInput = async (stdin: Readable, stderr: Writable): Promise<string> => {
	const controller = new AbortController();
	void delay(3000, undefined, {signal: controller.signal, ref: false}).then(
		() => stderr.write('vramble: waiting for the end of standard input (to leave it out: </dev/null)\n'),
		() => {},
	);
	const chunks: Buffer[] = [];
	let bytes = 0;
	try {
		for await (const chunk of stdin) {
			chunks.push(Buffer.from(chunk));
			bytes += chunk.length;
			if (bytes <= mostInputBytes) continue;
			throw new EngineError('unsupported', 'Standard input is longer than 16 MiB: no context holds that.', {advice: 'Give a part of it.'});
		}
	} finally {
		controller.abort();
	}

	return Buffer.concat(chunks).toString('utf8');
};

/** Standard input is what the question is about; alone it is the question. */
export const joinPrompt = (input: string, prompt: string | undefined): string =>
	[input.trimEnd(), prompt ?? ''].filter(part => part.trim() !== '').join('\n\n');
