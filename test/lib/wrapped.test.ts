import {expect, test} from 'vitest';
import {wrapped} from '../../source/lib/wrapped.js';

test.each([
	['flash attention auto · 1 thread', 24, ['flash attention auto ·', '1 thread']],
	['it takes 12.5 GiB of it', 14, ['it takes', '12.5 GiB of it']],
	['with ≈ 3.00 tok/s', 13, ['with', '≈ 3.00 tok/s']],
	['model Q4 is here', 9, ['model Q4', 'is here']],
])('%s, in %i cells', (text, width, lines) => {
	expect(wrapped(text, width)).toEqual(lines);
});
