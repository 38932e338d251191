import {graphemesOf, wordsOf} from '../../lib/segments.js';
import {drawable} from '../../lib/text.js';
import {layoutEditor, offsetAt} from './editor-layout.js';

export type EditorState = {
	readonly text: string;
	/** A grapheme's boundary in the text. */
	readonly cursor: number;
	/** The cell that moving up and down comes back to after shorter rows. */
	readonly column: number | undefined;
	/** Prompts that were submitted, oldest first. */
	readonly history: readonly string[];
	/** Where up and down leaf: the earlier prompts, with what was changed in them, and the draft at the end. As readline does, changes to earlier prompts last until something is submitted. */
	readonly pages: readonly string[];
	readonly page: number;
};

export type Move = 'left' | 'right' | 'wordLeft' | 'wordRight' | 'lineStart' | 'lineEnd';
export type Deletion = 'back' | 'forward' | 'wordBack' | 'wordForward' | 'backToSpace' | 'toLineStart' | 'toLineEnd';

export type EditorEvent =
	/** Line ends are "\n". */
	| {readonly type: 'typed' | 'pasted' | 'replaced'; readonly text: string}
	| {readonly type: 'moved'; readonly to: Move}
	/** By one visual row; `width` is the text's, in cells. */
	| {readonly type: 'movedUp' | 'movedDown'; readonly width: number}
	| {readonly type: 'deleted'; readonly what: Deletion}
	/** A backslash before the cursor became a line end. */
	| {readonly type: 'continued'}
	/** Sent, or put away: the text is the newest prompt of the history. */
	| {readonly type: 'submitted'};

const tab = '    ';

/** What a terminal can draw cell by cell, and a model reads the same. */
export const cleanText = (text: string): string => drawable(text.replace(/\r\n|[\r\u2028\u2029]/g, '\n').replaceAll('\t', tab));

export const createEditor = (history: readonly string[] = []): EditorState => ({
	text: '',
	cursor: 0,
	column: undefined,
	history,
	pages: [...history, ''],
	page: history.length,
});

const lineStartOf = (text: string, offset: number) => (offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1);

const lineEndOf = (text: string, offset: number) => {
	const end = text.indexOf('\n', offset);
	return end === -1 ? text.length : end;
};

/** The grapheme around an offset, which is not at its line's end. */
const graphemeAt = (text: string, offset: number): {readonly start: number; readonly end: number} => {
	const lineStart = lineStartOf(text, offset);
	const found = graphemesOf(text.slice(lineStart, lineEndOf(text, offset))).containing(offset - lineStart);
	const start = found ? lineStart + found.index : offset;
	return {start, end: start + (found?.segment.length ?? 1)};
};

/** The boundary at an offset, or the next: what is put together can become one grapheme. */
const boundaryFrom = (text: string, offset: number): number => {
	if (offset >= text.length || text[offset] === '\n') return Math.min(offset, text.length);
	const {start, end} = graphemeAt(text, offset);
	return start === offset ? offset : end;
};

const wordLeft = (text: string, cursor: number): number => {
	for (let end = cursor; end > 0; ) {
		const start = lineStartOf(text, end);
		const word = [...wordsOf(text.slice(start, end))].findLast(({isWordLike}) => isWordLike);
		if (word) return start + word.index;
		end = start - 1;
	}

	return 0;
};

const wordRight = (text: string, cursor: number): number => {
	for (let start = cursor; start < text.length; ) {
		const end = lineEndOf(text, start);
		const word = [...wordsOf(text.slice(start, end))].find(({isWordLike}) => isWordLike);
		if (word) return start + word.index + word.segment.length;
		start = end + 1;
	}

	return text.length;
};

const spaceLeft = (text: string, cursor: number): number => {
	let start = text.slice(0, cursor).trimEnd().length;
	while (start > 0 && !/\s/.test(text[start - 1] ?? '')) start--;
	return start;
};

const left = (text: string, cursor: number): number => {
	if (cursor === 0) return 0;
	return text[cursor - 1] === '\n' ? cursor - 1 : graphemeAt(text, cursor - 1).start;
};

const right = (text: string, cursor: number): number => {
	if (cursor === text.length) return cursor;
	return text[cursor] === '\n' ? cursor + 1 : graphemeAt(text, cursor).end;
};

const targets: Readonly<Record<Move, (text: string, cursor: number) => number>> = {
	left,
	right,
	wordLeft,
	wordRight,
	lineStart: lineStartOf,
	lineEnd: lineEndOf,
};

/** The other end of what is deleted. At a line's start or end, that is the line end itself, so that the key, pressed on, clears everything. */
const deletionEnds: Readonly<Record<Deletion, (text: string, cursor: number) => number>> = {
	back: left,
	forward: right,
	wordBack: wordLeft,
	wordForward: wordRight,
	backToSpace: spaceLeft,
	toLineStart: (text, cursor) => (text[cursor - 1] === '\n' ? cursor - 1 : lineStartOf(text, cursor)),
	toLineEnd: (text, cursor) => (text[cursor] === '\n' ? cursor + 1 : lineEndOf(text, cursor)),
};

const place = (state: EditorState, text: string, cursor: number): EditorState => {
	const boundary = boundaryFrom(text, cursor);
	return text === state.text && boundary === state.cursor ? state : {...state, text, cursor: boundary, column: undefined};
};

const splice = (state: EditorState, start: number, end: number, inserted: string): EditorState =>
	place(state, state.text.slice(0, start) + inserted + state.text.slice(end), start + inserted.length);

const leafTo = (state: EditorState, page: number): EditorState => {
	const text = state.pages[page];
	if (text === undefined) return state;
	return {...state, text, cursor: text.length, column: undefined, pages: state.pages.with(state.page, state.text), page};
};

const moveVertically = (state: EditorState, by: -1 | 1, width: number): EditorState => {
	const layout = layoutEditor(state.text, state.cursor, width);
	const row = layout.cursorRow + by;
	if (row < 0 || row >= layout.lines.length) return leafTo(state, state.page + by);
	const column = state.column ?? layout.cursorColumn;
	return {...state, cursor: boundaryFrom(state.text, offsetAt(layout, row, column)), column};
};

const submit = (state: EditorState): EditorState => {
	if (state.text.trim() === '') return state;
	return createEditor(state.history.at(-1) === state.text ? state.history : [...state.history, state.text]);
};

export const editorReducer = (state: EditorState, event: EditorEvent): EditorState => {
	const {text, cursor} = state;
	switch (event.type) {
		case 'typed':
		case 'pasted': {
			const inserted = cleanText(event.text);
			return inserted === '' ? state : splice(state, cursor, cursor, inserted);
		}

		case 'replaced': {
			const replacement = cleanText(event.text);
			return place(state, replacement, replacement.length);
		}

		case 'moved':
			return place(state, text, targets[event.to](text, cursor));
		case 'movedUp':
			return moveVertically(state, -1, event.width);
		case 'movedDown':
			return moveVertically(state, 1, event.width);
		case 'deleted': {
			const end = deletionEnds[event.what](text, cursor);
			return end === cursor ? state : splice(state, Math.min(end, cursor), Math.max(end, cursor), '');
		}

		case 'continued':
			return text[cursor - 1] === '\\' ? splice(state, cursor - 1, cursor, '\n') : state;
		case 'submitted':
			return submit(state);
	}
};
