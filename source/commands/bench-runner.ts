import {isAborted, toEngineError} from '../engine/engine-errors.js';
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
	/** What is there; undefined: nothing, or nobody knows. */
	let weights: WantedSettings | undefined;
	let context: {readonly wanted: WantedSettings; readonly got: Settings} | undefined;

	const prepare = async (settings: WantedSettings): Promise<Settings> => {
		if (context && JSON.stringify(context.wanted) === JSON.stringify(settings)) return context.got;
		context = undefined;
		if (weights && !needsReload(weights, settings)) {
			await engine.freeContext();
		} else {
			weights = undefined;
			await engine.freeModel();
			onStep('loading', 0);
			await engine.loadModel({path, settings}, {signal, onEvent: ({progress}) => onStep('loading', progress)});
			weights = settings;
		}

		const loaded = await engine.createContext({settings}, {signal});
		context = {wanted: settings, got: loaded.settings};
		return loaded.settings;
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
				// What is left in the engine is not known: it may be another process by now.
				context = undefined;
				weights = undefined;
				return failedRow(settings, test, toEngineError(error));
			}
		},
	};
};

export type BenchRunner = ReturnType<typeof createBenchRunner>;
