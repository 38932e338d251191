import type {Writable} from 'node:stream';
import {describeError, type EngineError, isAborted, toEngineError} from '../engine/engine-errors.js';
import type {ProcessEngine} from '../engine/process-engine.js';
import type {Device, ModelFacts, WantedSettings} from '../engine/types.js';
import type {MeasurementStore} from '../planner/measurement-store.js';
import type {Planner} from './answer-once.js';
import type {BenchOptions} from './bench-options.js';
import {inOrder} from './bench-order.js';
import {benchPrinter} from './bench-output.js';
import {createBenchProgress} from './bench-progress.js';
import {type BenchRow, failedRow, tokensPerSecond} from './bench-rows.js';
import {createBenchRunner} from './bench-runner.js';
import {benchSettings, testName} from './bench-settings.js';

export type BenchOutside = {
	readonly engine: ProcessEngine;
	/** Makes numbers of what was left open, within the budgets; asked while nothing is loaded. */
	readonly settle: Planner['settle'];
	/** Where speeds are kept for the tuner. */
	readonly measurements: (device: Device) => MeasurementStore;
	/** The processor's name. */
	readonly cpu: string;
	readonly stdout: Writable;
	readonly stderr: Writable & {readonly isTTY?: boolean; readonly columns?: number};
	readonly signal: AbortSignal;
};

const settleFor = async (wanted: WantedSettings, model: ModelFacts, device: Device, {settle}: BenchOutside): Promise<WantedSettings> => {
	const settled = await settle(wanted, device);
	const {gpuLayers} = settled;
	if (device.backend === 'cpu') return {...settled, gpuLayers: 0};
	return {...settled, gpuLayers: gpuLayers === 'auto' ? 'auto' : Math.min(gpuLayers, model.layers)};
};

const describe = (settings: WantedSettings, shown: BenchOptions['shown']): string =>
	benchSettings
		.filter(({flag}) => shown.has(flag))
		.map(({title, value}) => `${title} ${value(settings)}`)
		.join(', ');

/** Measures prompt and generation speed of settings by real runs. Resolves with the exit code. */
export const bench = async (options: BenchOptions, model: ModelFacts, outside: BenchOutside): Promise<number> => {
	const {engine, cpu, stdout, stderr, signal} = outside;
	const {tests, repetitions, shown} = options;
	try {
		const device = await engine.start({gpu: options.gpu});
		const settled: WantedSettings[] = [];
		const refused = new Map<WantedSettings, EngineError>();
		for (const wanted of options.combinations) {
			const settings = await settleFor(wanted, model, device, outside).catch(error => {
				if (signal.aborted || isAborted(error)) throw error;
				refused.set(wanted, toEngineError(error));
				return wanted;
			});
			settled.push(settings);
		}

		const combinations = inOrder(settled);
		const progress = createBenchProgress(stderr, combinations.length * tests.length);
		const runner = createBenchRunner({engine, path: model.path, signal, onStep: progress.step});
		const printer = benchPrinter({model, device, cpu}, options);
		const store = outside.measurements(device);
		const keep = async (row: BenchRow) => {
			const speed = tokensPerSecond(row)?.mean;
			if (row.got)
				await store.add(model, {settings: row.got, [row.test.promptTokens > 0 ? 'promptTokensPerSecond' : 'tokensPerSecond']: speed});
		};
		const rows: BenchRow[] = [];
		stdout.write(printer.begin());
		try {
			for (const settings of combinations) {
				for (const test of tests) {
					const name = [describe(settings, shown), testName(test)].filter(Boolean).join(', ');
					progress.begin(name);
					const failure = refused.get(settings);
					const row = failure ? failedRow(settings, test, failure) : await runner.run(settings, test, repetitions);
					progress.end();
					rows.push(row);
					stdout.write(printer.row(row));
					await keep(row);
					if (row.failure) stderr.write(`vramble: ${name}: ${describeError(row.failure)}\n`);
				}
			}
		} finally {
			progress.clear();
			stdout.write(printer.end());
		}

		return rows.some(({failure}) => failure === undefined) ? 0 : 1;
	} catch (error) {
		if (signal.aborted || isAborted(error)) return 130;
		stderr.write(`vramble: ${describeError(error)}\n`);
		return 1;
	}
};
