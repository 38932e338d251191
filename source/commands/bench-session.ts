import {describeError, EngineError} from '../engine/engine-errors.js';
import type {Device, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {fewestTokens} from '../planner/answer-learner.js';
import type {BenchOutside} from './bench.js';
import type {BenchOptions} from './bench-options.js';
import {benchPrinter} from './bench-output.js';
import {createBenchProgress} from './bench-progress.js';
import {type BenchRow, failedRow, tokensPerSecond} from './bench-rows.js';
import {createBenchRunner} from './bench-runner.js';
import {type BenchTest, describeSettings, testName} from './bench-settings.js';

type Scene = {
	readonly options: Pick<BenchOptions, 'shown' | 'format' | 'ascii' | 'tests' | 'repetitions'>;
	readonly model: ModelFacts;
	readonly device: Device;
	readonly outside: BenchOutside;
	/** How many tests there will be; undefined: nobody knows. */
	readonly total: number | undefined;
};

/** Measures, says what is under way, prints each row and keeps it. */
export const createBenchSession = ({options, model, device, outside, total}: Scene) => {
	const {engine, cpu, stdout, stderr, signal} = outside;
	const progress = createBenchProgress(stderr, total);
	const runner = createBenchRunner({engine, path: model.path, signal, onStep: progress.step});
	const printer = benchPrinter({model, device, cpu}, options, stdout.isTTY ? stdout.columns : undefined);
	const store = outside.measurements(device);
	const rows: BenchRow[] = [];

	const keep = async (settings: Settings, {promptTokens, generatedTokens}: BenchTest, perSecond: number | undefined) => {
		if (perSecond === undefined || promptTokens + generatedTokens < fewestTokens) return;
		const speed = promptTokens > 0 ? {promptTokensPerSecond: perSecond} : {tokensPerSecond: perSecond, generatedTokens};
		await store.add(model, {settings, ...speed});
	};

	// At once: until the engine is gone it can take longer than anybody waits.
	const {promise: stopped, reject: stop} = Promise.withResolvers<never>();
	stopped.catch(() => {});
	signal.addEventListener('abort', () => stop(new EngineError('aborted', 'Stopped.')), {once: true});

	let told: string | undefined;
	const tellFailure = (name: string, {failure}: BenchRow) => {
		const text = failure && describeError(failure);
		if (text !== undefined && text !== told) stderr.write(`vramble: ${name}: ${text}\n`);
		told = text;
	};

	stdout.write(printer.begin());
	return {
		store,
		rows: rows as readonly BenchRow[],
		/** A speed that several rows have told. */
		keep,
		/** With a failure that is known before: only its row. */
		async measure(settings: WantedSettings, test: BenchTest, failure?: EngineError): Promise<BenchRow> {
			const name = [describeSettings(settings, options.shown), testName(test)].filter(Boolean).join(', ');
			progress.begin(name);
			const row = failure
				? failedRow(settings, test, failure)
				: await Promise.race([runner.run(settings, test, options.repetitions), stopped]);
			progress.end();
			rows.push(row);
			stdout.write(printer.row(row));
			tellFailure(name, row);
			if (row.got) await keep(row.got, test, tokensPerSecond(row)?.mean);
			return row;
		},
		close() {
			progress.clear();
			stdout.write(printer.end());
		},
	};
};

export type BenchSession = ReturnType<typeof createBenchSession>;
