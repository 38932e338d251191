import {EngineError, isAborted, toEngineError} from '../engine/engine-errors.js';
import type {ProcessEngine} from '../engine/process-engine.js';
import type {Settings, WantedSettings} from '../engine/types.js';
import {needsReload} from '../planner/settings.js';
import {type BenchRow, failedRow} from './bench-rows.js';
import type {BenchTest} from './bench-settings.js';

export type BenchStep = 'loading' | 'warm-up' | 'measuring';

type Options = {
	readonly engine: ProcessEngine;
	readonly path: string;
	readonly signal: AbortSignal;
	/** `progress` from 0 to 1 within the step. */
	readonly onStep: (step: BenchStep, progress: number) => void;
};

/** Runs tests on the engine, with as few reloads as the order of the settings allows. Settings that do not work are a row; it rejects where it was stopped. */
export const createBenchRunner = ({engine, path, signal, onStep}: Options) => {
	let weights: {readonly settings: WantedSettings; readonly deaths: number} | undefined;
	/** What came of the last settings: a test more of settings that do not work needs no second try. */
	let context: {readonly wanted: string; readonly got: Settings | EngineError} | undefined;

	const load = async (settings: WantedSettings): Promise<Settings> => {
		if (weights && weights.deaths === engine.deaths() && !needsReload(weights.settings, settings)) {
			await engine.freeContext();
		} else {
			weights = undefined;
			await engine.freeModel();
			onStep('loading', 0);
			await engine.loadModel({path, settings}, {signal, onEvent: ({progress}) => onStep('loading', progress)});
			weights = {settings, deaths: engine.deaths()};
		}

		return (await engine.createContext({settings}, {signal})).settings;
	};

	const prepare = async (settings: WantedSettings): Promise<Settings> => {
		const wanted = JSON.stringify(settings);
		if (context?.wanted !== wanted) {
			const got = await load(settings).catch(error => {
				if (signal.aborted || isAborted(error)) throw error;
				return toEngineError(error);
			});
			context = {wanted, got};
		}

		if (context.got instanceof EngineError) throw context.got;
		return context.got;
	};

	const time = async (test: BenchTest, step: BenchStep, share: number, before: number): Promise<number> => {
		const onEvent = ({progress}: {readonly progress: number}) => onStep(step, before + progress * share);
		const {promptMs, generationMs} = await engine.measure(test, {signal, onEvent});
		return promptMs + generationMs;
	};

	return {
		async run(settings: WantedSettings, test: BenchTest, repetitions: number): Promise<BenchRow> {
			const startedAt = new Date();
			try {
				const got = await prepare(settings);
				const samplesMs: number[] = [];
				// As llama-bench: the whole prompt, but one token is enough of a generation.
				await time({...test, generatedTokens: Math.min(1, test.generatedTokens)}, 'warm-up', 1, 0);
				for (let run = 0; run < repetitions; run++) samplesMs.push(await time(test, 'measuring', 1 / repetitions, run / repetitions));
				return {settings, got, test, samplesMs, startedAt, failure: undefined};
			} catch (error) {
				if (signal.aborted || isAborted(error)) throw error;
				const failure = toEngineError(error);
				if (!context || context.got instanceof EngineError) return failedRow(settings, test, failure);
				const {got} = context;
				context = undefined;
				return failedRow(got, test, failure);
			}
		},
	};
};

export type BenchRunner = ReturnType<typeof createBenchRunner>;
