import {layoutOf, type Rectangle} from '../../source/ui/layout.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {patience} from './program.ts';

type Wishes = {readonly isTunerFocused?: boolean};

const frameRows = (title: string, {height, width}: Rectangle): RegExp[] => [
	new RegExp(`^╭─ ${title} [^╭╮╰╯│]{${width - title.length - 5}}╮$`),
	...Array.from({length: height - 2}, () => new RegExp(`^│[^╭╮╰╯│]{${width - 2}}│$`)),
	new RegExp(`^╰─{${width - 2}}╯$`),
];

const chatRow = /^$|^ {2}(?!.*(?:[╭╮╰╯│●]|───|Tab (?:tuner|chat)))/;

/** What each row of the main screen may hold. */
const rowPatterns = (columns: number, rows: number, {isTunerFocused = false}: Wishes): RegExp[] => {
	const layout = layoutOf(columns, rows, {promptLines: 1, isTunerFocused, hasExperts: false});
	const {isCompact, machine, tuner, chat} = layout;
	const rule = new RegExp(`^─{${columns}}$`);
	return [
		/^ vramble .*● (?:no model|loading|reloading|evaluating again|processing|writing|ready|failed)/,
		...(isCompact ? [/^ VRAM /, /^ (?:tok\/s|load) /] : frameRows('Machine', machine)),
		...(isCompact ? Array.from({length: tuner.height}, () => /^$|^ +[^─╭╮╰╯│]+$/) : frameRows('Tuner', tuner)),
		...Array.from({length: chat.height}, () => chatRow),
		rule,
		/^ {2}› /,
		...(isCompact ? [] : [rule]),
		/^ Tab (?:tuner|chat) /,
		/^$/,
	];
};

/** The rows that hold something else than they should: the remains of an earlier frame, a second title, half a pane. */
export const faultsOf = (terminal: TerminalHandle, wishes: Wishes = {}): string[] => {
	const {columns, rows} = terminal.size();
	const patterns = rowPatterns(columns, rows, wishes);
	if (patterns.length !== rows) throw new Error(`The layout has ${patterns.length} rows of ${rows}.`);
	return terminal.lines().filter((line, row) => !patterns[row]?.test(line));
};

/** Waits for a screen that holds one frame of this size and nothing else. */
export const waitForWholeScreen = (terminal: TerminalHandle, wishes?: Wishes): Promise<string> =>
	terminal.waitUntil(() => faultsOf(terminal, wishes).length === 0, patience);

/** Conversation, prompt and footer: what stands still while nothing happens. */
export const calmRows = (terminal: TerminalHandle): string[] => {
	const {columns, rows} = terminal.size();
	return terminal.lines().slice(layoutOf(columns, rows, {promptLines: 1, isTunerFocused: false, hasExperts: false}).chat.top);
};
