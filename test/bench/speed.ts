import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import {togetherMs} from '../../source/engine/steady-part.ts';
import type {Engine, Settings} from '../../source/engine/types.ts';
import {probeSpeeds} from '../../source/planner/bandwidth-probe.ts';
import {type Calibration, calibrate, type Observation, speedsOf} from '../../source/planner/calibration.ts';
import {promptTokensPerSecond, tokensPerSecond} from '../../source/planner/speed.ts';
import {factsOf, guidePath, smolPath} from '../real/engines.ts';
import {dense500m, enlarge, guideVocabulary, tinyDense, tinyExperts} from '../support/gguf-shapes.ts';
import {writeModel} from '../support/gguf-writer.ts';
import type {Line} from './report.ts';

const threadCounts = [1, 2] as const;
const maxTokens = 40;
const rounds = 8;
/** Others only ever take away, and where they do changes from minute to minute: what counts is a token's time in the best tenth of all rounds. */
const undisturbed = 0.1;
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

/** What an answer took: milliseconds of each token, and of the prompt with the first one. */
type Times = {readonly tokens: readonly number[]; readonly prompt: number; readonly promptTokens: number; readonly fillTokens: number};

const answerOnce = async (engine: Engine, turn: number): Promise<Times> => {
	await engine.setConversation({system: undefined, messages: []});
	const told: Array<{readonly at: number; readonly tokens: number}> = [];
	const sampling = {temperature: 0.8, seed: 1, topK: 40, topP: 0.95, minP: 0.05};
	const {contextUsed, generation, prompt} = await engine.answer(
		{prompt: promptOf(turn), sampling, maxTokens},
		{
			onEvent(event) {
				const before = told.at(-1);
				if (event.type !== 'text' || event.tokens <= (before?.tokens ?? 0)) return;
				const now = {at: performance.now(), tokens: event.tokens};
				if (before && now.at - before.at < togetherMs) told.pop();
				told.push(now);
			},
		},
	);
	const tokens = told.slice(1).map(({at, tokens}, index) => {
		const before = told[index] ?? {at, tokens};
		return (at - before.at) / (tokens - before.tokens);
	});
	return {tokens, prompt: prompt.ms, promptTokens: prompt.tokens, fillTokens: contextUsed - generation.tokens / 2};
};

const quantile = (values: readonly number[], share: number): number =>
	values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

type Told = Observation & {readonly tokensPerSecond: number};

const observationOf = (about: Omit<Observation, 'tokensPerSecond'>, answers: readonly Times[]): Told => {
	const [{promptTokens = 0, fillTokens = 0} = {}] = answers;
	return {
		...about,
		fillTokens,
		tokensPerSecond:
			1000 /
			quantile(
				answers.flatMap(({tokens}) => tokens),
				undisturbed,
			),
		prompt: {
			tokens: promptTokens,
			tokensPerSecond:
				(1000 * promptTokens) /
				quantile(
					answers.map(({prompt}) => prompt),
					0,
				),
		},
	};
};

type Measured = {readonly name: string; readonly threads: number; readonly learned: Told; readonly later: Told};

const percent = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(0)} %`;
const cell = (text: string) => text.padStart(15);

type Case = {readonly path: string; readonly threads: number; readonly learned: Times[]; readonly later: Times[]};

/** Model by model, and again: what the machine does besides changes from minute to minute. */
const measureRounds = async (engine: Engine, cases: readonly Case[]) => {
	for (let round = 0; round < rounds; round++) {
		for (const {path, threads, learned, later} of cases) {
			const settings = settingsFor(threads);
			await engine.loadModel({path, settings});
			await engine.createContext({settings});
			await answerOnce(engine, 0); // for the pages of the file, and JavaScript that is not compiled yet
			learned.push(await answerOnce(engine, 1));
			later.push(await answerOnce(engine, 2));
			await engine.freeModel();
		}
	}
};

const measureAll = async (folder: string): Promise<readonly Measured[]> => {
	const engine = createLlamaEngine();
	try {
		await engine.start({gpu: 'off'});
		const paths = await speedModels(folder);
		const cases = paths.flatMap(path => threadCounts.map((threads): Case => ({path, threads, learned: [], later: []})));
		await measureRounds(engine, cases);
		return await Promise.all(
			cases.map(async ({path, threads, learned, later}) => {
				const {weights} = await factsOf(path);
				const settings = settingsFor(threads);
				const {context, compute} = await engine.dryRun({path, settings});
				const about = {model: path, settings, weights, cache: {gpu: 0, cpu: context.ramBytes - (compute?.ramBytes ?? 0)}};
				const name = basename(path, '.gguf').slice(0, 14);
				return {name, threads, learned: observationOf(about, learned), later: observationOf(about, later)};
			}),
		);
	} finally {
		await engine.dispose();
	}
};

/** What was predicted over what was measured later, minus 1. */
const off = (calibration: Calibration, {later: observation}: Measured) => {
	const speeds = speedsOf(calibration, observation.model);
	const {prompt} = observation;
	const load = {...observation, promptTokens: prompt?.tokens};
	const promptSeconds = 1 / (promptTokensPerSecond(speeds, load) ?? Number.NaN) + 1 / observation.tokensPerSecond / (prompt?.tokens ?? 1);
	return {
		generation: (tokensPerSecond(speeds, load) ?? Number.NaN) / observation.tokensPerSecond - 1,
		prompt: 1 / promptSeconds / (prompt?.tokensPerSecond ?? Number.NaN) - 1,
	};
};

const printTable = (title: string, measured: readonly Measured[], probed: Calibration, kind: 'generation' | 'prompt') => {
	console.log(`\n${title}\n${'learned from'.padEnd(16)}${measured.map(({name}) => cell(name)).join('')}`);
	const speed = ({later: observation}: Measured) =>
		kind === 'generation' ? observation.tokensPerSecond : (observation.prompt?.tokensPerSecond ?? 0);
	console.log(`${'measured tok/s'.padEnd(16)}${measured.map(one => cell(speed(one).toFixed(1))).join('')}`);
	const row = (name: string, calibration: Calibration, isOwn = false) =>
		console.log(
			`${name.padEnd(16)}${measured.map(one => cell(percent(off(isOwn ? calibrate(calibration, one.learned) : calibration, one)[kind]))).join('')}`,
		);
	if (kind === 'generation') row('the probe', probed);
	for (const {name, learned} of measured) row(name, calibrate(probed, learned));
	row('an own answer', probed, true);
};

const worst = (values: readonly number[]) => values.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);

const linesFor = (threads: number, measured: readonly Measured[], probed: Calibration): Line[] => {
	const apart = worst(measured.map(({learned, later}) => learned.tokensPerSecond / later.tokensPerSecond - 1));
	const detail = `${measured.length} models; the same answer again was up to ${Math.abs(apart * 100).toFixed(0)} % apart`;
	const line = (name: string, values: readonly number[], bar?: number): Line => ({
		name: `${name}, ${threads} thr.`,
		value: Math.abs(worst(values)) * 100,
		unit: '%',
		digits: 0,
		...(bar !== undefined && {bar}),
		detail,
	});
	const others = (kind: 'generation' | 'prompt') =>
		measured.flatMap(calibrator => {
			const calibration = calibrate(probed, calibrator.learned);
			return measured.filter(one => one !== calibrator).map(one => off(calibration, one)[kind]);
		});
	const own = (kind: 'generation' | 'prompt') => measured.map(one => off(calibrate(probed, one.learned), one)[kind]);
	return [
		line('tok/s of others, worst', others('generation'), 25),
		line('tok/s after an answer, worst', own('generation'), 10),
		line('prompt of others, worst', others('prompt')),
		line('prompt after one, worst', own('prompt')),
	];
};

/** Predicted against measured tokens per second on the CPU, for each model by an answer of each other and by one of its own. */
export const benchSpeed = async (): Promise<Line[]> => {
	const folder = mkdtempSync(join(tmpdir(), 'vramble-speed-'));
	const measured = await measureAll(folder).finally(() => rmSync(folder, {recursive: true}));
	const probed: Calibration = {probed: await probeSpeeds(Math.max(...threadCounts)), observed: []};
	const {cpuBytesPerSecond = Number.NaN, threadBytesPerSecond = Number.NaN} = probed.probed;
	console.log(`The probe: RAM ${(cpuBytesPerSecond / 1e9).toFixed(1)} GB/s, one thread ${(threadBytesPerSecond / 1e9).toFixed(1)} GB/s.`);
	return threadCounts.flatMap(threads => {
		const those = measured.filter(one => one.threads === threads);
		printTable(`Generation on ${threads} of the cores, predicted over measured:`, those, probed, 'generation');
		printTable(`Prompts on ${threads} of the cores, predicted over measured:`, those, probed, 'prompt');
		console.log('');
		return linesFor(threads, those, probed);
	});
};
