import {expect, test} from 'vitest';
import {createRemaining} from '../../source/lib/remaining.js';

const start = () => {
	let time = 5000;
	const remaining = createRemaining(() => time);
	return (ms: number, progress: number) => {
		time += ms;
		return remaining(progress);
	};
};

test('from its speed so far', () => {
	const at = start();
	expect([at(0, 0), at(1000, 0.25), at(1000, 0.5), at(2000, 1)]).toEqual([undefined, 3000, 2000, 0]);
});

test('it counts from where the work was when it was first heard of', () => {
	const at = start();
	at(0, 0.5);
	expect(at(1000, 0.75)).toBe(1000);
});

test('too early to say: the first moments, and no progress yet', () => {
	const at = start();
	expect([at(0, 0), at(100, 0.1), at(5000, 0)]).toEqual([undefined, undefined, undefined]);
});
