import {resolve} from 'node:path';
import {cacheTypeNames, type FlashAttention, type GpuChoice, type SplitMode, splitModes, type WantedSettings} from '../engine/types.js';
import type {Size} from '../lib/size.js';
import type {Budgets} from '../planner/machine.js';
import {allLayers, devices, number, oneOf, overrides, shares, sizes, text} from './flag-values.js';
import {type FlagName, flags, type GivenFlags, UsageError} from './flags.js';

const gpuChoices: readonly GpuChoice[] = ['auto', 'cuda', 'vulkan', 'metal', 'off'];
const flashChoices: readonly FlashAttention[] = ['auto', 'on', 'off'];
/** Words that stand before the model; a model file of that name is written as a path: `./plan`. */
const commands = ['plan', 'doctor'] as const;

/** Another machine than the one at hand, as far as it was described. */
export type PlanOptions = {
	/** Several: side by side. */
	readonly vram: readonly Size[];
	readonly ram: Size | undefined;
	readonly gpuBytesPerSecond: number | undefined;
	readonly ramBytesPerSecond: number | undefined;
	readonly printCommand: boolean;
};

export type CliOptions = {
	/** undefined: the screen, or an answer. */
	readonly command: (typeof commands)[number] | undefined;
	readonly model: string | undefined;
	readonly gpu: GpuChoice;
	readonly wanted: WantedSettings;
	/** Nothing was said about settings: those kept for a model are used where there are some. */
	readonly usesKept: boolean;
	readonly budgets: Budgets;
	readonly plan: PlanOptions;
	readonly system: string | undefined;
	readonly prompt: string | undefined;
	readonly maxTokens: number | undefined;
	/** undefined: the model's own, or llama.cpp's default. */
	readonly temperature: number | undefined;
	readonly sampling: {readonly topK: number; readonly topP: number; readonly minP: number; readonly seed: number | undefined};
	readonly json: boolean;
	readonly ascii: boolean;
};

const layersOf = (given: GivenFlags, name: 'gpu-layers' | 'gpu-layers-draft'): number | 'auto' => {
	const value = text(given, name);
	if (value === undefined || value === 'auto') return 'auto';
	if (value === 'all') return allLayers;
	return number(given, name, {least: 0, whole: true}) ?? 'auto';
};

const splitMode = (given: GivenFlags): SplitMode | undefined => {
	const value = text(given, 'split-mode')?.toLowerCase();
	if (value === 'row' || value === 'tensor') throw new UsageError(`--split-mode ${value}: none of the backends here can do that.`);
	return oneOf(given, 'split-mode', splitModes);
};

/** With a file, all layers of it unless it is said. */
const draftOptions = (given: GivenFlags): Pick<WantedSettings, 'draftModel' | 'draftGpuLayers'> => {
	const draftModel = text(given, 'draft-model');
	if (draftModel === undefined && given['gpu-layers-draft'] !== undefined) {
		throw new UsageError('--gpu-layers-draft is about the model of --draft-model, which was not given.');
	}

	if (draftModel === undefined) return {};
	const layers = layersOf(given, 'gpu-layers-draft');
	return {draftModel: resolve(draftModel), draftGpuLayers: layers === 'auto' ? allLayers : layers};
};

const mostOf = (name: string, sizes: readonly Size[], most: number): readonly Size[] => {
	if (sizes.length <= most) return sizes;
	throw new UsageError(`--${name} takes ${most === 1 ? 'one size' : `at most ${most} sizes`}, not ${sizes.length}.`);
};

/** More do not fit side by side, and each takes seconds. */
const mostCards = 8;

/** Data sheets give decimal gigabytes. */
const bandwidth = (given: GivenFlags, name: 'gpu-bandwidth' | 'ram-bandwidth'): number | undefined => {
	const gigabytes = number(given, name, {least: 0.1, most: 1e6, whole: false});
	return gigabytes === undefined ? undefined : gigabytes * 1e9;
};

const onlyForPlan = ['gpu-bandwidth', 'ram-bandwidth', 'print-command'] as const;

const checkCommand = (command: CliOptions['command'], given: GivenFlags) => {
	const stray = onlyForPlan.find(name => given[name] !== undefined);
	if (command !== 'plan' && stray) throw new UsageError(`--${stray} belongs to vramble plan.`);
	const ofBench = flags.find(flag => 'of' in flag && given[flag.names[0]] !== undefined);
	if (ofBench) throw new UsageError(`--${ofBench.names[0]} belongs to vramble bench.`);
	if (command && given.prompt !== undefined) throw new UsageError(`vramble ${command} loads nothing, so it cannot answer -p.`);
	if (given.json && given['print-command']) throw new UsageError('--json and --print-command: one of them, please.');
};

/** Whatever else is given is about settings. What was kept belongs to the devices that llama.cpp sees, so the backend is not. */
const besideSettings: readonly FlagName[] = [
	'gpu',
	'system',
	'prompt',
	'predict',
	'temp',
	'top-k',
	'top-p',
	'min-p',
	'seed',
	'lookup',
	'print-command',
	'json',
	'ascii',
];

/** The largest context that a llama.cpp parameter (32 bits) can hold. */
/** More than any model was made for; from some hundred million on llama.cpp's own lists of cells fill the RAM before it can refuse. */
const largestContext = 2 ** 24;

/**
Reads the command line. The defaults of sampling are llama.cpp's.

@throws UsageError where it cannot be understood.
*/
export const toOptions = (given: GivenFlags, positional: readonly string[]): CliOptions => {
	const command = commands.find(name => name === positional[0]);
	const [model, extra] = command ? positional.slice(1) : positional;
	if (extra !== undefined) {
		throw new UsageError(`One model at a time: what is "${extra}"?${command ? '' : ' A prompt goes behind -p, in quotes.'}`);
	}

	checkCommand(command, given);
	const vram = mostOf('vram', sizes(given, 'vram'), command === 'plan' ? mostCards : 1);
	const [ram] = mostOf('ram', sizes(given, 'ram'), 1);
	const predict = number(given, 'predict', {least: -1, whole: true});
	if (predict === 0) throw new UsageError('--predict takes a whole number of at least 1, or -1 for no limit, not "0".');
	const seed = number(given, 'seed', {least: -1, most: 2 ** 32 - 1, whole: true});
	return {
		command,
		model,
		gpu: given.device === 'none' ? 'off' : (oneOf(given, 'gpu', gpuChoices) ?? 'auto'),
		wanted: {
			gpuLayers: layersOf(given, 'gpu-layers'),
			cpuExpertLayers: given['cpu-moe'] ? allLayers : (number(given, 'n-cpu-moe', {least: 0, whole: true}) ?? 'auto'),
			overrideTensor: overrides(given),
			kvOffload: given['no-kv-offload'] ? false : undefined,
			device: devices(given),
			splitMode: splitMode(given),
			mainGpu: number(given, 'main-gpu', {least: 0, most: 15, whole: true}),
			tensorSplit: shares(given),
			lookup: given.lookup ? true : undefined,
			...draftOptions(given),
			mmap: given['no-mmap'] !== true,
			mlock: given.mlock === true,
			contextSize:
				text(given, 'ctx-size') === 'auto' ? 'auto' : (number(given, 'ctx-size', {least: 1, most: largestContext, whole: true}) ?? 'usual'),
			cacheTypeK: oneOf(given, 'cache-type-k', cacheTypeNames) ?? 'f16',
			cacheTypeV: oneOf(given, 'cache-type-v', cacheTypeNames) ?? 'f16',
			batchSize: number(given, 'batch-size', {least: 1, most: 65_536, whole: true}) ?? 512,
			threads: text(given, 'threads') === 'auto' ? 'auto' : (number(given, 'threads', {least: 1, most: 512, whole: true}) ?? 'auto'),
			flashAttention: oneOf(given, 'flash-attn', flashChoices) ?? 'auto',
		},
		usesKept: Object.keys(given).every(name => besideSettings.some(other => other === name)),
		budgets: {vram: vram[0], ram},
		plan: {
			vram,
			ram,
			gpuBytesPerSecond: bandwidth(given, 'gpu-bandwidth'),
			ramBytesPerSecond: bandwidth(given, 'ram-bandwidth'),
			printCommand: given['print-command'] === true,
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

/** The sampling for a model, which may bring its own. */
export const samplingFor = (options: CliOptions, modelPath: string | undefined, guidePath: string) => ({
	...options.sampling,
	// The guide model has learned its answers by heart (its card: best at 0 to 0.3); 0.8 is llama.cpp's default.
	temperature: options.temperature ?? (modelPath === guidePath ? 0 : 0.8),
});
