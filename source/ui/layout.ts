export type Rectangle = {readonly top: number; readonly width: number; readonly height: number};

export type Layout = {
	/** Borderless panes, the tuner only while it is focused. */
	readonly isCompact: boolean;
	readonly title: Rectangle;
	readonly machine: Rectangle;
	readonly tuner: Rectangle;
	readonly chat: Rectangle;
	readonly prompt: Rectangle;
	readonly footer: Rectangle;
};

export const smallest = {columns: 60, rows: 16} as const;

export const isTooSmall = (columns: number, rows: number): boolean => columns < smallest.columns || rows < smallest.rows;

type Wishes = {
	/** Lines of the prompt being typed. */
	readonly promptLines: number;
	readonly isTunerFocused: boolean;
	/** The tuner has a line for experts. */
	readonly hasExperts: boolean;
};

const machineLines = 3;
const tunerLines = 4;

/**
Who gets which rows, from top to bottom, over the full width. The last row stays empty: drawing at full height flickers in some terminals (FACTS of Ink 8).
*/
export const layoutOf = (columns: number, rows: number, {promptLines, isTunerFocused, hasExperts}: Wishes): Layout => {
	const isCompact = rows < 22 || columns < 80;
	const frame = isCompact ? 0 : 2;
	const promptRules = isCompact ? 1 : 2;
	const available = rows - 1;
	const title = 1;
	const footer = 1;
	const machine = (isCompact ? 2 : machineLines) + frame;
	const tuner = (isCompact && !isTunerFocused ? 1 : tunerLines + (hasExperts ? 1 : 0)) + frame;
	const leastChat = 3;
	const room = available - title - footer - machine - tuner - leastChat - promptRules;
	const prompt = Math.max(1, Math.min(promptLines, room, Math.floor(rows / 3))) + promptRules;
	const chat = available - title - footer - machine - tuner - prompt;

	let top = 0;
	const next = (height: number): Rectangle => {
		const rectangle = {top, width: columns, height};
		top += height;
		return rectangle;
	};

	return {
		isCompact,
		title: next(title),
		machine: next(machine),
		tuner: next(tuner),
		chat: next(chat),
		prompt: next(prompt),
		footer: next(footer),
	};
};
