import process from 'node:process';
import {getLlama, type Llama, LlamaLogLevel, NoBinaryFoundError} from 'node-llama-cpp';
import {EngineError} from './engine-errors.js';
import type {LlamaLog} from './llama-log.js';
import {loadNativeHooks, type NativeHooks, verifyNativeHooks} from './native-hooks.js';
import type {GpuChoice} from './types.js';

export const noBackend = (gpu: GpuChoice, why: string, cause?: unknown): EngineError =>
	new EngineError('no-backend', `llama.cpp has no ${gpu} backend that works on this machine.`, {
		why,
		advice: 'Use --gpu auto or --gpu off.',
		cause,
	});

type Started = {readonly llama: Llama; readonly hooks: NativeHooks};

/** Loads the native hooks and llama.cpp. */
export const startLlama = async (gpu: GpuChoice, log: LlamaLog): Promise<Started> => {
	const hooks = loadNativeHooks(process.env.VRAMBLE_NATIVE);
	const llama = await getLlama({
		gpu: gpu === 'off' ? false : gpu,
		build: 'never',
		skipDownload: true,
		progressLogs: false,
		maxThreads: 0,
		// The planner keeps its own margins: what it says fits is not to be refused (8 % of VRAM would be).
		vramPadding: 0,
		ramPadding: 0,
		logLevel: LlamaLogLevel.info,
		logger: log.logger,
	}).catch(error => {
		if (!(error instanceof NoBinaryFoundError)) throw error;
		throw noBackend(gpu, 'There is no such GPU, or its driver is not installed.', error);
	});
	// A dry run would log errors only, and what llama.cpp says of its compute buffers is said nowhere else. An internal of node-llama-cpp:
	// should it go, breakdowns lose the line between cache and buffers, no more.
	Object.assign(llama, {_createLogLevelOverride: () => () => {}});
	return {llama, hooks: verifyNativeHooks(hooks)};
};
