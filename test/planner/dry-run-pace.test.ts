import {expect, test} from 'vitest';
import {createDryRunPace} from '../../source/planner/dry-run-pace.js';

const setUp = async (tookMs: number, sinceMs: number) => {
	let now = 1000;
	const pace = createDryRunPace(() => now);
	await pace.time(async () => {
		now += tookMs;
	});
	now += sinceMs;
	return pace;
};

test('the first one waits until the keys rest, also during an answer', () => {
	const pace = createDryRunPace();
	expect([pace.delayMs(false), pace.delayMs(true)]).toEqual([120, 120]);
});

test.each([
	['a short one soon again', 2, 0, 120],
	['a context after one and a half seconds', 30, 0, 1500],
	['layers after fifteen seconds', 300, 0, 15_000],
	['what has passed of them counts', 300, 14_000, 1000],
	['all of it has passed', 300, 20_000, 120],
])('during an answer: %s', async (_what, tookMs, sinceMs, delayMs) => {
	expect((await setUp(tookMs, sinceMs)).delayMs(true)).toBe(delayMs);
});

test('without an answer nothing is paid for, and one that fails has been paid', async () => {
	expect((await setUp(300, 0)).delayMs(false)).toBe(120);
	let now = 0;
	const pace = createDryRunPace(() => now);
	const failing = pace.time(async () => {
		now = 100;
		throw new Error('refused');
	});
	await expect(failing).rejects.toThrow('refused');
	expect(pace.delayMs(true)).toBe(5000);
});
