import leven from 'leven';
import {cacheTypeNames} from '../engine/types.js';
import {helpNames, versionNames} from './help-names.js';

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
	/** Given again it adds to the list; of any other flag the last value counts. */
	readonly repeats?: boolean;
	/** It stands in that command's own help. */
	readonly of?: 'bench';
};

export const flags = [
	{names: ['gpu-layers', 'ngl', 'n-gpu-layers'], value: 'N|auto|all', text: 'layers on the GPU'},
	{
		names: ['ctx-size', 'c'],
		value: 'N|auto',
		text: "context size in tokens (8,192, or the model's own if smaller; auto: the largest that fits)",
	},
	{names: ['n-cpu-moe', 'ncmoe'], value: 'N', text: 'keep the experts of the first N layers on the CPU (as many as it takes)'},
	{names: ['cpu-moe', 'cmoe'], text: 'keep all experts on the CPU'},
	{names: ['override-tensor', 'ot'], value: 'PATTERN=CPU,…', text: 'keep the tensors with such names on the CPU', repeats: true},
	{names: ['no-kv-offload', 'nkvo'], text: 'keep the KV cache in RAM'},
	{names: ['device', 'dev'], value: 'NAME,…', text: 'the GPUs that layers go to: CUDA0, Vulkan1; none: --gpu off (all)'},
	{names: ['split-mode', 'sm'], value: 'none|layer', text: 'layers go to one GPU, or to all of them (layer)'},
	{names: ['main-gpu', 'mg'], value: 'N', text: 'the GPU of --split-mode none, counted from 0 (0)'},
	{names: ['tensor-split', 'ts'], value: 'N,…', text: "each GPU's share of the layers, as 3,1 (what is free on each)"},
	{names: ['cache-type-k', 'ctk'], value: 'TYPE', text: `type of the KV cache for K: ${cacheTypeNames.join(', ')}`},
	{names: ['cache-type-v', 'ctv'], value: 'TYPE', text: 'the same for V'},
	{names: ['batch-size', 'b'], value: 'N', text: 'tokens evaluated at once in a prompt (512)'},
	{names: ['threads', 't'], value: 'N|auto', text: 'threads for what is computed on the CPU (auto: tried out while an answer is written)'},
	{names: ['flash-attn', 'fa'], value: 'on|off|auto', text: 'flash attention (auto)'},
	{names: ['no-mmap'], text: 'copy the weights into RAM instead of mapping the file'},
	{names: ['mlock'], text: 'keep the weights in RAM (needs a large enough ulimit -l)'},
	{
		names: ['draft-model', 'md', 'model-draft', 'spec-draft-model'],
		value: 'FILE',
		text: 'a smaller model of the same family that guesses what comes',
	},
	{
		names: ['gpu-layers-draft', 'ngld', 'n-gpu-layers-draft', 'spec-draft-ngl'],
		value: 'N|auto|all',
		text: 'its layers on the GPU (auto: all)',
	},
	{names: ['lookup'], text: 'guess that what stood in the conversation before comes again, and check it (prompt lookup)'},
	{names: ['vram'], value: 'SIZE', text: 'most VRAM that vramble may take: 11.5G, 11500M, 90%', repeats: true},
	{names: ['ram'], value: 'SIZE', text: 'the same for the RAM of llama.cpp; Node.js and the GPU driver take some besides'},
	{names: ['gpu-bandwidth'], value: 'GB/S', text: 'plan: what the memory of another GPU gives, as 360'},
	{names: ['ram-bandwidth'], value: 'GB/S', text: 'plan: what the RAM of another machine gives, as 80'},
	{names: ['print-command'], text: 'plan: the same settings as a llama-server command line'},
	{names: ['gpu'], value: 'BACKEND', text: 'auto, cuda, vulkan, metal or off (auto)'},
	{names: ['system', 'sys'], value: 'TEXT', text: 'system prompt (none)'},
	{names: ['prompt', 'p'], value: 'TEXT', text: 'answer this on stdout and exit, without a screen'},
	{names: ['predict', 'n', 'n-predict'], value: 'N', text: 'longest answer in tokens (-1: no limit)'},
	{names: ['temp', 'temperature'], value: 'X', text: 'temperature, 0: always the most likely token (0.8; the guide model 0)'},
	{names: ['top-k'], value: 'N', text: 'sample from the N most likely tokens (40, 0: all)'},
	{names: ['top-p'], value: 'X', text: 'sample from the most likely tokens that sum to X (0.95, 1: all)'},
	{names: ['min-p'], value: 'X', text: 'leave out tokens under X times the most likely one (0.05, 0: none)'},
	{names: ['seed', 's'], value: 'N', text: 'seed of the sampling (random)'},
	{names: ['json'], text: 'with -p, plan and doctor: one line of JSON instead of the text'},
	{names: ['ascii'], text: 'draw with ASCII characters only'},
	{names: ['n-prompt'], value: 'N,…', text: 'tokens of a prompt, 0: no such test (512); also -p', of: 'bench'},
	{names: ['n-gen'], value: 'N,…', text: 'tokens to generate, 0: no such test (128); also -n', of: 'bench'},
	{names: ['repetitions', 'r'], value: 'N', text: 'runs of each test, after one that does not count (5)', of: 'bench'},
	{names: ['output', 'o'], value: 'md|json|csv', text: 'what is printed (md); --json is the same as -o json', of: 'bench'},
	{names: ['tune'], text: 'search the fastest layers, experts, threads and batch size, beginning with the planner', of: 'bench'},
	{names: ['yes', 'y'], text: 'open the model with what --tune has found from now on, without asking', of: 'bench'},
	{names: ['forget'], text: 'no longer open the model with what --tune has found; measures nothing', of: 'bench'},
	{names: ['mmap', 'mmp'], value: '0|1', text: 'map the weights from the file (1)', of: 'bench'},
	{names: helpNames, text: 'this help'},
	{names: versionNames, text: 'the version'},
] as const satisfies readonly Flag[];

export type FlagName = (typeof flags)[number]['names'][0];
export type GivenFlags = Readonly<Partial<Record<FlagName, string | true>>>;

/** llama.cpp writes them with one dash. */
const isShort = (name: string) => name.length <= 5;

const dashed = (name: string) => (!isShort(name) || flags.some(({names}) => names[0] === name) ? `--${name}` : `-${name}`);

const findFlag = (name: string): (Flag & {readonly names: readonly [FlagName, ...string[]]}) | undefined =>
	flags.find(flag => (flag.names as readonly string[]).includes(name));

const unknownFlag = (given: string): UsageError => {
	const typed = given.replace(/^-+/, '');
	const [nearest] = flags
		.flatMap(({names}) => names)
		.map(name => ({name, distance: leven(name, typed)}))
		.sort((a, b) => a.distance - b.distance);
	const hint =
		nearest && nearest.distance <= Math.max(2, typed.length / 3) && nearest.distance <= typed.length / 2
			? ` Did you mean ${dashed(nearest.name)}?`
			: '';
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
		// A text may look like anything.
		const isFlag =
			flag.value !== 'TEXT' && inline === undefined && value?.startsWith('-') === true && findFlag(value.replace(/^--?/, '')) !== undefined;
		if (value === undefined || isFlag) {
			const next = isFlag ? `; "${value}" behind it is a flag` : '';
			throw new UsageError(`${dashed(name)} needs a value: ${flag.value}${next}.`);
		}

		const before = flag.repeats ? given[flag.names[0]] : undefined;
		given[flag.names[0]] = before === undefined ? value : `${before},${value}`;
	}

	return {given, positional};
};

/** Longer flags stand alone in their line. */
const textAt = 36;

/** Flags as lines of a help text. */
export const flagLines = (isListed: (flag: Flag & {readonly names: readonly string[]}) => boolean): string =>
	(flags as readonly Flag[])
		.filter(isListed)
		.map(({names: [long, ...others], text: explanation, value}) => {
			const short = others.find(isShort);
			const left = `${short ? `-${short}, ` : ''}--${long}${value ? ` ${value}` : ''}`;
			return left.length < textAt ? `    ${left.padEnd(textAt)}${explanation}` : `    ${left}\n${' '.repeat(4 + textAt)}${explanation}`;
		})
		.join('\n');

export const helpText = (): string => {
	return `  Run the model that does not fit: gauges, tuner and chat on one screen.

  Usage
    $ vramble [MODEL] [flags]              the screen; MODEL is the path of a GGUF file, without one: the list
    $ vramble MODEL -p "question" [flags]  the answer on stdout, without a screen
    $ some-command | vramble MODEL -p "question about its output"
    $ vramble plan [MODEL] [flags]         what settings would take and how fast they would be, without loading;
                                           --vram 8G,12G --ram 64G: on other machines
    $ vramble doctor [MODEL] [flags]       what works here, and what to do about what does not
    $ vramble bench [MODEL] [flags]        how fast settings are, measured: vramble bench --help

  Flags
${flagLines(({of}) => of === undefined)}

  Exit codes: 0, 1 failed, 2 wrong usage, 130 interrupted, 143 SIGTERM, 129 SIGHUP. Keys: F1 on the screen.`;
};
