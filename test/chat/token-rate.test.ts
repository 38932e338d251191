import {expect, test} from 'vitest';
import {createTokenRate} from '../../source/chat/token-rate.js';

const start = (options: {readonly buckets?: number} = {}) => {
	let time = 10_000;
	const rate = createTokenRate({clock: () => time, ...options});
	let tokens = 0;
	return {
		...rate,
		begin() {
			tokens = 0;
			rate.begin();
		},
		wait(ms: number) {
			time += ms;
		},
		/** `count` tokens, one every `ms`. */
		write(count: number, ms: number) {
			for (let index = 0; index < count; index++) {
				time += ms;
				rate.record(++tokens);
			}
		},
	};
};

test('nothing is known before the first answer, nor while its prompt is processed', () => {
	const rate = start();
	const unknown = {now: undefined, mean: undefined, firstTokenMs: undefined, history: []};
	expect(rate.read()).toEqual(unknown);
	rate.begin();
	rate.wait(5000);
	expect(rate.read()).toEqual(unknown);
});

test('a steady pace reads as what it is, between two tokens too', () => {
	const rate = start();
	rate.begin();
	rate.write(101, 50);
	expect(rate.read()).toMatchObject({firstTokenMs: 50, now: 20, mean: 20});
	rate.wait(40);
	expect(rate.read().now).toBe(20);
});

test('now follows the last moments, mean the whole answer', () => {
	const rate = start();
	rate.begin();
	rate.write(101, 50);
	rate.write(20, 250);
	expect(rate.read().now).toBe(4);
	expect(rate.read().mean).toBeCloseTo(12, 5);
});

test('a pace slower than the window does not flicker', () => {
	const rate = start();
	rate.begin();
	rate.write(6, 2000);
	for (const ms of [0, 700, 700, 500]) {
		rate.wait(ms);
		expect(rate.read().now).toBe(0.5);
	}
});

test('a stall shows', () => {
	const rate = start();
	rate.begin();
	rate.write(101, 50);
	rate.wait(10_000);
	expect(rate.read().now).toBeLessThan(0.6);
});

test('one moment is no pace', () => {
	const rate = start();
	rate.begin();
	rate.write(2, 30);
	expect(rate.read()).toMatchObject({now: undefined, mean: undefined});
});

test('between answers the mean stays, as the engine timed it, and the snapshot is the same', () => {
	const rate = start();
	rate.begin();
	rate.write(101, 50);
	rate.end(25);
	const idle = rate.read();
	expect(idle).toMatchObject({now: undefined, mean: 25, firstTokenMs: 50});
	rate.wait(60_000);
	rate.record(102);
	expect(rate.read()).toBe(idle);
});

test('an interrupted answer keeps its own mean', () => {
	const rate = start();
	rate.begin();
	rate.write(101, 50);
	rate.end();
	expect(rate.read()).toMatchObject({now: undefined, mean: 20, firstTokenMs: 50});
});

test('history: one value each half second of writing, over several answers, the newest kept', () => {
	const rate = start({buckets: 6});
	rate.begin();
	rate.write(41, 50);
	rate.end();
	expect(rate.read().history).toEqual([20, 20, 20, 20]);
	rate.wait(60_000);
	rate.begin();
	rate.wait(3000);
	rate.write(21, 100);
	rate.end();
	expect(rate.read().history).toEqual([20, 20, 10, 10, 10, 10]);
});

test('of another model nothing is known', () => {
	const rate = start();
	rate.begin();
	rate.write(41, 50);
	rate.end();
	rate.reset();
	expect(rate.read()).toEqual({now: undefined, mean: undefined, firstTokenMs: undefined, history: []});
});

test('reading twice in the same moment is one snapshot', () => {
	const rate = start();
	rate.begin();
	rate.write(20, 50);
	expect(rate.read()).toBe(rate.read());
});
