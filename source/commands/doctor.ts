import {setTimeout as delay} from 'node:timers/promises';
import {EngineError, toFailure} from '../engine/engine-errors.js';
import type {ProcessEngine} from '../engine/process-engine.js';
import type {Backend, Device, EngineFacts, EngineMemory, GpuChoice} from '../engine/types.js';
import type {BackendFacts, DoctorDevice, DoctorFacts, DoctorModel} from './doctor-facts.js';
import {problemsOf} from './doctor-problems.js';
import {doctorJson, doctorText} from './doctor-text.js';
import type {CliOptions} from './options.js';
import type {StatusLine} from './status-line.js';

type Told = Omit<DoctorFacts, 'backends' | 'engine' | 'hooksOff' | 'speeds' | 'model'>;

export type DoctorOutside = {
	/** Each in a process of its own: drivers crash. */
	readonly createEngine: () => ProcessEngine;
	/** A driver that does not answer is a finding. */
	readonly patienceMs: number;
	/** Those that llama.cpp may have on this system, the CPU aside. */
	readonly backends: ReadonlyArray<Exclude<Backend, 'cpu'>>;
	readonly tell: () => Promise<Told>;
	readonly speeds: (device: Device) => Promise<DoctorFacts['speeds']>;
	/** undefined: none was named. */
	readonly checkModel: ((engine: ProcessEngine, device: Device) => Promise<Omit<DoctorModel, 'path' | 'failure'>>) | undefined;
	readonly modelPath: string;
	readonly stdout: {write(text: string): unknown};
	readonly status: StatusLine;
};

type Attempt = {
	readonly engine: ProcessEngine;
	readonly started?: {readonly device: Device; readonly facts: EngineFacts; readonly memory: EngineMemory};
	readonly failure?: BackendFacts['failure'];
};

const start = async ({createEngine, patienceMs}: DoctorOutside, gpu: GpuChoice): Promise<Attempt> => {
	const engine = createEngine();
	const giveUp = new AbortController();
	const silence = delay(patienceMs, undefined, {signal: giveUp.signal}).then(() => {
		throw new EngineError('no-backend', `llama.cpp did not answer within ${Math.round(patienceMs / 1000)} s.`, {
			advice: 'Look at the driver of the GPU.',
		});
	});
	const tell = async () => {
		const device = await engine.start({gpu});
		return {device, facts: await engine.describe(), memory: await engine.memory()};
	};
	try {
		return {engine, started: await Promise.race([tell(), silence])};
	} catch (error) {
		return {engine, failure: toFailure(error)};
	} finally {
		giveUp.abort();
		silence.catch(() => {});
	}
};

const devicesOf = ({device, facts, memory}: NonNullable<Attempt['started']>): readonly DoctorDevice[] => {
	if (facts.devices.length > 0) return facts.devices;
	return device.names.map(description => {
		const {totalBytes, usedBytes} = (device.names.length === 1 && memory.vram) || {};
		const freeBytes = totalBytes === undefined || usedBytes === undefined ? undefined : totalBytes - usedBytes;
		return {name: undefined, description, totalBytes, freeBytes};
	});
};

const factsOf = (backend: Backend, isUsed: boolean, {started, failure}: Attempt): BackendFacts => ({
	backend,
	isUsed,
	devices: started ? devicesOf(started) : [],
	failure,
});

/** Looks at what works here. Resolves with the exit code: 0 where vramble, and the model that was named, can run. */
export const doctor = async (options: Pick<CliOptions, 'gpu' | 'json'>, outside: DoctorOutside): Promise<number> => {
	const {status, stdout, backends, checkModel, modelPath} = outside;
	status.show('Starting llama.cpp ...');
	const told = await outside.tell();
	const used = await start(outside, options.gpu);
	const {device} = used.started ?? {};
	const wished = options.gpu === 'auto' || options.gpu === 'off' ? 'cpu' : options.gpu;
	const usedBackend = device?.backend ?? wished;
	const others = backends.filter(backend => backend !== usedBackend && options.gpu !== 'off');
	const needsCpu = used.failure !== undefined && options.gpu !== 'off';
	status.show('Trying the other backends ...');
	const attempts = await Promise.all(
		[...others, ...(needsCpu && usedBackend !== 'cpu' ? (['cpu'] as const) : [])].map(async backend => {
			const attempt = await start(outside, backend === 'cpu' ? 'off' : backend);
			await attempt.engine.dispose();
			return factsOf(backend, false, attempt);
		}),
	);
	let model: DoctorModel | undefined;
	if (checkModel) {
		status.show('Looking at the model ...');
		const nothing = {path: modelPath, text: undefined, remarks: [], failure: undefined};
		try {
			model = device ? {...nothing, ...(await checkModel(used.engine, device))} : nothing;
		} catch (error) {
			model = {...nothing, failure: toFailure(error)};
		}
	}

	await used.engine.dispose();
	const facts: DoctorFacts = {
		...told,
		backends: [factsOf(usedBackend, true, used), ...attempts],
		engine: used.started?.facts,
		hooksOff: device?.hooksOff,
		speeds: device && (await outside.speeds(device)),
		model,
	};
	const problems = problemsOf(facts);
	status.clear();
	stdout.write((options.json ? doctorJson : doctorText)(facts, problems));
	return problems.some(({isFatal}) => isFatal) ? 1 : 0;
};
