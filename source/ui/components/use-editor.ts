import {type Key, useInput, usePaste} from 'ink';
import {useMemo, useState, useSyncExternalStore} from 'react';
import {createStore, type Store} from '../../lib/store.js';
import {type EditorLayout, locateCursor, promptWidth, wrapText} from './editor-layout.js';
import {createEditor, type Deletion, type EditorEvent, type EditorState, editorReducer, type Move} from './editor-reducer.js';

/** `entered`: Enter was pressed, which submits or, after a backslash, continues. */
export type EditorAction = EditorEvent | {readonly type: 'entered'};

const moved = (to: Move): EditorAction => ({type: 'moved', to});
const deleted = (what: Deletion): EditorAction => ({type: 'deleted', what});
const newline: EditorAction = {type: 'typed', text: '\n'};

const controlKeys: Readonly<Record<string, EditorAction>> = {
	a: moved('lineStart'),
	e: moved('lineEnd'),
	j: newline,
	d: deleted('forward'),
	w: deleted('backToSpace'),
	u: deleted('toLineStart'),
	k: deleted('toLineEnd'),
};

const metaKeys: Readonly<Record<string, EditorAction>> = {
	b: moved('wordLeft'),
	f: moved('wordRight'),
	d: deleted('wordForward'),
};

/**
Keys that came in one piece: pressed fast, held up by a slow line or a busy program. Each Enter among them was one: pasted text comes in brackets, and the
few terminals that know none of them cannot be told from a fast typist.
*/
const burstActions = (input: string): readonly EditorAction[] =>
	(input.match(/\r\n?|[^\P{Cc}\t\r]|(?:\t|\P{Cc})+/gu) ?? []).flatMap((piece): readonly EditorAction[] => {
		if (piece.startsWith('\r')) return [{type: 'entered'}];
		const code = piece.charCodeAt(0);
		if (code >= 0x20 || code === 0x09) return [{type: 'typed', text: piece}];
		const action = controlKeys[String.fromCharCode(code + 0x60)];
		return action ? [action] : [];
	});

const arrowActions = (key: Key, width: number): EditorAction | undefined => {
	const isByWord = key.ctrl || key.meta;
	if (key.leftArrow) return moved(isByWord ? 'wordLeft' : 'left');
	if (key.rightArrow) return moved(isByWord ? 'wordRight' : 'right');
	if (key.upArrow) return {type: 'movedUp', width};
	if (key.downArrow) return {type: 'movedDown', width};
	if (key.ctrl) return undefined;
	if (key.home) return moved('lineStart');
	return key.end ? moved('lineEnd') : undefined;
};

/** What a key means to the editor; nothing where it belongs to the program. */
export const editorActions = (input: string, key: Key, width: number): readonly EditorAction[] => {
	if (key.eventType === 'release' || key.super || key.hyper || key.tab || key.escape || key.pageUp || key.pageDown) return [];
	if (key.return) return [key.shift || key.meta ? newline : {type: 'entered'}];
	const isByWord = key.ctrl || key.meta;
	if (key.backspace) return [deleted(isByWord ? 'wordBack' : 'back')];
	if (key.delete) return [deleted(isByWord ? 'wordForward' : 'forward')];
	const arrow = arrowActions(key, width);
	if (arrow) return [arrow];
	if (isByWord) {
		const action = (key.ctrl ? controlKeys : metaKeys)[input];
		return action ? [action] : [];
	}

	return burstActions(input);
};

export type Editor = {
	readonly text: string;
	readonly layout: EditorLayout;
	readonly dispatch: (event: EditorEvent) => void;
};

type Options = {
	/** Cells of the whole editor, prompt glyph included. */
	readonly width: number;
	readonly isActive: boolean;
	readonly onSubmit: (text: string) => void;
	/** Enter, and there is no text. */
	readonly onEmpty?: () => void;
	/** Where text and history outlive the view; without it they go with it. */
	readonly store?: Store<EditorState>;
};

export const useEditor = ({width, isActive, onSubmit, onEmpty, store}: Options): Editor => {
	const [ownStore] = useState(() => createStore(createEditor()));
	// Not React's state: several keys can come before the next render, and each must see what the one before it did.
	const used = store ?? ownStore;
	const {text, cursor} = useSyncExternalStore(used.subscribe, used.get);
	const textWidth = Math.max(1, width - promptWidth);
	const wrapped = useMemo(() => wrapText(text, textWidth), [text, textWidth]);
	const layout = useMemo(() => locateCursor(wrapped, cursor), [wrapped, cursor]);
	const dispatch = (event: EditorEvent) => used.update(state => editorReducer(state, event));

	const enter = () => {
		const state = used.get();
		if (state.text[state.cursor - 1] === '\\') {
			dispatch({type: 'continued'});
			return;
		}

		if (state.text.trim() === '') {
			onEmpty?.();
			return;
		}

		dispatch({type: 'submitted'});
		onSubmit(state.text);
	};

	useInput(
		(input, key) => {
			for (const action of editorActions(input, key, textWidth)) {
				if (action.type === 'entered') enter();
				else dispatch(action);
			}
		},
		{isActive},
	);
	// Always on: without a listener Ink would hand pasted text to every key handler of the program.
	usePaste(pasted => {
		if (isActive) dispatch({type: 'pasted', text: pasted});
	});

	return {text, layout, dispatch};
};
