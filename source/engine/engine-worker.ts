import {availableParallelism} from 'node:os';
import {parentPort} from 'node:worker_threads';
import {createCoalescer} from '../lib/coalesce.js';
import {serveEngine} from './engine-channel.js';
import {createLlamaEngine} from './llama-engine.js';
import type {AnswerEvent, Engine} from './types.js';

/**
Faster than anybody reads, and a model of ten tokens a second is seen token by token. A frame takes a core 6 to 10 ms, which slows the engine down even where
it has cores of its own: thirty a second cost SmolLM2 9 % of its speed (2 cores).
*/
const eventIntervalMs = 100;
/** Where every core computes, all wait for the one that draws: 6 to 10 ms a frame are less than 4 % then. */
const intervalMsOf = (event: AnswerEvent): number =>
	event.type === 'text' && event.threads >= availableParallelism() ? 2.5 * eventIntervalMs : eventIntervalMs;

const together = (events: readonly AnswerEvent[]): AnswerEvent | undefined => {
	const last = events.at(-1);
	if (last?.type !== 'text') return last;
	return {...last, text: events.map(event => (event.type === 'text' ? event.text : '')).join('')};
};

/** Reports what an answer writes in one event per frame instead of one per token. */
const withFewerEvents = (engine: Engine): Engine => ({
	...engine,
	async answer(request, call = {}) {
		const events = createCoalescer<AnswerEvent>(intervalMsOf, values => {
			const event = together(values);
			if (event) call.onEvent?.(event);
		});
		try {
			return await engine.answer(request, {signal: call.signal, onEvent: events.add});
		} finally {
			events.finish();
		}
	},
});

if (parentPort) serveEngine(withFewerEvents(createLlamaEngine({hasScreen: true})), parentPort);
