import type {EngineError} from '../engine/engine-errors.js';
import type {Settings, WantedSettings} from '../engine/types.js';
import type {BenchTest} from './bench-settings.js';

export type BenchRow = {
	/** What was asked for. */
	readonly settings: WantedSettings;
	/** undefined: it failed. */
	readonly got: Settings | undefined;
	readonly test: BenchTest;
	/** One for each run. */
	readonly samplesMs: readonly number[];
	readonly startedAt: Date;
	readonly failure: EngineError | undefined;
};

export const failedRow = (settings: WantedSettings, test: BenchTest, failure: EngineError): BenchRow => ({
	settings,
	got: undefined,
	test,
	samplesMs: [],
	startedAt: new Date(),
	failure,
});

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample, as llama-bench has it; one value deviates by nothing. */
const deviation = (values: readonly number[]): number => {
	if (values.length < 2) return 0;
	const middle = mean(values);
	return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
};

export type Statistic = {readonly mean: number; readonly deviation: number; readonly samples: readonly number[]};

const statistic = (samples: readonly number[]): Statistic => ({mean: mean(samples), deviation: deviation(samples), samples});

/** undefined: it failed. */
export const nanoseconds = ({samplesMs}: BenchRow): Statistic | undefined =>
	samplesMs.length > 0 ? statistic(samplesMs.map(ms => Math.round(ms * 1e6))) : undefined;

export const tokensPerSecond = ({samplesMs, test}: BenchRow): Statistic | undefined => {
	const tokens = test.promptTokens + test.generatedTokens;
	return samplesMs.length > 0 ? statistic(samplesMs.map(ms => (tokens / ms) * 1000)) : undefined;
};
