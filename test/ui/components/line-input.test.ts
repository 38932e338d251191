import {expect, test} from 'vitest';
import {edited, withoutGrapheme} from '../../../source/ui/components/line-input.js';

test.each([
	['letters', 'abc', 2, 'ab'],
	['the first of two alike', 'aa', 0, 'a'],
	['a wide letter', 'a漢', 1, 'a'],
	['half an emoji', 'a👍', 2, 'a'],
	['half an emoji between others', '👍👍b', 3, '👍b'],
	['the last part of a family', 'a👩‍👩‍👧', 8, 'a'],
	['an accent of its own', 'ae\u0301', 2, 'a'],
])('%s', (_what, text, at, left) => {
	expect(withoutGrapheme(text, text.slice(0, at) + text.slice(at + 1))).toBe(left);
});

test.each([
	['nothing was pressed before', 'abc', 'abXc', 'abc', 'abXc'],
	['typed after one was taken', 'abc', 'abcX', 'ab', 'abX'],
	['taken after one was taken', 'abc', 'ab', 'ab', 'a'],
	['taken where nothing is left', 'a', '', '', ''],
	['in the middle', 'abcd', 'acd', 'acd', 'cd'],
])('%s', (_what, from, to, left, expected) => {
	expect(edited(from, to, left)).toBe(expected);
});
