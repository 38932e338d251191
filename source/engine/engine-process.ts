import module from 'node:module';
import process from 'node:process';
import {serveEngine} from './engine-channel.js';

module.enableCompileCache?.();
const {createLlamaEngine} = await import('./llama-engine.js');

// The process that asked decides when this one ends.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
serveEngine(createLlamaEngine(), {
	postMessage: message => process.send?.(message),
	on: (event, listener) => process.on(event, listener),
});
