import {graphemesOf} from '../../lib/segments.js';
import stringWidth from '../../lib/string-width.js';

/** Cells that the prompt glyph and its space take before every row. */
export const promptWidth = 2;

export type WrappedText = {
	readonly lines: readonly string[];
	/** Where each row begins in the text. */
	readonly starts: readonly number[];
};

export type EditorLayout = WrappedText & {
	readonly cursorRow: number;
	/** In cells. */
	readonly cursorColumn: number;
	/** In the row's string. */
	readonly cursorIndex: number;
};

const asciiOnly = /^[ -~]*$/;

const wrapAscii = (line: string, width: number): readonly string[] =>
	Array.from({length: Math.floor(line.length / width) + 1}, (_, row) => line.slice(row * width, (row + 1) * width));

/** Like a shell: filled to the last cell, wherever words end. A full last row is followed by an empty one, where the cursor can stand. */
const wrapLine = (line: string, width: number): readonly string[] => {
	if (asciiOnly.test(line)) return wrapAscii(line, width);
	const rows: string[] = [];
	let start = 0;
	let column = 0;
	// string-width takes 1 to 2 µs for a letter, and a long prompt has few different ones.
	const known = new Map<string, number>();
	for (const {segment, index} of graphemesOf(line)) {
		const cells = known.get(segment) ?? stringWidth(segment);
		known.set(segment, cells);
		if (column + cells > width && index > start) {
			rows.push(line.slice(start, index));
			start = index;
			column = 0;
		}

		column += cells;
	}

	rows.push(line.slice(start));
	if (column >= width) rows.push('');
	return rows;
};

export const wrapText = (text: string, width: number): WrappedText => {
	const lines: string[] = [];
	const starts: number[] = [];
	let offset = 0;
	for (const line of text.split('\n')) {
		for (const row of wrapLine(line, Math.max(1, width))) {
			lines.push(row);
			starts.push(offset);
			offset += row.length;
		}

		offset += 1;
	}

	return {lines, starts};
};

export const locateCursor = (wrapped: WrappedText, cursor: number): EditorLayout => {
	const cursorRow = Math.max(
		0,
		wrapped.starts.findLastIndex(start => start <= cursor),
	);
	const cursorIndex = cursor - (wrapped.starts[cursorRow] ?? 0);
	const cursorColumn = stringWidth((wrapped.lines[cursorRow] ?? '').slice(0, cursorIndex));
	return {...wrapped, cursorRow, cursorColumn, cursorIndex};
};

export const layoutEditor = (text: string, cursor: number, width: number): EditorLayout => locateCursor(wrapText(text, width), cursor);

/** The place in the text at a cell of a row, or the nearest before it. */
export const offsetAt = ({lines, starts}: WrappedText, row: number, column: number): number => {
	const line = lines[row] ?? '';
	const start = starts[row] ?? 0;
	const isContinued = starts[row + 1] === start + line.length;
	let cells = 0;
	let index = 0;
	for (const {segment} of graphemesOf(line)) {
		cells += stringWidth(segment);
		if (cells > column || (isContinued && index + segment.length === line.length)) break;
		index += segment.length;
	}

	return start + index;
};

/** The rows that are drawn: the cursor's row in the middle, where there are more than fit. */
export const visibleRows = (
	{lines, cursorRow}: EditorLayout,
	maxRows: number,
): {readonly top: number; readonly rows: readonly string[]} => {
	const top = Math.max(0, Math.min(cursorRow - Math.floor(maxRows / 2), lines.length - maxRows));
	return {top, rows: lines.slice(top, top + maxRows)};
};

export const editorHeight = ({lines}: EditorLayout, maxRows: number): number => Math.min(lines.length, maxRows);
