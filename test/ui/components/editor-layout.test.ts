import fc from 'fast-check';
import stringWidth from 'string-width';
import {describe, expect, test} from 'vitest';
import {editorHeight, layoutEditor, offsetAt, visibleRows, wrapText} from '../../../source/ui/components/editor-layout.js';

const text = fc
	.string({
		unit: fc.oneof(fc.constantFrom('a', ' ', '\n', '漢', '👩‍💻', '🇩🇪', 'é', '\u0301', '☺'), fc.string({unit: 'grapheme', maxLength: 1})),
		maxLength: 80,
	})
	.map(value => value.replace(/[^\P{Cc}\n]/gu, ''));
const width = fc.integer({min: 2, max: 30});
const boundaries = (value: string) => [...new Intl.Segmenter().segment(value)].map(({index}) => index).concat(value.length);

describe('layout', () => {
	test.each<[string, string, number, number, readonly string[], number, number]>([
		['empty', '', 0, 5, [''], 0, 0],
		['one row', 'abc', 1, 5, ['abc'], 0, 1],
		['filled to the last cell', 'abcdefg', 7, 5, ['abcde', 'fg'], 1, 2],
		['a wrap is the next row’s beginning', 'abcdefg', 5, 5, ['abcde', 'fg'], 1, 0],
		['a full row leaves one for the cursor', 'abcde', 5, 5, ['abcde', ''], 1, 0],
		['also before a line end', 'abcde\nf', 5, 5, ['abcde', '', 'f'], 1, 0],
		['line ends', 'a\n\nb', 2, 5, ['a', '', 'b'], 1, 0],
		['a wide letter is not split', 'abcd漢', 5, 5, ['abcd', '漢'], 1, 2],
		['cells, not characters', '漢字x', 2, 9, ['漢字x'], 0, 4],
		['an emoji of many parts', '👩‍💻x', 5, 9, ['👩‍💻x'], 0, 2],
	])('%s', (_, value, cursor, columns, lines, cursorRow, cursorColumn) => {
		expect(layoutEditor(value, cursor, columns)).toMatchObject({lines, cursorRow, cursorColumn});
	});

	test('rows fit, give the text back, and hold the cursor', () => {
		fc.assert(
			fc.property(text, width, fc.nat(), (value, columns, seed) => {
				const places = boundaries(value);
				const cursor = places[seed % places.length] ?? 0;
				const {lines, starts, cursorRow, cursorColumn, cursorIndex} = layoutEditor(value, cursor, columns);
				for (const line of lines) expect(stringWidth(line) <= columns || boundaries(line).length === 2).toBe(true);
				const joined = lines.map((line, row) => ((starts[row] ?? 0) + line.length === starts[row + 1] ? line : `${line}\n`)).join('');
				expect(joined.slice(0, -1)).toBe(value);
				expect((starts[cursorRow] ?? 0) + cursorIndex).toBe(cursor);
				expect(cursorColumn).toBeGreaterThanOrEqual(0);
				expect(cursorColumn).toBeLessThan(columns);
			}),
			{numRuns: 500},
		);
	});

	test('a cell leads to the place in its own row', () => {
		fc.assert(
			fc.property(text, width, fc.nat(), fc.nat(40), (value, columns, seed, column) => {
				const wrapped = wrapText(value, columns);
				const row = seed % wrapped.lines.length;
				const offset = offsetAt(wrapped, row, column);
				const found = layoutEditor(value, offset, columns);
				expect(found.cursorRow).toBe(row);
				expect(found.cursorColumn).toBeLessThanOrEqual(column);
			}),
		);
	});
});

describe('visible rows', () => {
	const layout = (cursor: number) => layoutEditor('0\n1\n2\n3\n4\n5\n6', cursor, 5);

	test.each([
		[0, 0, ['0', '1', '2']],
		[6, 2, ['2', '3', '4']],
		[13, 4, ['4', '5', '6']],
	])('with the cursor at %i', (cursor, top, rows) => {
		expect(visibleRows(layout(cursor), 3)).toEqual({top, rows});
		expect(editorHeight(layout(cursor), 3)).toBe(3);
	});

	test('fewer rows than fit', () => {
		expect(visibleRows(layout(0), 10).rows).toHaveLength(7);
		expect(editorHeight(layout(0), 10)).toBe(7);
	});
});
