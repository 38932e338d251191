import type {Writable} from 'node:stream';
import {describeError, type EngineError, isAborted, toEngineError} from '../engine/engine-errors.js';
import type {ProcessEngine} from '../engine/process-engine.js';
import type {Device, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import type {MeasurementStore} from '../planner/measurement-store.js';
import {wantedContext} from '../planner/settings.js';
import type {Planner} from './answer-once.js';
import {layerCharts} from './bench-chart.js';
import type {BenchOptions} from './bench-options.js';
import {inOrder} from './bench-order.js';
import {createBenchSession} from './bench-session.js';
import {open, tuneBench} from './bench-tune.js';

export type BenchOutside = {
	readonly engine: ProcessEngine;
	/** Makes numbers of what was left open, within the budgets; asked while nothing is loaded. */
	readonly settle: Planner['settle'];
	/** Whether there is room in the VRAM; what is loaded counts as free. */
	readonly fits: (settings: Settings) => Promise<boolean>;
	/** Where speeds are kept for the tuner. */
	readonly measurements: (device: Device) => MeasurementStore;
	/** Asks a person; undefined: there is none. */
	readonly confirm: ((question: string) => Promise<boolean>) | undefined;
	/** The processor's name. */
	readonly cpu: string;
	/** Threads that this machine can run at once. */
	readonly threads: number;
	readonly stdout: Writable & {readonly isTTY?: boolean; readonly columns?: number};
	readonly stderr: Writable & {readonly isTTY?: boolean; readonly columns?: number};
	readonly signal: AbortSignal;
};

const settleFor = async (
	wanted: WantedSettings,
	model: ModelFacts,
	device: Device,
	settle: BenchOutside['settle'],
): Promise<WantedSettings> => {
	const settled = await settle(wanted, device);
	const {gpuLayers} = settled;
	if (device.backend === 'cpu') return {...settled, gpuLayers: 0};
	return {...settled, gpuLayers: gpuLayers === 'auto' ? 'auto' : Math.min(gpuLayers, model.layers)};
};

const benchAll = async (options: BenchOptions, model: ModelFacts, device: Device, outside: BenchOutside): Promise<number> => {
	const {combinations, tests} = options;
	const {settle, stdout, signal} = outside;
	const refused = new Map<WantedSettings, EngineError>();
	const settled: WantedSettings[] = [];
	for (const wanted of combinations) {
		const settings = await settleFor(wanted, model, device, settle).catch(error => {
			if (signal.aborted || isAborted(error)) throw error;
			const {contextSize} = wanted;
			const unsettled = {...wanted, contextSize: contextSize === 'auto' ? contextSize : wantedContext(contextSize, model.trainedContext)};
			refused.set(unsettled, toEngineError(error));
			return unsettled;
		});
		settled.push(settings);
	}

	const ordered = inOrder(settled);
	const session = createBenchSession({options, model, device, outside, total: ordered.length * tests.length});
	try {
		for (const settings of ordered) {
			for (const test of tests) await session.measure(settings, test, refused.get(settings));
		}
	} finally {
		session.close();
	}

	if (options.format === 'md' && stdout.isTTY) stdout.write(layerCharts(session.rows, {...options, columns: stdout.columns ?? 80}));
	return session.rows.some(({failure}) => failure === undefined) ? 0 : 1;
};

/** Measures prompt and generation speed of settings by real runs. Resolves with the exit code. */
export const bench = async (options: BenchOptions, model: ModelFacts, outside: BenchOutside): Promise<number> => {
	const {engine, settle, stderr, signal} = outside;
	const [first] = options.combinations;
	try {
		const device = await engine.start({gpu: options.gpu});
		if (!options.tune || !first) return await benchAll(options, model, device, outside);
		const start = await settleFor(open(first, options.tune), model, device, settle);
		return await tuneBench({options, tune: options.tune, start, model, device, outside});
	} catch (error) {
		if (signal.aborted || isAborted(error)) {
			stderr.write('vramble: stopped; what was measured before is kept.\n');
			return 130;
		}

		stderr.write(`vramble: ${describeError(error)}\n`);
		return 1;
	}
};
