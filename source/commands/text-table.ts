import stringWidth from '../lib/string-width.js';

export type Column = {readonly title: string; readonly align: 'left' | 'right'};

/** Lines of plain text, `gap` cells apart. */
export const table = (columns: readonly Column[], rows: ReadonlyArray<readonly string[]>, gap = 2): readonly string[] => {
	const cells = [columns.map(({title}) => title), ...rows];
	const widths = columns.map((_, index) => Math.max(...cells.map(row => stringWidth(row[index] ?? ''))));
	return cells.map(row =>
		columns
			.map(({align}, index) => {
				const text = row[index] ?? '';
				const space = ' '.repeat((widths[index] ?? 0) - stringWidth(text));
				return align === 'right' ? space + text : text + space;
			})
			.join(' '.repeat(gap))
			.trimEnd(),
	);
};

/** The first of some tables, the widest wording first, that `width` cells have room for; else the last. */
export const fittingTable = (width: number, tables: ReadonlyArray<readonly string[]>): readonly string[] =>
	tables.find(lines => lines.every(line => stringWidth(line) <= width)) ?? tables.at(-1) ?? [];
