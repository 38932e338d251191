import {resolve} from 'node:path';
import process from 'node:process';
import type {CliOptions} from '../commands/options.js';
import {plan} from '../commands/plan.js';
import {createStatusLine} from '../commands/status-line.js';
import {describeError} from '../engine/engine-errors.js';
import {createProcessEngine} from '../engine/process-engine.js';
import {isUtf8} from '../lib/locale.js';
import {checkModelFile} from '../models/model-file.js';
import {readMemoryWith} from '../monitor/process-memory.js';
import {createPorts, leave} from '../outside.js';
import {calibrationsOf} from '../planner/calibration-store.js';
import {learnedDriverBytes} from '../planner/driver.js';
import {measurementsOf} from '../planner/measured-here.js';
import {createSpeedKeeper} from '../planner/speed-keeper.js';
import {endWhenTold, fail} from './output.js';
import type {Places} from './places.js';

/** `vramble plan`. */
export const startPlan = async (options: CliOptions, {guidePath, engineProcess}: Places): Promise<void> => {
	const {stdout, stderr, env} = process;
	const status = createStatusLine(stderr);
	status.show('Reading the header …');
	const {probes, threads, mlockLimitBytes, calibration, measurements} = createPorts({guidePath, stdout, env});
	const controller = new AbortController();
	const path = resolve(options.model ?? guidePath);
	const {facts, tensors} = await checkModelFile(path).catch(error => {
		status.clear();
		return fail(describeError(error), 1);
	});
	const engine = createProcessEngine(engineProcess);
	const end = (code: number) => {
		controller.abort();
		void leave(engine.dispose(), code);
	};
	endWhenTold(end);
	const code = await plan(
		{...options, ascii: options.ascii || !isUtf8(env, process.platform)},
		{facts: path === guidePath ? {...facts, name: 'guide'} : facts, tensors},
		{
			...probes,
			// What llama.cpp takes in its process is ours, as it is when it runs in this one.
			processMemory: () => readMemoryWith(engine.pid()),
			engine,
			threads: Math.max(1, threads - 1),
			mlockLimitBytes,
			async speeds(model, device) {
				const keeper = createSpeedKeeper({...calibration, measureKernels: engine.measureKernels, onChange: () => {}});
				await keeper.begin(calibrationsOf(calibration, device));
				await keeper.study(model.weights, [options.wanted.cacheTypeK, 'q8_0'], {
					signal: controller.signal,
					onBegin: () => status.show('Measuring how fast this CPU is …'),
				});
				return keeper.speeds(model.path);
			},
			measurements: (model, device) => measurementsOf({file: measurements, machine: calibration.machine}, device).read(model),
			driverBytes: async device => learnedDriverBytes(await calibrationsOf(calibration, device).readDriver(device.backend)),
			stdout,
			stderr,
			status,
			signal: controller.signal,
		},
	);
	await new Promise(written => stdout.write('', written)); // that it failed is told late
	if (!controller.signal.aborted) end(code);
};
