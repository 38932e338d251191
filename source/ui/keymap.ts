import type {Key} from 'ink';
import type {Move} from '../planner/settings.js';

type Matches = (input: string, key: Key) => boolean;

/** One line of the help, and what the handler looks for; a key without `does` is only explained here. */
export type Binding<Verb> = {readonly keys: string; readonly text: string; readonly does?: Verb; readonly matches?: Matches};

export type GlobalVerb =
	| 'nextPane'
	| 'previousPane'
	| 'interrupt'
	| 'endOfInput'
	| 'models'
	| 'help'
	| 'redraw'
	| 'stop'
	| 'copy'
	| 'suspend';
export type TunerVerb =
	| Move
	| 'previousSetting'
	| 'nextSetting'
	| 'apply'
	| 'putBack'
	| 'recall'
	| 'fit'
	| 'budget'
	| 'breakdown'
	| 'advice';
export type ScrollVerb = 'pagedUp' | 'pagedDown' | 'wentToTop' | 'toEnd';

const ctrl =
	(letter: string): Matches =>
	(input, key) =>
		key.ctrl && input === letter;

const plain =
	(letter: string): Matches =>
	(input, key) =>
		input === letter && !key.ctrl && !key.meta;

/** Ink names no function keys: they come as no text and no named key. Kitty's protocol is not asked for, so nothing else does. */
const isFunctionKey: Matches = (input, key) => input === '' && !Object.values(key).some(Boolean);

export const globalKeys: ReadonlyArray<Binding<GlobalVerb>> = [
	{keys: 'Tab, Shift+Tab', text: 'next, previous pane', does: 'previousPane', matches: (_input, key) => key.tab && key.shift},
	{keys: '', text: '', does: 'nextPane', matches: (_input, key) => key.tab && !key.shift},
	{keys: 'Esc', text: 'stop the answer or the load; take back what waits', does: 'stop', matches: (_input, key) => key.escape},
	{keys: 'Ctrl+C', text: 'stop the answer; again within 2 s: quit', does: 'interrupt', matches: ctrl('c')},
	{keys: 'Ctrl+D', text: 'quit, on an empty prompt', does: 'endOfInput', matches: ctrl('d')},
	{keys: 'Ctrl+O', text: 'models', does: 'models', matches: ctrl('o')},
	{keys: 'Ctrl+Y', text: 'copy the last answer', does: 'copy', matches: ctrl('y')},
	{keys: 'F1', text: 'this help', does: 'help', matches: isFunctionKey},
	{keys: 'Ctrl+L', text: 'draw the screen anew', does: 'redraw', matches: ctrl('l')},
	{keys: 'Ctrl+Z', text: 'back to the shell; fg returns', does: 'suspend', matches: ctrl('z')},
];

export const tunerKeys: ReadonlyArray<Binding<TunerVerb>> = [
	{keys: 'Up, Down', text: 'choose a setting', does: 'previousSetting', matches: (_input, key) => key.upArrow},
	{keys: '', text: '', does: 'nextSetting', matches: (_input, key) => key.downArrow},
	{keys: 'Left, Right', text: 'one step less, more', does: 'less', matches: (_input, key) => key.leftArrow},
	{keys: '', text: '', does: 'more', matches: (_input, key) => key.rightArrow},
	{keys: 'Page Down, Page Up', text: 'a big step less, more', does: 'muchLess', matches: (_input, key) => key.pageDown},
	{keys: '', text: '', does: 'muchMore', matches: (_input, key) => key.pageUp},
	{keys: 'Home, End', text: 'the smallest, the largest', does: 'least', matches: (_input, key) => key.home},
	{keys: '', text: '', does: 'most', matches: (_input, key) => key.end},
	{keys: 'Enter', text: 'apply', does: 'apply', matches: (_input, key) => key.return},
	{keys: 'Esc', text: 'put back; stop a reload', does: 'putBack', matches: (_input, key) => key.escape},
	{keys: 'u', text: 'undo: put back, or the settings before the last change', does: 'recall', matches: plain('u')},
	{keys: 'f', text: 'fit: most GPU layers that free memory or the budget takes', does: 'fit', matches: plain('f')},
	{keys: 'b', text: 'VRAM budget (without a GPU: of RAM): the most that vramble may take', does: 'budget', matches: plain('b')},
	{keys: 'a', text: 'advice: what would make it better', does: 'advice', matches: plain('a')},
	{keys: 'i', text: 'what the memory is for', does: 'breakdown', matches: plain('i')},
];

export const chatKeys: ReadonlyArray<Binding<ScrollVerb>> = [
	{keys: 'Enter', text: 'send'},
	{keys: 'Ctrl+J, Alt+Enter', text: 'new line'},
	{keys: 'Esc Esc', text: 'clear the prompt; Up brings it back'},
	{keys: 'Ctrl+U, Ctrl+K', text: "delete to the line's start, end"},
	{keys: 'Up, Down', text: 'earlier, later prompts from the first, last line'},
	{keys: 'Page Up, Page Down', text: 'scroll', does: 'pagedUp', matches: (_input, key) => key.pageUp},
	{keys: '', text: '', does: 'pagedDown', matches: (_input, key) => key.pageDown},
	{keys: 'Ctrl+Home, Ctrl+End', text: 'to the start, to the end', does: 'wentToTop', matches: (_input, key) => key.ctrl && key.home},
	{keys: '', text: '', does: 'toEnd', matches: (_input, key) => key.ctrl && key.end},
];

export const verbOf = <Verb>(bindings: ReadonlyArray<Binding<Verb>>, input: string, key: Key): Verb | undefined =>
	bindings.find(({matches}) => matches?.(input, key))?.does;

export const quitHint = 'Ctrl+C again quits';
