import type {Writable} from 'node:stream';
import {describeError, isAborted} from '../engine/engine-errors.js';
import type {ProcessEngine} from '../engine/process-engine.js';
import type {Device, ModelFacts, WantedSettings} from '../engine/types.js';
import {wantedContext} from '../planner/settings.js';
import type {Planner} from './answer-once.js';
import type {BenchOptions} from './bench-options.js';
import {inOrder} from './bench-order.js';
import {benchPrinter} from './bench-output.js';
import {createBenchProgress} from './bench-progress.js';
import type {BenchRow} from './bench-rows.js';
import {createBenchRunner} from './bench-runner.js';
import {benchSettings, testName} from './bench-settings.js';

export type BenchOutside = {
	readonly engine: ProcessEngine;
	/** Makes numbers of what was left open, within the budgets; asked while nothing is loaded. */
	readonly settle: Planner['settle'];
	/** The processor's name. */
	readonly cpu: string;
	readonly stdout: Writable;
	readonly stderr: Writable & {readonly isTTY?: boolean; readonly columns?: number};
	readonly signal: AbortSignal;
};

const numbered = async (
	wanted: WantedSettings,
	model: ModelFacts,
	device: Device,
	settle: BenchOutside['settle'],
): Promise<WantedSettings> => {
	const contextSize = wantedContext(wanted.contextSize, model.trainedContext);
	if (device.backend === 'cpu') return {...wanted, contextSize, gpuLayers: 0};
	const settled = await settle({...wanted, contextSize}, device);
	const {gpuLayers} = settled;
	return {...settled, contextSize, gpuLayers: gpuLayers === 'auto' ? 'auto' : Math.min(gpuLayers, model.layers)};
};

const describe = (settings: WantedSettings, shown: BenchOptions['shown']): string =>
	benchSettings
		.filter(({flag}) => shown.has(flag))
		.map(({title, value}) => `${title} ${value(settings)}`)
		.join(', ');

/** Measures prompt and generation speed of settings by real runs. Resolves with the exit code. */
export const bench = async (options: BenchOptions, model: ModelFacts, outside: BenchOutside): Promise<number> => {
	const {engine, settle, cpu, stdout, stderr, signal} = outside;
	const {tests, repetitions, shown} = options;
	try {
		const device = await engine.start({gpu: options.gpu});
		const settled: WantedSettings[] = [];
		for (const wanted of options.combinations) settled.push(await numbered(wanted, model, device, settle));
		const combinations = inOrder(settled);
		const progress = createBenchProgress(stderr, combinations.length * tests.length);
		const runner = createBenchRunner({engine, path: model.path, signal, onStep: progress.step});
		const printer = benchPrinter({model, device, cpu}, options);
		const rows: BenchRow[] = [];
		stdout.write(printer.begin());
		try {
			for (const settings of combinations) {
				for (const test of tests) {
					const name = [describe(settings, shown), testName(test)].filter(Boolean).join(', ');
					progress.begin(name);
					const row = await runner.run(settings, test, repetitions);
					progress.end();
					rows.push(row);
					stdout.write(printer.row(row));
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
