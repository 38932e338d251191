import {expect, test} from 'vitest';
import {bracketedPasteIn} from '../../source/start/ask-terminal.ts';

test.each([
	['\u001B[?2004;2$y\u001B[?62;22c', true],
	['\u001B[?2004;1$y\u001B[?1;2c', true],
	['\u001B[?2004;0$y\u001B[?1;2c', false],
	['\u001B[?2004;4$y\u001B[?1;2c', false],
	['\u001B[?1;2c', undefined],
	['', undefined],
])('a terminal that answers %j: bracketed paste %s', (answers, expected) => {
	expect(bracketedPasteIn(answers)).toBe(expected);
});
