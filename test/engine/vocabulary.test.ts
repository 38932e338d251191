import {expect, test} from 'vitest';
import {vocabularyDifference} from '../../source/engine/vocabulary.ts';

const tokens = (count: number, change: Readonly<Record<number, string>> = {}) =>
	Array.from({length: count}, (_, at) => change[at] ?? `t${at}`);

const target = {model: 'gpt2', tokens: tokens(200), bos: 1, eos: 2};

test.each([
	['the same', {}, undefined],
	['some more to fill it up', {tokens: tokens(328)}, undefined],
	['other special tokens at its beginning', {tokens: tokens(200, {0: '<pad>'})}, undefined],
	['another tokenizer', {model: 'llama'}, 'its tokenizer is llama, and that of the model gpt2'],
	['another size', {tokens: tokens(1329)}, 'its vocabulary has 1,329 tokens, and that of the model 200'],
	['none', {tokens: undefined}, 'its vocabulary has 0 tokens, and that of the model 200'],
	['another end', {eos: 3}, 'its texts begin or end with other tokens'],
	['another token', {tokens: tokens(200, {77: 'x'})}, 'its token 77 is "x", and that of the model "t77"'],
])('a draft model with a vocabulary of %s', (_, change, difference) => {
	expect(vocabularyDifference(target, {...target, ...change})).toBe(difference);
});
