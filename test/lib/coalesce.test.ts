import {afterEach, beforeEach, expect, test, vi} from 'vitest';
import {createCoalescer} from '../../source/lib/coalesce.js';

beforeEach(() => {
	vi.useFakeTimers();
});

afterEach(() => {
	vi.useRealTimers();
});

const setUp = () => {
	const flushed: string[] = [];
	return {
		flushed,
		...createCoalescer<string>(
			() => 33,
			values => flushed.push(values.join('')),
		),
	};
};

test('the first at once, the others together when the interval is over', () => {
	const {add, flushed} = setUp();
	for (const letter of 'abcd') add(letter);
	expect(flushed).toEqual(['a']);
	vi.advanceTimersByTime(32);
	expect(flushed).toEqual(['a']);
	vi.advanceTimersByTime(1);
	expect(flushed).toEqual(['a', 'bcd']);
});

test('at most once per interval, however long values come', () => {
	const {add, flushed} = setUp();
	for (let ms = 0; ms < 330; ms++) {
		add('.');
		vi.advanceTimersByTime(1);
	}

	vi.advanceTimersByTime(100);
	expect(flushed.length).toBeLessThanOrEqual(11);
	expect(flushed.join('')).toHaveLength(330);
});

test('after a pause the next is handed on at once', () => {
	const {add, flushed} = setUp();
	add('a');
	vi.advanceTimersByTime(33);
	add('b');
	expect(flushed).toEqual(['a', 'b']);
});

test('finish hands on what waits, and leaves no timer', () => {
	const {add, finish, flushed} = setUp();
	finish();
	add('a');
	add('b');
	finish();
	expect(flushed).toEqual(['a', 'b']);
	expect(vi.getTimerCount()).toBe(0);
	finish();
	expect(flushed).toEqual(['a', 'b']);
});

test('without values no timer runs on', () => {
	const {add} = setUp();
	add('a');
	vi.advanceTimersByTime(33);
	expect(vi.getTimerCount()).toBe(0);
});
