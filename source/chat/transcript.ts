import {graphemesOf} from '../lib/segments.js';
import stringWidth from '../lib/string-width.js';
import {drawable} from '../lib/text.js';
import type {ChatMessage} from './message.js';

/** One row of the conversation, without colours and without what the theme draws before it. */
export type TranscriptLine = {
	readonly key: string;
	readonly kind: ChatMessage['role'] | 'blank';
	readonly text: string;
	/** The first row of its message. */
	readonly first: boolean;
	readonly tone: 'normal' | 'dim' | 'warning' | 'error';
	/** A word said after the text. */
	readonly mark?: Exclude<ChatMessage['state'], 'done' | 'streaming'>;
	/** The reply is being written here. */
	readonly cursor?: boolean;
};

export type Transcript = {
	/** The same array as long as neither messages nor width change; unchanged rows are the same objects. */
	readonly lines: (messages: readonly ChatMessage[], width: number) => readonly TranscriptLine[];
};

type Wrapped = {
	readonly rows: readonly string[];
	/** What comes later cannot change the first `settledRows` rows: wrapping can go on at this offset. */
	readonly settledRows: number;
	readonly settledAt: number;
};

type Block = {
	readonly message: ChatMessage;
	readonly width: number;
	readonly gap: TranscriptLine;
	readonly body: readonly TranscriptLine[];
	readonly settledRows: number;
	readonly settledAt: number;
	/** The body as it is shown. */
	readonly lines: readonly TranscriptLine[];
};

/** Cells before the text of a kind: the prompt glyph of a user's message, the dot of a notice. */
export const transcriptIndent = {user: 2, assistant: 0, notice: 2, blank: 0} as const;
const tabStop = 4;
/** Around the separator between text and mark. */
const markGap = 3;

const unclean = /[^\P{Cc}\t]|\p{Cs}|[\u00AD\u202A-\u202E\u2066-\u2069]/u;
const lineEnd = /\r\n|[\n\r\u2028\u2029]/g;
const asciiOnly = /^[\t -~]*$/;
const closing = /^[\p{Pe}\p{Pf}\p{Po}ー々ゝぁぃぅぇぉっゃゅょァィゥェォッャュョ]/u;
const opening = /^[\p{Ps}\p{Pi}]/u;

const cleanLine = (line: string): string => (unclean.test(line) ? drawable(line) : line);

const graphemes = function* (line: string): Iterable<string> {
	for (const {segment} of graphemesOf(line)) yield segment;
};

const unitsOf = (line: string): Iterable<string> => (asciiOnly.test(line) ? line : graphemes(line));

type Cells = (unit: string, column: number) => number;

/** Measures graphemes, each different one once: string-width takes 1 to 2 µs for a letter, and a text has few different ones. */
const createCells = (): Cells => {
	const known = new Map<string, number>();
	return (unit, column) => {
		if (unit === '\t') return tabStop - (column % tabStop);
		if (unit.length === 1 && unit >= ' ' && unit <= '~') return 1;
		const cells = known.get(unit) ?? stringWidth(unit);
		known.set(unit, cells);
		return cells;
	};
};

const drawnRow = (row: string, cellsOf: Cells): string => {
	if (!row.includes('\t')) return row.trimEnd();
	let drawn = '';
	let column = 0;
	for (const unit of unitsOf(row)) {
		const cells = cellsOf(unit, column);
		drawn += unit === '\t' ? ' '.repeat(cells) : unit;
		column += cells;
	}

	return drawn.trimEnd();
};

/**
Wraps one line at words, between wide letters, and inside a word only where it is wider than the line. Spaces at a break are left out, those that begin the line stay.

Every decision looks at what came before it alone, so that wrapping can go on from any row's beginning.
*/
const wrapLine = (line: string, width: number, cellsOf: Cells): Wrapped => {
	const rows: string[] = [];
	let start = 0;
	let column = 0;
	let breakAt = 0;
	let breakColumn = 0;
	let before = '';
	let isBeforeWide = false;
	let hasContent = false;
	let settledAt = 0;
	let settledRows = 0;
	let offset = 0;

	for (const unit of unitsOf(line)) {
		// The last grapheme can still grow (a variation selector, a joiner): a break that it caused is not settled.
		settledAt = start;
		settledRows = rows.length;
		const cells = cellsOf(unit, column);
		if (unit === ' ' || unit === '\t') {
			column += cells;
			if (hasContent) {
				breakAt = offset + 1;
				breakColumn = column;
			}
		} else {
			const isBesideWide = cells === 2 || isBeforeWide;
			if (isBesideWide && hasContent && !closing.test(unit) && !opening.test(before)) {
				breakAt = offset;
				breakColumn = column;
			}

			while (column + cells > width && offset > start) {
				const isSoft = breakAt > start;
				const cut = isSoft ? breakAt : offset;
				rows.push(drawnRow(line.slice(start, cut), cellsOf));
				column -= isSoft ? breakColumn : column;
				start = cut;
			}

			column += cells;
			hasContent = true;
		}

		before = unit;
		isBeforeWide = cells === 2 && unit !== '\t';
		offset += unit.length;
	}

	rows.push(drawnRow(line.slice(start), cellsOf));
	return {rows, settledRows, settledAt};
};

const wrapText = (text: string, from: number, width: number): Wrapped => {
	// It may be the first half of a line end; an empty last line is not shown anyway.
	const end = text.endsWith('\r') ? text.length - 1 : text.length;
	const cellsOf = createCells();
	const rows: string[] = [];
	let lineStart = from;
	for (const match of text.slice(from, end).matchAll(lineEnd)) {
		const lineStop = from + match.index;
		for (const row of wrapLine(cleanLine(text.slice(lineStart, lineStop)), width, cellsOf).rows) rows.push(row);
		lineStart = lineStop + match[0].length;
	}

	const lastLine = text.slice(lineStart, end);
	const last = wrapLine(cleanLine(lastLine), width, cellsOf);
	const settledBefore = rows.length;
	for (const row of last.rows) rows.push(row);
	// Where something was taken out of the line, offsets in the clean line are not offsets in the text.
	return unclean.test(lastLine)
		? {rows, settledRows: settledBefore, settledAt: lineStart}
		: {rows, settledRows: settledBefore + last.settledRows, settledAt: lineStart + last.settledAt};
};

const lineTone = ({role, state, tone}: ChatMessage): TranscriptLine['tone'] => {
	if (state === 'failed') return 'error';
	if (role === 'notice') return tone === 'warning' || tone === 'error' ? tone : 'dim';
	return state === 'queued' ? 'dim' : 'normal';
};

/** The beginning of the first line that is not empty; the text's end where there is none. */
const contentStart = (text: string): number => {
	const first = text.search(/\S/);
	return first === -1 ? text.length : Math.max(text.lastIndexOf('\n', first), text.lastIndexOf('\r', first)) + 1;
};

const shownLines = (body: readonly TranscriptLine[], {state}: ChatMessage, width: number): readonly TranscriptLine[] => {
	const end = body.findLastIndex(line => line.text !== '') + 1;
	const shown = body.slice(0, Math.max(1, end));
	const last = shown.at(-1);
	if (!last) return shown;
	const free = width - stringWidth(last.text);
	if (state === 'streaming') return free > 0 ? [...shown.slice(0, -1), {...last, cursor: true}] : shown;
	if (state === 'done') return shown;
	const isBeside = last.text === '' || free >= markGap + state.length;
	return isBeside
		? [...shown.slice(0, -1), {...last, mark: state}]
		: [...shown, {...last, key: `${last.key}:mark`, text: '', first: false, mark: state}];
};

const layoutMessage = (message: ChatMessage, width: number, earlier: Block | undefined): Block => {
	const {id, role, text} = message;
	const tone = lineTone(message);
	const textWidth = Math.max(1, width - transcriptIndent[role]);
	const grown =
		earlier?.width === width && earlier.message.role === role && lineTone(earlier.message) === tone && text.startsWith(earlier.message.text)
			? earlier
			: undefined;
	const kept = grown && grown.settledAt > 0 ? grown : undefined;
	const from = kept ? kept.settledAt : contentStart(text);
	const isEmpty = from === text.length && !kept;
	const {rows, settledRows, settledAt} = wrapText(text, from, textWidth);
	const body = kept ? kept.body.slice(0, kept.settledRows) : [];
	const settledBefore = body.length;
	for (const row of rows) body.push({key: `${id}:${body.length}`, kind: role, text: row, first: body.length === 0, tone});
	return {
		message,
		width,
		gap: earlier?.gap ?? {key: `${id}:gap`, kind: 'blank', text: '', first: false, tone: 'normal'},
		body,
		settledRows: isEmpty ? 0 : settledBefore + settledRows,
		settledAt: isEmpty ? 0 : settledAt,
		lines: shownLines(body, message, textWidth),
	};
};

/**
Lays the conversation out in rows of at most `width` cells, control characters taken out.

Finished messages are wrapped once per width, the one being written only from its last settled row on.
*/
export const createTranscript = (): Transcript => {
	const blocks = new WeakMap<ChatMessage, Block>();
	let growing: Block | undefined;
	let latest: {readonly messages: readonly ChatMessage[]; readonly width: number; readonly lines: readonly TranscriptLine[]} | undefined;

	const blockOf = (message: ChatMessage, width: number): Block => {
		const known = blocks.get(message);
		if (known?.width === width) return known;
		const block = layoutMessage(message, width, growing?.message.id === message.id ? growing : undefined);
		blocks.set(message, block);
		if (message.state === 'streaming') growing = block;
		return block;
	};

	return {
		lines(messages, width) {
			if (latest?.messages === messages && latest.width === width) return latest.lines;
			const lines: TranscriptLine[] = [];
			for (const message of messages) {
				const block = blockOf(message, width);
				if (lines.length > 0) lines.push(block.gap);
				for (const line of block.lines) lines.push(line);
			}

			latest = {messages, width, lines};
			return lines;
		},
	};
};
