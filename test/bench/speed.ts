import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Engine, Settings} from '../../source/engine/types.ts';
import {probeSpeeds} from '../../source/planner/bandwidth-probe.ts';
import {type Calibration, calibrate, type Observation, speedsOf} from '../../source/planner/calibration.ts';
import {promptTokensPerSecond, tokensPerSecond} from '../../source/planner/speed.ts';
import {factsOf, guidePath, smolPath} from '../real/engines.ts';
import {enlarge, guideVocabulary, tinyDense, tinyExperts} from '../support/gguf-shapes.ts';
import {type GgufShape, writeGguf} from '../support/gguf-writer.ts';
import type {Line} from './report.ts';

const threadCounts = [1, 2] as const;
const maxTokens = 40;
/** Enough to see whether other programs are busy. */
const fewTokens = 8;
const rounds = 3;
/** Where other programs took more of the cores than the rest of it, several threads have waited for each other and say nothing. */
const leastShare = 0.9;
/** Another beginning each time, so that nothing of it is in the context yet. */
const promptOf = (turn: number) => `${turn}. What is a context, and what does it take of the memory when it is long? `.repeat(5);

const speedModels = async (folder: string): Promise<readonly string[]> => {
	const vocabulary = await guideVocabulary();
	const [medium, large] = [enlarge(vocabulary, 32_000), enlarge(vocabulary, 64_000)];
	const size100m = {blocks: 12, width: 768, heads: 12, kvHeads: 4, headSize: 64, feedForward: 2048};
	const size500m = {blocks: 24, width: 1024, heads: 16, kvHeads: 8, headSize: 64, feedForward: 4096};
	const generated = (name: string, shape: GgufShape) => {
		const path = join(folder, `${name}.gguf`);
		writeGguf(path, shape);
		return path;
	};

	return [
		guidePath,
		...(smolPath ? [smolPath] : []),
		generated('100M-Q8_0', tinyDense(medium, {type: 'Q8_0', ...size100m})),
		generated('100M-F16', tinyDense(medium, {type: 'F16', ...size100m})),
		generated('500M-Q8_0', tinyDense(large, {type: 'Q8_0', ...size500m})),
		generated('500M-F16', tinyDense(large, {type: 'F16', ...size500m})),
		generated('experts-Q8_0', tinyExperts(medium, {blocks: 12, width: 512, heads: 8, kvHeads: 4, headSize: 64, feedForward: 1024})),
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

type Answer = {
	readonly observation: Observation;
	/** Of the cores that were asked for. */
	readonly share: number;
};

const cpuMs = () => {
	const {user, system} = process.cpuUsage();
	return (user + system) / 1000;
};

/**
What others took of the cores is left out where it can be: one thread waits for nobody, so its time is CPU time. Several wait for each other, and the clock
decides.
*/
const answerOnce = async (
	engine: Engine,
	about: Omit<Observation, 'tokensPerSecond'>,
	turn: number,
	tokens = maxTokens,
): Promise<Answer> => {
	const {threads} = about.settings;
	await engine.setConversation({system: undefined, messages: []});
	const begun = {cpu: cpuMs(), at: performance.now()};
	let first = begun;
	let last = begun;
	const sampling = {temperature: 0.8, seed: 1, topK: 40, topP: 0.95, minP: 0.05};
	const {contextUsed, generation, ...answer} = await engine.answer(
		{prompt: promptOf(turn), sampling, maxTokens: tokens},
		{
			onEvent({type}) {
				if (type !== 'text') return;
				last = {cpu: cpuMs(), at: performance.now()};
				if (first === begun) first = last;
			},
		},
	);
	const perSecond = (tokens: number, from: typeof begun, to: typeof begun) =>
		(tokens * 1000) / (threads === 1 ? to.cpu - from.cpu : to.at - from.at);
	return {
		observation: {
			...about,
			fillTokens: contextUsed - generation.tokens / 2,
			tokensPerSecond: perSecond(generation.tokens - 1, first, last),
			prompt: {tokens: answer.prompt.tokens, tokensPerSecond: perSecond(answer.prompt.tokens, begun, first)},
		},
		share: (last.cpu - begun.cpu) / ((last.at - begun.at) * threads),
	};
};

/** Others only ever take away: the fastest of those that were not disturbed. */
const fastest = (answers: readonly Answer[]): Answer | undefined =>
	answers
		.filter(({share, observation}) => share >= leastShare || observation.settings.threads === 1)
		.toSorted((a, b) => b.observation.tokensPerSecond - a.observation.tokensPerSecond)[0];

type Measured = {readonly name: string; readonly threads: number; readonly learned: Answer; readonly later: Answer};

const percent = (value: number) => `${value < 0 ? '' : '+'}${(value * 100).toFixed(0)} %`;
const cell = (text: string) => text.padStart(15);

type Pair = {readonly learned: Answer; readonly later: Answer};

/** undefined: other programs were busy, and several threads would only show that. */
const answerTwice = async (engine: Engine, path: string, threads: number): Promise<Pair | undefined> => {
	const {weights} = await factsOf(path);
	const settings = settingsFor(threads);
	const {context, compute} = await engine.dryRun({path, settings});
	const about = {model: path, settings, weights, cache: {gpu: 0, cpu: context.ramBytes - (compute?.ramBytes ?? 0)}};
	await engine.createContext({settings});
	try {
		// The first one is for the pages of the file, and JavaScript that is not compiled yet.
		const {share} = await answerOnce(engine, about, 0, fewTokens);
		if (threads > 1 && share < leastShare) return undefined;
		return {learned: await answerOnce(engine, about, 1), later: await answerOnce(engine, about, 2)};
	} finally {
		await engine.freeContext();
	}
};

/** Model by model, and again: what the machine does besides changes from minute to minute. */
const measureRounds = async (engine: Engine, paths: readonly string[]) => {
	const pairs = new Map<string, Pair[]>();
	for (let round = 0; round < rounds; round++) {
		for (const path of paths) {
			await engine.loadModel({path, settings: settingsFor(1)});
			let share = 1;
			for (const threads of threadCounts) {
				if (threads > 1 && share < leastShare) continue;
				const pair = await answerTwice(engine, path, threads);
				share = pair?.later.share ?? 0;
				const key = `${threads} ${path}`;
				pairs.set(key, [...(pairs.get(key) ?? []), ...(pair ? [pair] : [])]);
			}

			await engine.freeModel();
		}
	}

	return pairs;
};

const measureAll = async (folder: string): Promise<readonly Measured[]> => {
	const engine = createLlamaEngine();
	try {
		await engine.start({gpu: 'off'});
		const paths = await speedModels(folder);
		const pairs = await measureRounds(engine, paths);
		return threadCounts.flatMap(threads =>
			paths.flatMap(path => {
				const those = pairs.get(`${threads} ${path}`) ?? [];
				const [learned, later] = [fastest(those.map(pair => pair.learned)), fastest(those.map(pair => pair.later))];
				return learned && later ? [{name: basename(path, '.gguf').slice(0, 14), threads, learned, later}] : [];
			}),
		);
	} finally {
		await engine.dispose();
	}
};

/** What was predicted over what was measured later, minus 1. */
const off = (calibration: Calibration, {later}: Measured) => {
	const {observation} = later;
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
	const speed = ({later: {observation}}: Measured) =>
		kind === 'generation' ? observation.tokensPerSecond : (observation.prompt?.tokensPerSecond ?? 0);
	console.log(`${'measured tok/s'.padEnd(16)}${measured.map(one => cell(speed(one).toFixed(1))).join('')}`);
	const row = (name: string, calibration: Calibration, isOwn = false) =>
		console.log(
			`${name.padEnd(16)}${measured.map(one => cell(percent(off(isOwn ? calibrate(calibration, one.learned.observation) : calibration, one)[kind]))).join('')}`,
		);
	if (kind === 'generation') row('the probe', probed);
	for (const {name, learned} of measured) row(name, calibrate(probed, learned.observation));
	row('an own answer', probed, true);
};

const worst = (values: readonly number[]) => values.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);

const linesFor = (threads: number, measured: readonly Measured[], probed: Calibration): Line[] => {
	const apart = worst(measured.map(({learned, later}) => learned.observation.tokensPerSecond / later.observation.tokensPerSecond - 1));
	const detail =
		measured.length < 2
			? 'other programs were busy all the time'
			: `${measured.length} models; the same answer again was up to ${Math.abs(apart * 100).toFixed(0)} % apart`;
	const line = (name: string, values: readonly number[], bar?: number): Line => ({
		name: `${name}, ${threads} thr.`,
		value: values.length === 0 ? undefined : Math.abs(worst(values)) * 100,
		unit: '%',
		digits: 0,
		...(bar !== undefined && {bar}),
		detail,
	});
	const others = (kind: 'generation' | 'prompt') =>
		measured.flatMap(calibrator => {
			const calibration = calibrate(probed, calibrator.learned.observation);
			return measured.filter(one => one !== calibrator).map(one => off(calibration, one)[kind]);
		});
	const own = (kind: 'generation' | 'prompt') => measured.map(one => off(calibrate(probed, one.learned.observation), one)[kind]);
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
		if (those.length > 1) {
			printTable(`Generation on ${threads} of the cores, predicted over measured:`, those, probed, 'generation');
			printTable(`Prompts on ${threads} of the cores, predicted over measured:`, those, probed, 'prompt');
			console.log('');
		}

		return linesFor(threads, those, probed);
	});
};
