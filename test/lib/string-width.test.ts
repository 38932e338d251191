import fc from 'fast-check';
import packaged from 'string-width';
import {expect, test} from 'vitest';
import stringWidth from '../../source/lib/string-width.js';

const samples = [
	'',
	'plain',
	'│ ████▏ ≈ 3,2 GiB · größer …',
	'\u001B[31m━━\u001B[39m',
	'\u001B[38;2;1;2;3mfür\u001B[0m',
	'日本語',
	'👩🏽‍🚀',
	'e\u0301',
	'\u00AD',
	'\u200B',
	'\u0007',
	'한글',
	'\u001B]8;;x\u0007link',
];

test.each(samples)('%j', text => {
	expect(stringWidth(text)).toBe(packaged(text));
});

test('every character up to U+FFFF, alone and before a mark', () => {
	const wrong: string[] = [];
	for (let code = 0; code <= 0xffff; code++) {
		const character = String.fromCharCode(code);
		if (stringWidth(character) !== packaged(character) || stringWidth(`a${character}`) !== packaged(`a${character}`))
			wrong.push(code.toString(16));
	}

	expect(wrong).toEqual([]);
});

test('any text, with the options', () => {
	const piece = fc.oneof(fc.constantFrom(...samples), fc.string({unit: 'grapheme'}), fc.string({unit: 'binary'}));
	const option = fc.option(fc.boolean(), {nil: undefined});
	fc.assert(
		fc.property(fc.array(piece, {maxLength: 4}), option, option, (pieces, ambiguousIsNarrow, countAnsiEscapeCodes) => {
			const options = {
				...(ambiguousIsNarrow !== undefined && {ambiguousIsNarrow}),
				...(countAnsiEscapeCodes !== undefined && {countAnsiEscapeCodes}),
			};
			expect(stringWidth(pieces.join(''), options)).toBe(packaged(pieces.join(''), options));
		}),
	);
});
