import {expect, test} from 'vitest';
import {type Delay, poll} from '../../source/lib/poll.js';

/** A clock that waits for the test: each wait is over when `tick` is called. */
const createManualDelay = () => {
	const waits: Array<() => void> = [];
	const delay: Delay = async (_ms, signal) =>
		new Promise<void>((resolve, reject) => {
			if (signal.aborted) reject(signal.reason);
			signal.addEventListener('abort', () => reject(signal.reason));
			waits.push(resolve);
		});
	return {delay, waits, tick: () => waits.shift()?.()};
};

const settled = async () => new Promise(resolve => setImmediate(resolve));

const start = (run: () => Promise<unknown>) => {
	const controller = new AbortController();
	const errors: unknown[] = [];
	const clock = createManualDelay();
	const options = {intervalMs: 1000, signal: controller.signal, delay: clock.delay, onError: (error: unknown) => errors.push(error)};
	return {controller, errors, ...clock, end: poll(run, options)};
};

test('runs at once, then after every interval, until it is aborted', async () => {
	let runs = 0;
	const {controller, tick, end} = start(async () => runs++);
	await settled();
	expect(runs).toBe(1);
	tick();
	await settled();
	expect(runs).toBe(2);
	controller.abort();
	await end;
	expect(runs).toBe(2);
});

test('does not start again while a run is under way', async () => {
	let runs = 0;
	let finish = () => {};
	const {controller, waits, end} = start(async () => {
		runs++;
		await new Promise<void>(resolve => {
			finish = resolve;
		});
	});
	await settled();
	expect([runs, waits.length]).toEqual([1, 0]);
	finish();
	await settled();
	expect([runs, waits.length]).toEqual([1, 1]);
	controller.abort();
	await end;
});

test('hands an error on and goes on', async () => {
	let runs = 0;
	const {controller, errors, tick, end} = start(async () => {
		if (runs++ === 0) throw new Error('first');
	});
	await settled();
	tick();
	await settled();
	expect(runs).toBe(2);
	expect(errors).toEqual([new Error('first')]);
	controller.abort();
	await end;
});

test('what fails because of the abort is no error', async () => {
	const {controller, errors, end} = start(async () => {
		await settled();
		controller.abort();
		throw new Error('aborted');
	});
	await end;
	expect(errors).toEqual([]);
});

test('an aborted signal runs nothing; the real wait ends with the abort', async () => {
	let runs = 0;
	const run = async () => runs++;
	const onError = () => {};
	await poll(run, {intervalMs: 1e6, signal: AbortSignal.abort(), onError});
	expect(runs).toBe(0);

	const controller = new AbortController();
	const end = poll(run, {intervalMs: 1e6, signal: controller.signal, onError});
	controller.abort();
	await end;
	expect(runs).toBe(1);
});
