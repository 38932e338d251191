import {parentPort} from 'node:worker_threads';
import {createCoalescer} from '../lib/coalesce.js';
import {serveEngine} from './engine-channel.js';
import {createLlamaEngine} from './llama-engine.js';
import type {AnswerEvent, Engine} from './types.js';

/** A screen draws 30 frames a second: more messages than that would only cost. */
const eventIntervalMs = 33;

const together = (events: readonly AnswerEvent[]): AnswerEvent | undefined => {
	const last = events.at(-1);
	if (last?.type !== 'text') return last;
	return {...last, text: events.map(event => (event.type === 'text' ? event.text : '')).join('')};
};

/** Reports what an answer writes in one event per frame instead of one per token. */
const withFewerEvents = (engine: Engine): Engine => ({
	...engine,
	async answer(request, call = {}) {
		const events = createCoalescer<AnswerEvent>(eventIntervalMs, values => {
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

if (parentPort) serveEngine(withFewerEvents(createLlamaEngine()), parentPort);
