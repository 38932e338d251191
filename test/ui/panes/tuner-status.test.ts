import {expect, test} from 'vitest';
import {fitTexts} from '../../../source/ui/panes/tuner-status.js';

test.each([
	[30, ['longest one', 'second', 'third']],
	[20, ['longest one', 'second', '']],
	[15, ['longest one', '2nd', '']],
	[12, ['longest one', '', '']],
	[9, ['short', '2nd', '']],
	[2, ['', '', '']],
])('what there is room for in %i cells', (room, texts) => {
	expect(fitTexts([['longest one', 'short'], ['second', '2nd'], ['third']], room)).toEqual(texts);
});
