import {describe, expect, test} from 'vitest';
import {createThreadTrial, type ThreadChoices, threadChoices} from '../../source/engine/thread-trial.js';

describe('what is tried', () => {
	test.each([
		['two cores and a screen', {mathCores: 2, cores: 2, most: 1}, {start: 1, fewer: [], more: undefined}],
		['two cores', {mathCores: 2, cores: 2, most: 2}, {start: 1, fewer: [], more: 2}],
		['one core', {mathCores: 1, cores: 1, most: 1}, {start: 1, fewer: [], more: undefined}],
		['one core and a screen', {mathCores: 1, cores: 1, most: 0}, {start: 1, fewer: [], more: undefined}],
		['eight cores and a screen', {mathCores: 8, cores: 8, most: 7}, {start: 7, fewer: [5, 4, 2], more: undefined}],
		['eight cores', {mathCores: 8, cores: 8, most: 8}, {start: 7, fewer: [5, 4, 2], more: 8}],
		['eight cores with two threads each', {mathCores: 8, cores: 16, most: 15}, {start: 8, fewer: [6, 4, 2], more: 15}],
		['six fast cores among many', {mathCores: 6, cores: 28, most: 27}, {start: 6, fewer: [5, 3, 2], more: 12}],
		['three cores', {mathCores: 3, cores: 3, most: 2}, {start: 2, fewer: [1], more: undefined}],
	])('%s', (_what, cores, choices) => {
		expect(threadChoices(cores)).toEqual(choices);
	});
});

const desktop: ThreadChoices = {start: 8, fewer: [6, 4, 2], more: 15};

/** What a token takes with so many threads, as the n-th token after a change; `at` counts all tokens. */
type Machine = (threads: number, nth: number, at: number) => number;

/** Writes until all is known. */
const write = (machine: Machine, choices = desktop) => {
	const trial = createThreadTrial(choices);
	const used: number[] = [];
	for (let nth = 0; !trial.isSettled() && used.length < 500; nth++) {
		const threads = trial.threads();
		if (used.length > 0 && used.at(-1) !== threads) nth = 0;
		used.push(threads);
		trial.add(machine(threads, nth, used.length));
	}

	const rounds = used.filter((threads, at) => threads !== used[at - 1]);
	return {best: trial.threads(), rounds, tokens: used.length, isSettled: trial.isSettled()};
};

/** The lowest point of a valley. */
const valley = (best: number) => (threads: number) => 50 * (1 + Math.abs(Math.log2(threads / best)));

describe('a trial', () => {
	test.each<[string, Machine, number, readonly number[]]>([
		['more threads are slower all the way', valley(2), 2, [8, 6, 4, 2, 8]],
		['best in the middle', valley(4), 4, [8, 6, 4, 2, 8]],
		['the start is best', valley(8), 8, [8, 6, 15]],
		['second threads help', valley(15), 15, [8, 6, 15, 8]],
		['threads make no difference: fewest', () => 50, 2, [8, 6, 4, 2, 8]],
		['2 % are not worth two cores', threads => 50 + (8 - threads) * 0.5, 6, [8, 6, 4, 8]],
		['differences that add up are counted from the fastest', threads => 50 + (8 - threads) * 0.7, 6, [8, 6, 4, 8]],
		['the first token of a round starts the threads', (threads, nth) => (nth === 0 ? 200 : valley(4)(threads)), 4, [8, 6, 4, 2, 8]],
		['one token in three is held up', (threads, _nth, at) => valley(4)(threads) * (at % 3 === 0 ? 4 : 1), 4, [8, 6, 4, 2, 8]],
		['the context grows', (threads, _nth, at) => valley(4)(threads) + at * 0.01, 4, [8, 6, 4, 2, 8]],
		[
			'something else ran at first, and fewer threads seemed better',
			(threads, _nth, at) => valley(8)(threads) * (at < 9 ? 3 : 1),
			8,
			[8, 6, 4, 8],
		],
	])('%s', (_what, machine, best, rounds) => {
		expect(write(machine)).toMatchObject({best, rounds, isSettled: true});
	});

	test('gives up at once what is clearly slower, and asks some thirty tokens otherwise', () => {
		expect(write(threads => 400 / threads)).toMatchObject({best: 15, tokens: 8 + 4 + 8 + 4});
		expect(write(threads => 50 + 20 * Math.abs(threads - 8)).tokens).toBe(8 + 4 + 4);
		expect(write(threads => (threads > 8 ? 5000 : 400 / threads)).tokens).toBe(8 + 4 + 1);
		expect(write(() => 50).tokens).toBe(40);
	});

	test('there is nothing to try with one core', () => {
		expect(write(() => 50, {start: 1, fewer: [], more: undefined})).toEqual({best: 1, rounds: [], tokens: 0, isSettled: true});
	});

	test('goes on in the next answer, whose first token is not counted', () => {
		const trial = createThreadTrial({start: 2, fewer: [1], more: undefined});
		const write = (...times: readonly number[]) => {
			for (const ms of times) trial.add(ms);
			return trial.threads();
		};
		expect(write(900, 10, 10, 10)).toBe(2);
		trial.interrupt();
		expect(write(900, 10, 10, 10)).toBe(2);
		expect(write(10)).toBe(1);
		expect(write(900, 20, 20, 20)).toBe(2);
		expect(trial.isSettled()).toBe(true);
		expect(write(1, 1, 1, 1, 1, 1, 1, 1)).toBe(2);
	});
});
