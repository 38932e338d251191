import {cacheTypeNames, type ModelFacts, type Settings, splitModes} from '../engine/types.js';
import {isRecord, positive} from '../lib/json-values.js';
import type {CalibrationFile} from './calibration-store.js';
import {isSameSettings} from './settings.js';

/** What `vramble bench` has measured; undefined: that test was not run. */
export type Measurement = {
	readonly settings: Settings;
	readonly tokensPerSecond?: number | undefined;
	/** In an empty context; undefined: an older vramble has measured it. */
	readonly generatedTokens?: number | undefined;
	readonly promptTokensPerSecond?: number | undefined;
};

/** Of one model on one machine. */
export type Measurements = {
	/** The latest last. */
	readonly measured: readonly Measurement[];
	/** The settings that this model is opened with when no others are given. */
	readonly kept: Settings | undefined;
};

type Saved = Readonly<Record<string, Readonly<Record<string, Measurements>>>>;
type Model = Pick<ModelFacts, 'path' | 'sizeBytes'>;

const version = 1;
/** The file does not grow without end. */
const most = {machines: 16, models: 64, measured: 200};

const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
const isCacheType = (value: unknown) => cacheTypeNames.some(name => name === value);

/** Settings that an older or newer vramble has written may have others besides. */
const isSettings = (value: unknown): value is Settings =>
	isRecord(value) &&
	[value.gpuLayers, value.cpuExpertLayers, value.contextSize, value.batchSize, value.threads].every(isCount) &&
	[value.cacheTypeK, value.cacheTypeV].every(isCacheType) &&
	['auto', 'on', 'off'].some(choice => choice === value.flashAttention) &&
	[value.mmap, value.mlock, value.kvOffload ?? true].every(choice => typeof choice === 'boolean') &&
	[value.overrideTensor ?? '', value.device ?? '', value.tensorSplit ?? ''].every(words => typeof words === 'string') &&
	splitModes.some(mode => mode === (value.splitMode ?? 'layer')) &&
	isCount(value.mainGpu ?? 0);

const toMeasurement = (value: unknown): readonly Measurement[] => {
	if (!isRecord(value) || !isSettings(value.settings)) return [];
	const {settings, tokensPerSecond, generatedTokens, promptTokensPerSecond} = value;
	return [
		{
			settings,
			tokensPerSecond: positive(tokensPerSecond),
			generatedTokens: positive(generatedTokens),
			promptTokensPerSecond: positive(promptTokensPerSecond),
		},
	];
};

const toMeasurements = (value: unknown): Measurements => {
	if (!isRecord(value)) return nothing;
	const {measured, kept} = value;
	return {measured: Array.isArray(measured) ? measured.flatMap(toMeasurement) : [], kept: isSettings(kept) ? kept : undefined};
};

const nothing: Measurements = {measured: [], kept: undefined};

const mapValues = <From, To>(record: Readonly<Record<string, From>>, map: (value: From) => To): Readonly<Record<string, To>> =>
	Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));

/** What of a file can be understood. */
const parse = (text: string | undefined): Saved => {
	try {
		const value: unknown = JSON.parse(text ?? '');
		if (!isRecord(value) || value.version !== version || !isRecord(value.machines)) return {};
		return mapValues(value.machines, models => (isRecord(models) ? mapValues(models, toMeasurements) : {}));
	} catch {
		return {};
	}
};

/** With `value` as the last one, and the first ones left out where they are too many. */
const withLast = <T>(record: Readonly<Record<string, T>> = {}, key: string, value: T, limit: number): Readonly<Record<string, T>> => {
	const {[key]: _, ...others} = record;
	return Object.fromEntries([...Object.entries(others).slice(1 - limit), [key, value]]);
};

/** Another file under the same name is another model. */
const keyOf = ({path, sizeBytes}: Model): string => `${path} | ${sizeBytes}`;

/** Measurements of one machine. Nothing it does rejects: what cannot be kept is measured again. */
export const createMeasurementStore = (file: CalibrationFile, machine: string) => {
	let last: Promise<void> = Promise.resolve();
	const load = async (): Promise<Saved> => parse(await file.read().catch(() => undefined));

	const change = (model: Model, next: (before: Measurements) => Measurements): Promise<void> => {
		last = last.then(async () => {
			const saved = await load();
			const models = saved[machine] ?? {};
			const changed = withLast(models, keyOf(model), next(models[keyOf(model)] ?? nothing), most.models);
			const machines = withLast(saved, machine, changed, most.machines);
			await file.write(`${JSON.stringify({version, machines}, undefined, '\t')}\n`).catch(() => {});
		});
		return last;
	};

	return {
		read: async (model: Model): Promise<Measurements> => (await load())[machine]?.[keyOf(model)] ?? nothing,
		/** A speed that was not measured this time stays what it was. */
		add: (model: Model, {settings, ...speeds}: Measurement): Promise<void> =>
			change(model, ({measured, kept}) => {
				const before = measured.find(other => isSameSettings(other.settings, settings));
				const known = Object.entries(speeds).filter(([, value]) => value !== undefined);
				const others = measured.filter(other => other !== before).slice(1 - most.measured);
				return {measured: [...others, {...before, settings, ...Object.fromEntries(known)}], kept};
			}),
		keep: (model: Model, kept: Settings): Promise<void> => change(model, ({measured}) => ({measured, kept})),
	};
};

/** Keeps nothing for a model any more, on whatever backend it was found. false: nothing was kept. */
export const forgetKept = async (file: CalibrationFile, model: Model): Promise<boolean> => {
	const saved = parse(await file.read().catch(() => undefined));
	const key = keyOf(model);
	if (!Object.values(saved).some(models => models[key]?.kept)) return false;
	const machines = mapValues(saved, ({[key]: own, ...others}) => (own ? {...others, [key]: {...own, kept: undefined}} : others));
	await file.write(`${JSON.stringify({version, machines}, undefined, '\t')}\n`);
	return true;
};

export type MeasurementStore = ReturnType<typeof createMeasurementStore>;
