import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Engine, Settings} from '../../source/engine/types.ts';
import {probeSpeeds} from '../../source/planner/bandwidth-probe.ts';
import {type Calibration, calibrate, type Observation, speedsOf} from '../../source/planner/calibration.ts';
import {createCalibrationStore} from '../../source/planner/calibration-store.ts';
import {promptTokensPerSecond, tokensPerSecond} from '../../source/planner/speed.ts';
import {createSpeedKeeper} from '../../source/planner/speed-keeper.ts';
import {factsOf, guidePath, smolPath} from '../real/engines.ts';
import {dense500m, enlarge, guideVocabulary, tinyDense, tinyExperts} from '../support/gguf-shapes.ts';
import {writeModel} from '../support/gguf-writer.ts';
import {type Line, median} from './report.ts';

const threadCounts = [1, 2] as const;
const fullAnswer = 64;
/**
How fast the machine is changes from one second to the next, by half where others share its cores: what a round predicts is compared with what it measures, and the
mean of the middle rounds counts. A median would jump between a fast and a slow state.
*/
const rounds = 7;
/** Another beginning each time, so that nothing of it is in the context yet. */
const promptOf = (turn: number) => `${turn}. What is a context, and what does it take of the memory when it is long? `.repeat(5);

const speedModels = async (folder: string): Promise<readonly string[]> => {
	const vocabulary = await guideVocabulary();
	const medium = enlarge(vocabulary, 32_000);
	const size100m = {blocks: 12, width: 768, heads: 12, kvHeads: 4, headSize: 64, feedForward: 2048};
	return [
		guidePath,
		...(smolPath ? [smolPath] : []),
		writeModel(folder, '100M-Q8_0', tinyDense(medium, {type: 'Q8_0', ...size100m})),
		writeModel(folder, '100M-F16', tinyDense(medium, {type: 'F16', ...size100m})),
		writeModel(folder, '500M-Q8_0', dense500m(vocabulary, 'Q8_0')),
		writeModel(folder, '500M-F16', dense500m(vocabulary, 'F16')),
		writeModel(
			folder,
			'experts-Q8_0',
			tinyExperts(medium, {blocks: 12, width: 512, heads: 8, kvHeads: 4, headSize: 64, feedForward: 1024}),
		),
	];
};

const settingsFor = (threads: number): Settings => ({
	gpuLayers: 0,
	cpuExpertLayers: 0,
	contextSize: 2048,
	cacheTypeK: 'f16',
	cacheTypeV: 'f16',
	batchSize: 512,
	threads,
	flashAttention: 'auto',
	mmap: true,
	mlock: false,
});

const answerOnce = async (
	engine: Engine,
	turn: number,
	about: Omit<Observation, 'tokensPerSecond'>,
	maxTokens = fullAnswer,
): Promise<Told> => {
	await engine.setConversation({system: undefined, messages: []});
	const sampling = {temperature: 0.8, seed: 1, topK: 40, topP: 0.95, minP: 0.05};
	const {steady, prompt} = await engine.answer({prompt: promptOf(turn), sampling, maxTokens});
	return {
		...about,
		fillTokens: steady.fillTokens,
		tokensPerSecond: steady.tokensPerSecond ?? Number.NaN,
		prompt: {tokens: prompt.tokens, tokensPerSecond: (1000 * prompt.tokens) / prompt.ms},
	};
};

type Told = Observation & {readonly tokensPerSecond: number};

type Measured = {readonly learned: Told; readonly later: Told};
/** What one round has probed and then measured, by threads and by model. */
type Round = {readonly probed: Calibration; readonly byThreads: ReadonlyMap<number, readonly Measured[]>};

/** As the program does it when it meets these models. */
const probe = async (engine: Engine, paths: readonly string[]): Promise<Calibration> => {
	const cores = Math.max(...threadCounts);
	let known: Calibration | undefined;
	const keeper = createSpeedKeeper({
		probe: () => probeSpeeds(cores),
		measureKernels: engine.measureKernels,
		machine: {cores},
		onChange: () => {},
	});
	await keeper.begin({
		...createCalibrationStore({read: async () => undefined, write: async () => {}}, 'here'),
		async write(calibration) {
			known = calibration;
		},
	});
	for (const path of paths) await keeper.study((await factsOf(path)).weights, ['f16']);
	if (!known) throw new Error('Nothing was probed.');
	return known;
};

const measureModel = async (engine: Engine, path: string, threads: number): Promise<Measured> => {
	const settings = settingsFor(threads);
	await engine.loadModel({path, settings});
	await engine.createContext({settings});
	const {weights} = await factsOf(path);
	const {context, compute} = await engine.dryRun({path, settings});
	const about = {model: path, settings, weights, cache: {gpu: 0, cpu: context.ramBytes - (compute?.ramBytes ?? 0)}};
	await answerOnce(engine, 0, about, 32); // for the pages of the file, and JavaScript that is not compiled yet
	const [learned, later] = [await answerOnce(engine, 1, about), await answerOnce(engine, 2, about)];
	await engine.freeModel();
	return {learned, later};
};

const measureRound = async (engine: Engine, paths: readonly string[]): Promise<Round> => {
	const probed = await probe(engine, paths);
	const byThreads = new Map<number, Measured[]>();
	for (const threads of threadCounts) {
		const measured: Measured[] = [];
		for (const path of paths) measured.push(await measureModel(engine, path, threads));
		byThreads.set(threads, measured);
	}

	return {probed, byThreads};
};

const measureAll = async (paths: readonly string[]): Promise<readonly Round[]> => {
	const engine = createLlamaEngine();
	try {
		await engine.start({gpu: 'off'});
		const all: Round[] = [];
		for (let round = 0; round < rounds; round++) all.push(await measureRound(engine, paths));
		return all;
	} finally {
		await engine.dispose();
	}
};

type Kind = 'generation' | 'prompt';

const measuredSpeed = ({tokensPerSecond, prompt}: Told, kind: Kind) =>
	kind === 'generation' ? tokensPerSecond : (prompt?.tokensPerSecond ?? Number.NaN);

/** What is predicted of an answer, over what was measured, minus 1. */
const off = (calibration: Calibration, observation: Told, kind: Kind): number => {
	const speeds = speedsOf(calibration, observation.model);
	const promptTokens = observation.prompt?.tokens;
	const load = {...observation, promptTokens};
	const firstToken = 1 / observation.tokensPerSecond / (promptTokens ?? 1);
	const predicted =
		kind === 'generation'
			? (tokensPerSecond(speeds, load) ?? Number.NaN)
			: 1 / (1 / (promptTokensPerSecond(speeds, load) ?? Number.NaN) + firstToken);
	return predicted / measuredSpeed(observation, kind) - 1;
};

const percent = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(0)} %`;
const cell = (text: string) => text.padStart(15);
const worst = (values: readonly number[]) => values.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);

const linesFor = (threads: number, names: readonly string[], all: readonly Round[], kind: Kind): Line[] => {
	const measuredIn = ({byThreads}: Round, index: number): Measured => {
		const measured = byThreads.get(threads)?.[index];
		if (!measured) throw new Error('A model was not measured.');
		return measured;
	};

	const medianOf = (value: (round: Round) => number) => median(all.map(value));
	/** Of ratios less 1, the highest and the lowest of which do not count. */
	const middleOf = (value: (round: Round) => number) => {
		const middle = all
			.map(round => Math.log(1 + value(round)))
			.sort((a, b) => a - b)
			.slice(1, -1);
		return Math.exp(middle.reduce((sum, one) => sum + one, 0) / middle.length) - 1;
	};
	/** Of the model in a column, by the probe alone or by an answer of another model. */
	const offBy = (column: number, teacher?: number) =>
		middleOf(round => {
			const calibration = teacher === undefined ? round.probed : calibrate(round.probed, measuredIn(round, teacher).learned);
			return off(calibration, measuredIn(round, column).later, kind);
		});
	const row = (name: string, texts: readonly string[]) => console.log(name.padEnd(16) + texts.map(cell).join(''));
	const columns = [...names.keys()];
	console.log(`\n${kind === 'generation' ? 'Generation' : 'Prompts'} on ${threads} of the cores, predicted over measured:`);
	row('learned from', names);
	row(
		'measured tok/s',
		columns.map(column => medianOf(round => measuredSpeed(measuredIn(round, column).later, kind)).toFixed(1)),
	);
	row(
		'the probe',
		columns.map(column => percent(offBy(column))),
	);
	const matrix = columns.map(teacher => columns.map(column => offBy(column, teacher)));
	for (const [teacher, values] of matrix.entries()) row(names[teacher] ?? '', values.map(percent));
	const apart = worst(
		columns.map(column =>
			medianOf(round => {
				const {learned, later} = measuredIn(round, column);
				return Math.abs(measuredSpeed(learned, kind) / measuredSpeed(later, kind) - 1);
			}),
		),
	);
	const line = (what: string, values: readonly number[], bar?: number): Line => ({
		name: `${kind === 'generation' ? 'tok/s' : 'prompt'} ${what}, worst, ${threads} thr.`,
		value: Math.abs(worst(values)) * 100,
		unit: '%',
		digits: 0,
		...(bar !== undefined && kind === 'generation' && {bar}),
		detail: `${names.length} models; the same answer again is up to ${(apart * 100).toFixed(0)} % apart`,
	});
	return [
		line(
			'of others',
			matrix.flatMap((values, teacher) => values.filter((_, column) => column !== teacher)),
			25,
		),
		line(
			'after an answer',
			matrix.map((values, teacher) => values[teacher] ?? Number.NaN),
			10,
		),
	];
};

/** Predicted against measured tokens per second on the CPU, for each model by an answer of each other and by one of its own. */
export const benchSpeed = async (): Promise<Line[]> => {
	const folder = mkdtempSync(join(tmpdir(), 'vramble-speed-'));
	try {
		const paths = await speedModels(folder);
		const all = await measureAll(paths);
		const names = paths.map(path => basename(path, '.gguf').slice(0, 14));
		return threadCounts.flatMap(threads => (['generation', 'prompt'] as const).flatMap(kind => linesFor(threads, names, all, kind)));
	} finally {
		rmSync(folder, {recursive: true});
	}
};
