import {expect, test} from 'vitest';
import {lookUp} from '../../source/engine/lookup.ts';

test.each([
	['what followed the last three words', 'a b c d e a b c', 8, 'd e a b c'],
	['no more than is asked for', 'a b c d e a b c', 2, 'd e'],
	['the last time, not the first', 'a b c d a b c e a b c', 1, 'e'],
	['what repeats itself', 'x x x x', 8, 'x'],
	['two are not enough', 'a b c d b c', 8, undefined],
	['nothing stood there before', 'a b c', 8, undefined],
	['too little was said', 'a b', 8, undefined],
	['nothing was said', '', 8, undefined],
])('%s', (_, said, most, guessed) => {
	expect(lookUp(said.split(' '), most)?.join(' ')).toBe(guessed);
});
