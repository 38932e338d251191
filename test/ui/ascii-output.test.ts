import {PassThrough} from 'node:stream';
import fc from 'fast-check';
import stringWidth from 'string-width';
import {expect, test} from 'vitest';
import {asciiOutput, toAscii} from '../../source/ui/ascii-output.js';

test.each([
	['plain', 'plain'],
	['a — b…', 'a - b.'],
	['\u001B[1m→\u001B[0m', '\u001B[1m>\u001B[0m'],
	['漢字', '????'],
	['e\u0301', '?'],
	['👩‍💻!', '??!'],
])('%j is drawn as %j', (text, ascii) => {
	expect(toAscii(text)).toBe(ascii);
});

test('takes the same cells, whatever it is', () => {
	fc.assert(
		fc.property(fc.string({unit: 'grapheme'}), text => {
			expect(toAscii(text)).toMatch(/^\p{ASCII}*$/u);
			expect(stringWidth(toAscii(text))).toBe(stringWidth(text));
		}),
	);
});

test('a stream keeps all but what is written', () => {
	const stream = Object.assign(new PassThrough(), {columns: 80}) as unknown as NodeJS.WriteStream;
	const output = asciiOutput(stream);
	output.write('≈ 12');
	expect([output.columns, String(stream.read())]).toEqual([80, '~ 12']);
});
