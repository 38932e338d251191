import type {DeviceChoice} from '../engine/gpu-devices.js';
import {
	type CacheType,
	cacheTypeNames,
	type Device,
	type FlashAttention,
	type ModelFacts,
	type Settings,
	type WantedSettings,
} from '../engine/types.js';
import {count} from '../lib/format.js';
import {mostCpuExperts} from './placement.js';

/** What applying a change of settings needs, from cheapest to dearest. */
export type ReloadStep = 'nothing' | 'threads' | 'context' | 'model';

/** What decides where the weights are. */
const placement = [
	'gpuLayers',
	'cpuExpertLayers',
	'overrideTensor',
	'device',
	'splitMode',
	'mainGpu',
	'tensorSplit',
	'mmap',
	'mlock',
	'draftModel',
	'draftGpuLayers',
] as const;

export const needsReload = (loaded: WantedSettings, wanted: WantedSettings): boolean => placement.some(key => loaded[key] !== wanted[key]);

export const isSameSettings = (a: Settings, b: Settings): boolean =>
	(Object.keys({...a, ...b}) as Array<keyof Settings>).every(name => a[name] === b[name]);

/** llama.cpp evaluates no more at once than the context holds. */
export const usedBatchSize = ({batchSize, contextSize}: Pick<Settings, 'batchSize' | 'contextSize'>): number =>
	Math.min(batchSize, contextSize);

/** The same for settings of which llama.cpp says the same in a dry run. */
export const dryRunKey = ({threads: _, mlock: __, ...rest}: Settings): string => JSON.stringify({...rest, batchSize: usedBatchSize(rest)});

export const stepBetween = (applied: Settings, pending: Settings): ReloadStep => {
	if (needsReload(applied, pending)) return 'model';
	if (isSameSettings(applied, pending)) return 'nothing';
	return isSameSettings({...applied, threads: pending.threads}, pending) ? 'threads' : 'context';
};

/** The same wish where threads have changed by themselves from `before` to `now`. */
export const followThreads = (wanted: Settings, before: Settings, now: Settings): Settings =>
	wanted.threads === before.threads && before.threads !== now.threads ? {...wanted, threads: now.threads} : wanted;

/** What is wanted after a load has failed: threads that nobody chose are left open once more. */
export const triedAgain = (wanted: Settings, failed: Settings, {threads}: Pick<WantedSettings, 'threads'>): WantedSettings =>
	wanted.threads === failed.threads ? {...wanted, threads} : wanted;

/** What the values of a machine and a model allow. */
export type Limits = {
	/** 0: there is no device to put layers on. */
	readonly gpuLayers: number;
	/** Layers whose experts can stay on the CPU; 0: there are none, or nothing can place them. */
	readonly cpuExpertLayers: number;
	readonly trainedContext: number | undefined;
	readonly threads: number;
};

/** Whether experts can be placed by number: it takes a GPU that they could be on, and the native hooks. */
export const canPlaceExperts = ({backend, hooksOff}: Device): boolean => backend !== 'cpu' && hooksOff === undefined;

export const limitsOf = (model: ModelFacts, device: Device, threads: number): Limits => ({
	gpuLayers: device.backend === 'cpu' ? 0 : model.layers,
	cpuExpertLayers: canPlaceExperts(device) ? mostCpuExperts(model.weights.sizes) : 0,
	trainedContext: model.trainedContext,
	threads,
});

/** What can be moved; the others are set on the command line. */
export type SettingName = Exclude<
	keyof Settings,
	'overrideTensor' | 'kvOffload' | 'lookup' | 'draftModel' | 'draftGpuLayers' | keyof DeviceChoice
>;

/** In the order of the tuner's lines. */
export const settingNames: readonly SettingName[] = [
	'gpuLayers',
	'cpuExpertLayers',
	'contextSize',
	'cacheTypeK',
	'cacheTypeV',
	'batchSize',
	'threads',
	'flashAttention',
	'mmap',
	'mlock',
];

/** Those that there is something to choose of. */
export const movableNames = (limits: Limits | undefined): readonly SettingName[] =>
	settingNames.filter(name => name !== 'cpuExpertLayers' || (limits?.cpuExpertLayers ?? 0) > 0);

export type Move = 'less' | 'more' | 'muchLess' | 'muchMore' | 'least' | 'most';

const flashAttentionChoices: readonly FlashAttention[] = ['auto', 'on', 'off'];
/** The types that are worth moving to; `f32` and `iq4_nl` can be had on the command line. */
const cacheTypeChoices: readonly CacheType[] = cacheTypeNames.filter(name => name !== 'f32' && name !== 'iq4_nl');
const smallestContext = 512;
const largestContext = 1_048_576;

/** 512, 768, 1024, 1536, 2048, …: halves and thirds, all multiples of the 256 tokens that llama.cpp pads to. */
export const contextSizes: readonly number[] = Array.from({length: 12}, (_, power) => smallestContext * 2 ** power).flatMap(size =>
	size < largestContext ? [size, size * 1.5] : [size],
);

const batchSizes: readonly number[] = [32, 64, 128, 256, 512, 1024, 2048, 4096];

/** Worth trying where compute buffers are too large; smaller ones free little more, and read prompts much more slowly. */
export const smallerBatches = (batchSize: number): readonly number[] => [512, 256, 128].filter(size => size < batchSize).slice(0, 2);

const moveIn = <T extends number>(choices: readonly T[], value: number, move: Move, muchIs: number, most = choices.at(-1)): number => {
	const isUp = move === 'more' || move === 'muchMore';
	const next = isUp ? choices.filter(choice => choice > value) : choices.filter(choice => choice < value).reverse();
	const far = move === 'muchLess' || move === 'muchMore' ? muchIs : 1;
	if (move === 'least') return choices[0] ?? value;
	if (move === 'most') return most ?? value;
	return next[Math.min(far, next.length) - 1] ?? value;
};

const moveBatch = (settings: Settings, move: Move): number => {
	const used = usedBatchSize(settings);
	const choices = batchSizes.filter(size => size <= settings.contextSize);
	const to = moveIn(choices, used, move, 2);
	return to === used ? settings.batchSize : to;
};

const moveAmong = <T>(choices: readonly T[], value: T, move: Move): T => {
	const at = Math.max(0, choices.indexOf(value));
	const to = {less: at - 1, muchLess: at - 2, more: at + 1, muchMore: at + 2, least: 0, most: choices.length - 1}[move];
	return choices[Math.min(choices.length - 1, Math.max(0, to))] ?? value;
};

const moveNumber = (value: number, move: Move, least: number, most: number, much: number): number => {
	const to = {less: value - 1, muchLess: value - much, more: value + 1, muchMore: value + much, least, most}[move];
	// What the command line set beyond the usual stays until it is moved towards it.
	return Math.min(Math.max(most, value), Math.max(least, to));
};

/** The settings with one of them moved; the same object where it cannot move. */
export const moveSetting = (settings: Settings, name: SettingName, move: Move, limits: Limits): Settings => {
	const moved = <K extends SettingName>(key: K, value: Settings[K]): Settings =>
		settings[key] === value ? settings : {...settings, [key]: value};
	switch (name) {
		case 'gpuLayers':
			return moved(name, moveNumber(settings.gpuLayers, move, 0, limits.gpuLayers, Math.max(2, Math.round(limits.gpuLayers / 8))));
		case 'cpuExpertLayers': {
			const most = limits.cpuExpertLayers;
			return most > 0 ? moved(name, moveNumber(settings.cpuExpertLayers, move, 0, most, Math.max(2, Math.round(most / 8)))) : settings;
		}

		case 'contextSize':
			return moved(name, moveIn(contextSizes, settings.contextSize, move, 2, limits.trainedContext));
		case 'cacheTypeK':
		case 'cacheTypeV':
			return moved(name, moveAmong(cacheTypeChoices, settings[name], move));
		case 'batchSize':
			return moved(name, moveBatch(settings, move));
		case 'threads':
			return moved(name, moveNumber(settings.threads, move, 1, limits.threads, 4));
		case 'flashAttention':
			return moved(name, moveAmong(flashAttentionChoices, settings.flashAttention, move));
		case 'mmap':
		case 'mlock':
			return moved(name, moveAmong([false, true], settings[name], move));
	}
};

/** llama.cpp refuses them, whatever the machine. */
export const isImpossible = ({flashAttention, cacheTypeV}: Pick<Settings, 'flashAttention' | 'cacheTypeV'>): boolean =>
	flashAttention === 'off' && !['f32', 'f16', 'bf16'].includes(cacheTypeV);

type Wishes = Pick<WantedSettings, 'cpuExpertLayers' | 'splitMode' | 'mainGpu' | 'tensorSplit'>;

/** What was asked for and changes nothing. */
export const idleWishes = (
	{cpuExpertLayers, splitMode, mainGpu = 0, tensorSplit}: Wishes,
	{expertLayers}: Pick<ModelFacts, 'expertLayers'>,
): readonly string[] => {
	const hasIdleExperts = expertLayers === 0 && typeof cpuExpertLayers === 'number' && cpuExpertLayers > 0;
	const isOneGpu = splitMode === 'none';
	return [
		...(hasIdleExperts ? ['The model has no experts: --n-cpu-moe and --cpu-moe change nothing.'] : []),
		...(mainGpu > 0 && !isOneGpu ? [`Layers go to all GPUs: --main-gpu ${mainGpu} changes nothing without --split-mode none.`] : []),
		...(tensorSplit !== undefined && isOneGpu ? ['--split-mode none puts all layers on one GPU: --tensor-split changes nothing.'] : []),
	];
};

/** Told apart from what a plan says of a machine without a GPU. */
export const idleLayers = ({gpuLayers}: Pick<WantedSettings, 'gpuLayers'>, {backend}: Device): readonly string[] =>
	typeof gpuLayers === 'number' && gpuLayers > 0 && backend === 'cpu'
		? ['llama.cpp uses no GPU: --gpu-layers changes nothing, all layers stay on the CPU. vramble doctor says what works here.']
		: [];

export const isBeyondTraining = ({contextSize}: Settings, {trainedContext}: Pick<Limits, 'trainedContext'>): boolean =>
	trainedContext !== undefined && contextSize > trainedContext;

/** What a person should know before these settings are applied. */
export const warningsOf = (settings: Settings, limits: Pick<Limits, 'trainedContext'>): readonly string[] => {
	const warnings: string[] = [];
	if (isBeyondTraining(settings, limits)) {
		warnings.push(`the model was trained for ${count(limits.trainedContext)} tokens of context`);
	}

	if (isImpossible(settings)) warnings.push('a quantized V cache needs flash attention: without it llama.cpp refuses to load');
	return warnings;
};

/** Tokens of context that a model gets where nobody said how many. */
const defaultContextSize = 8192;

/** llama.cpp pads to multiples of it: 1 makes 256, 1,000 make 1,024. */
export const contextStep = 256;

/** What is wanted first, as llama.cpp makes it; a smaller or larger one is the answer of a fit. */
export const wantedContext = (wanted: WantedSettings['contextSize'], trained: number | undefined): number => {
	const tokens = typeof wanted === 'number' ? wanted : Math.min(defaultContextSize, trained ?? defaultContextSize);
	return Math.ceil(tokens / contextStep) * contextStep;
};

/** What to plan with where nothing was settled. */
export const concrete = (wanted: WantedSettings, {layers, trainedContext, weights}: ModelFacts): Settings => ({
	...wanted,
	gpuLayers: wanted.gpuLayers === 'auto' ? 0 : Math.min(wanted.gpuLayers, layers),
	cpuExpertLayers: wanted.cpuExpertLayers === 'auto' ? 0 : Math.min(wanted.cpuExpertLayers, mostCpuExperts(weights.sizes)),
	contextSize: wantedContext(wanted.contextSize, trainedContext),
	threads: wanted.threads === 'auto' ? 1 : wanted.threads,
});
