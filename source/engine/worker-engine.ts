import {Worker} from 'node:worker_threads';
import {connectEngine} from './engine-channel.js';
import {EngineError} from './engine-errors.js';
import type {Engine} from './types.js';

/**
The engine on a thread of its own: importing node-llama-cpp and reading a model's header hold a thread for 250 to 300 ms each
(measured with the guide model), which on the screen's thread would be keys that are not answered.
*/
export const createWorkerEngine = (script: URL): Engine => {
	let worker: Worker | undefined;
	// The thread starts with the first question: not before the first frame.
	const {engine, fail} = connectEngine(() => {
		// What llama.cpp or a library prints is not for the screen.
		worker = new Worker(script, {stdout: true, stderr: true});
		worker.on('error', cause => fail(new EngineError('failed', 'The engine has failed.', {why: String(cause), cause})));
		worker.on('exit', () => fail(new EngineError('failed', 'The engine has ended.')));
		return worker;
	});

	return {
		...engine,
		async dispose() {
			if (!worker) return;
			await engine.dispose();
			await worker.terminate();
		},
	};
};
