import leven from 'leven';
import {cacheTypeNames, type FlashAttention, type GpuChoice, type WantedSettings} from '../engine/types.js';

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
	override readonly name = 'UsageError';
}

type Flag = {
	/** Without dashes; the first is the long one, in llama.cpp's words where it has the thing. */
	readonly names: readonly [string, ...string[]];
	/** What stands for its value in the help; undefined: the flag has none. */
	readonly value?: string;
	readonly text: string;
};

export const flags = [
	{names: ['gpu-layers', 'ngl', 'n-gpu-layers'], value: 'N|auto|all', text: 'layers on the GPU'},
	{names: ['ctx-size', 'c'], value: 'N|auto', text: "context size in tokens (auto: 8,192, or the model's own if smaller)"},
	{names: ['cache-type-k', 'ctk'], value: 'TYPE', text: `type of the KV cache for K: ${cacheTypeNames.join(', ')}`},
	{names: ['cache-type-v', 'ctv'], value: 'TYPE', text: 'the same for V'},
	{names: ['batch-size', 'b'], value: 'N', text: 'tokens evaluated at once in a prompt (512)'},
	{names: ['threads', 't'], value: 'N|auto', text: 'threads for what is computed on the CPU (auto: one core is left free)'},
	{names: ['flash-attn', 'fa'], value: 'on|off|auto', text: 'flash attention (auto)'},
	{names: ['no-mmap'], text: 'copy the weights into RAM instead of mapping the file'},
	{names: ['mlock'], text: 'keep the weights in RAM (needs a large enough ulimit -l)'},
	{names: ['gpu'], value: 'BACKEND', text: 'auto, cuda, vulkan, metal or off (auto)'},
	{names: ['system', 'sys'], value: 'TEXT', text: 'system prompt (none)'},
	{names: ['prompt', 'p'], value: 'TEXT', text: 'answer this on stdout and exit, without a screen'},
	{names: ['predict', 'n', 'n-predict'], value: 'N', text: 'longest answer in tokens (-1: no limit)'},
	{names: ['temp', 'temperature'], value: 'X', text: 'temperature, 0: always the most likely token (0.8; the guide model 0)'},
	{names: ['top-k'], value: 'N', text: 'sample from the N most likely tokens (40, 0: all)'},
	{names: ['top-p'], value: 'X', text: 'sample from the most likely tokens that sum to X (0.95, 1: all)'},
	{names: ['min-p'], value: 'X', text: 'leave out tokens under X times the most likely one (0.05, 0: none)'},
	{names: ['seed', 's'], value: 'N', text: 'seed of the sampling (random)'},
	{names: ['json'], text: 'with -p: one line of JSON instead of the text'},
	{names: ['ascii'], text: 'draw with ASCII characters only'},
	{names: ['help', 'h'], text: 'this help'},
	{names: ['version'], text: 'the version'},
] as const satisfies readonly Flag[];

type FlagName = (typeof flags)[number]['names'][0];
export type GivenFlags = Readonly<Partial<Record<FlagName, string | true>>>;

const dashed = (name: string) => (name.length > 3 || name.includes('-') ? `--${name}` : `-${name}`);

const findFlag = (name: string): (Flag & {readonly names: readonly [FlagName, ...string[]]}) | undefined =>
	flags.find(flag => (flag.names as readonly string[]).includes(name));

const unknownFlag = (given: string): UsageError => {
	const typed = given.replace(/^-+/, '');
	const [nearest] = flags
		.flatMap(({names}) => names)
		.map(name => ({name, distance: leven(name, typed)}))
		.sort((a, b) => a.distance - b.distance);
	const hint = nearest && nearest.distance <= Math.max(2, typed.length / 3) ? ` Did you mean ${dashed(nearest.name)}?` : '';
	return new UsageError(`Unknown flag ${given}.${hint}`);
};

/**
Takes the flags out of the arguments. A flag that wants a value takes the next argument whatever it looks like
(`-c -5` is a wrong number, not an unknown flag).

@throws UsageError
*/
export const readArguments = (argv: readonly string[]): {readonly given: GivenFlags; readonly positional: readonly string[]} => {
	const given: Partial<Record<FlagName, string | true>> = {};
	const positional: string[] = [];
	const rest = [...argv];
	for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
		if (argument === '--') {
			positional.push(...rest);
			break;
		}

		if (!argument.startsWith('-') || argument === '-') {
			positional.push(argument);
			continue;
		}

		const [name = '', inline] = argument.replace(/^--?/, '').split(/=(.*)/s, 2);
		const flag = findFlag(name);
		if (!flag) throw unknownFlag(argument.split('=')[0] ?? argument);
		if (flag.value === undefined) {
			if (inline !== undefined) throw new UsageError(`${dashed(name)} takes no value.`);
			given[flag.names[0]] = true;
			continue;
		}

		const value = inline ?? rest.shift();
		if (value === undefined) throw new UsageError(`${dashed(name)} needs a value: ${flag.value}.`);
		given[flag.names[0]] = value;
	}

	return {given, positional};
};

const text = (given: GivenFlags, name: FlagName): string | undefined => {
	const value = given[name];
	return typeof value === 'string' ? value : undefined;
};

const number = (
	given: GivenFlags,
	name: FlagName,
	{least, most, whole}: {least: number; most?: number; whole: boolean},
): number | undefined => {
	const value = text(given, name);
	if (value === undefined) return undefined;
	const parsed = value.trim() === '' ? Number.NaN : Number(value);
	const fits =
		Number.isFinite(parsed) && parsed >= least && parsed <= (most ?? Number.MAX_SAFE_INTEGER) && (!whole || Number.isInteger(parsed));
	if (fits) return parsed;
	const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
	throw new UsageError(`--${name} takes a ${whole ? 'whole ' : ''}number ${range}, not "${value}".`);
};

const oneOf = <T extends string>(given: GivenFlags, name: FlagName, choices: readonly T[]): T | undefined => {
	const value = text(given, name);
	if (value === undefined) return undefined;
	const found = choices.find(choice => choice === value.toLowerCase());
	if (found) return found;
	throw new UsageError(`--${name} takes one of ${choices.join(', ')}, not "${value}".`);
};

const gpuChoices: readonly GpuChoice[] = ['auto', 'cuda', 'vulkan', 'metal', 'off'];
const flashChoices: readonly FlashAttention[] = ['auto', 'on', 'off'];
/** More layers than any model has. */
const allLayers = 9999;

export type CliOptions = {
	readonly model: string | undefined;
	readonly gpu: GpuChoice;
	readonly wanted: WantedSettings;
	readonly system: string | undefined;
	readonly prompt: string | undefined;
	readonly maxTokens: number | undefined;
	/** undefined: the model's own, or llama.cpp's default. */
	readonly temperature: number | undefined;
	readonly sampling: {readonly topK: number; readonly topP: number; readonly minP: number; readonly seed: number | undefined};
	readonly json: boolean;
	readonly ascii: boolean;
};

const gpuLayers = (given: GivenFlags): number | 'auto' => {
	const value = text(given, 'gpu-layers');
	if (value === undefined || value === 'auto') return 'auto';
	if (value === 'all') return allLayers;
	return number(given, 'gpu-layers', {least: 0, whole: true}) ?? 'auto';
};

/** The largest context that a llama.cpp parameter (32 bits) can hold. */
const largestContext = 2 ** 31 - 1;

/**
Reads the command line. The defaults of sampling are llama.cpp's.

@throws UsageError where it cannot be understood.
*/
export const toOptions = (given: GivenFlags, positional: readonly string[]): CliOptions => {
	if (positional.length > 1) throw new UsageError(`One model at a time: what is "${positional[1]}"? A prompt goes behind -p, in quotes.`);
	const predict = number(given, 'predict', {least: -1, whole: true});
	if (predict === 0) throw new UsageError('--predict takes a whole number of at least 1, or -1 for no limit, not "0".');
	const seed = number(given, 'seed', {least: -1, most: 2 ** 32 - 1, whole: true});
	return {
		model: positional[0],
		gpu: oneOf(given, 'gpu', gpuChoices) ?? 'auto',
		wanted: {
			gpuLayers: gpuLayers(given),
			cpuExpertLayers: 0,
			mmap: given['no-mmap'] !== true,
			mlock: given.mlock === true,
			contextSize:
				text(given, 'ctx-size') === 'auto' ? 'auto' : (number(given, 'ctx-size', {least: 1, most: largestContext, whole: true}) ?? 'auto'),
			cacheTypeK: oneOf(given, 'cache-type-k', cacheTypeNames) ?? 'f16',
			cacheTypeV: oneOf(given, 'cache-type-v', cacheTypeNames) ?? 'f16',
			batchSize: number(given, 'batch-size', {least: 1, most: 65_536, whole: true}) ?? 512,
			threads: text(given, 'threads') === 'auto' ? 'auto' : (number(given, 'threads', {least: 1, most: 512, whole: true}) ?? 'auto'),
			flashAttention: oneOf(given, 'flash-attn', flashChoices) ?? 'auto',
		},
		system: text(given, 'system'),
		prompt: text(given, 'prompt'),
		maxTokens: predict === undefined || predict < 0 ? undefined : predict,
		temperature: number(given, 'temp', {least: 0, most: 100, whole: false}),
		sampling: {
			topK: number(given, 'top-k', {least: 0, whole: true}) ?? 40,
			topP: number(given, 'top-p', {least: 0, most: 1, whole: false}) ?? 0.95,
			minP: number(given, 'min-p', {least: 0, most: 1, whole: false}) ?? 0.05,
			seed: seed === undefined || seed < 0 ? undefined : seed,
		},
		json: given.json === true,
		ascii: given.ascii === true,
	};
};

export const helpText = (): string => {
	const lines = flags.map(({names, text: explanation, ...flag}: Flag) => {
		const [long, ...others] = names;
		const short = others.find(name => name.length <= 3);
		const left = `${short ? `-${short}, ` : ''}--${long}${flag.value ? ` ${flag.value}` : ''}`;
		return `    ${left.padEnd(36)}${explanation}`;
	});
	return `  Run the model that does not fit: gauges, tuner and chat on one screen.

  Usage
    $ vramble [MODEL] [flags]              the screen; MODEL is the path of a GGUF file, without one: the list
    $ vramble MODEL -p "question" [flags]  the answer on stdout, without a screen
    $ some-command | vramble MODEL -p "question about its output"

  Flags
${lines.join('\n')}

  Exit codes: 0, 1 failed, 2 wrong usage, 130 interrupted. Keys: F1 on the screen.`;
};
