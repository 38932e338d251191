import {expect, test} from 'vitest';
import {isTensorPattern} from '../../source/engine/tensor-pattern.ts';

test.each([
	['exps', true],
	['blk\\.(1|2)\\.ffn_(up|down|gate|gate_up)_(ch|)exps', true],
	['blk\\.[0-9]+\\.ffn_(?!norm)', true],
	['^(blk\\.[12]\\d*\\.ffn_.*exps|output.*|token.*|rope.*|attn.*)', true],
	['a\\)*b\\*\\*\\*\\*\\*', true],
	['a'.repeat(4000), true],
	['a'.repeat(4001), false],
	['(.*)*x', false],
	['(?:a|b)+', false],
	['.*.*.*.*.*x', false],
	['', false],
	['[', false],
	['(a', false],
	['*', false],
	['a{2}', false],
	['(?<=a)b', false],
	['[[:alpha:]]', false],
	['\\p{L}', false],
	['\\1', false],
])('a pattern: %j %s', (text, isOne) => {
	expect(isTensorPattern(text)).toBe(isOne);
});
