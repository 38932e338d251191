import {cpus} from 'node:os';
import {resolve} from 'node:path';
import process from 'node:process';
import {bench} from '../commands/bench.js';
import type {BenchOptions} from '../commands/bench-options.js';
import {confirm} from '../commands/confirm.js';
import {describeError} from '../engine/engine-errors.js';
import {askInProcess, createProcessEngine} from '../engine/process-engine.js';
import {isUtf8} from '../lib/locale.js';
import {readMemoryWith} from '../monitor/process-memory.js';
import {createPlanner, createPorts, leave} from '../outside.js';
import {measurementsOf} from '../planner/measured-here.js';
import {forgetKept} from '../planner/measurement-store.js';
import {endWhenTold, fail} from './output.js';
import type {Places} from './places.js';

/** `vramble bench`. */
export const startBench = async (options: BenchOptions, {guidePath, engineProcess}: Places): Promise<void> => {
	const {stdout, stderr, env} = process;
	const ports = createPorts({guidePath, stdout, env});
	const model = await ports.readModel(resolve(options.model ?? guidePath)).catch(error => fail(describeError(error), 1));
	if (options.forget) {
		const wasKept = await forgetKept(ports.measurements, model).catch(error => fail(describeError(error), 1));
		stderr.write(
			wasKept ? `vramble: forgotten; the planner chooses again for ${model.name}.\n` : `vramble: nothing was kept for ${model.name}.\n`,
		);
		return;
	}

	const controller = new AbortController();
	const {signal} = controller;
	const engine = createProcessEngine(engineProcess);
	const {settle, fits} = createPlanner({
		engine,
		model,
		budgets: options.budgets,
		ports: {...ports, probes: {...ports.probes, processMemory: () => readMemoryWith(engine.pid())}},
		usesKept: false,
		say: text => stderr.write(`vramble: ${text}\n`),
		askCarefully: askInProcess(engineProcess, options.gpu),
		signal,
	});
	let running: Promise<number> | undefined;
	const end = (code: number) => {
		controller.abort();
		void leave(Promise.all([engine.dispose(), running]), code);
	};
	endWhenTold(end);
	stderr.on('error', () => {});
	running = bench({...options, ascii: options.ascii || !isUtf8(env, process.platform)}, model, {
		engine,
		settle,
		fits,
		confirm: process.stdin.isTTY && stderr.isTTY ? question => confirm(question, process.stdin, stderr, () => end(130)) : undefined,
		threads: ports.threads,
		measurements: device => measurementsOf({file: ports.measurements, machine: ports.calibration.machine}, device),
		cpu: cpus()[0]?.model.trim() ?? 'unknown',
		stdout,
		stderr,
		signal,
	});
	const code = await running;
	if (!signal.aborted) end(code);
};
