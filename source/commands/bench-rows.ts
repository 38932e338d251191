import type {EngineError} from '../engine/engine-errors.js';
import type {Settings, WantedSettings} from '../engine/types.js';
import {type Statistic, statistic} from '../lib/statistic.js';
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

/** undefined: it failed. */
export const nanoseconds = ({samplesMs}: BenchRow): Statistic | undefined =>
	samplesMs.length > 0 ? statistic(samplesMs.map(ms => Math.round(ms * 1e6))) : undefined;

export const tokensPerSecond = ({samplesMs, test}: BenchRow): Statistic | undefined => {
	const tokens = test.promptTokens + test.generatedTokens;
	return samplesMs.length > 0 ? statistic(samplesMs.map(ms => (tokens / ms) * 1000)) : undefined;
};
