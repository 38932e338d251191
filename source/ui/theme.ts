import {createContext, useContext} from 'react';

/** Colours by meaning. Chalk brings them down to what the terminal can show. */
type Colors = {
	readonly accent: string | undefined;
	readonly text: string | undefined;
	readonly dim: string | undefined;
	readonly faint: string | undefined;
	readonly fits: string | undefined;
	readonly tight: string | undefined;
	readonly danger: string | undefined;
	readonly pending: string | undefined;
	readonly user: string | undefined;
	readonly code: string | undefined;
};

export type Theme = Colors & {readonly glyphs: Glyphs};

export type Glyphs = {
	readonly prompt: string;
	readonly selected: string;
	readonly left: string;
	readonly right: string;
	readonly dot: string;
	readonly separator: string;
	readonly arrow: string;
	readonly approximately: string;
	readonly ellipsis: string;
	readonly rule: string;
	/** Gauge cells: other programs, ours, what pending settings will add, free. */
	readonly gauge: {readonly other: string; readonly own: string; readonly pending: string; readonly free: string};
	/** One cell a layer: on the GPU, to be taken off it, not on it. */
	readonly layer: {readonly on: string; readonly removed: string; readonly off: string};
	/** From empty to full. */
	readonly spark: readonly string[];
	readonly border: 'round' | 'classic';
};

export const unicodeGlyphs: Glyphs = {
	prompt: '›',
	selected: '▸',
	left: '◂',
	right: '▸',
	dot: '●',
	separator: '·',
	arrow: '→',
	approximately: '≈',
	ellipsis: '…',
	rule: '─',
	gauge: {other: '▓', own: '█', pending: '▒', free: '─'},
	layer: {on: '▪', removed: '▫', off: '·'},
	spark: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
	border: 'round',
};

export const asciiGlyphs: Glyphs = {
	prompt: '>',
	selected: '>',
	left: '<',
	right: '>',
	dot: '*',
	separator: '|',
	arrow: '->',
	approximately: '~',
	ellipsis: '...',
	rule: '-',
	gauge: {other: '=', own: '#', pending: '+', free: '.'},
	layer: {on: '#', removed: '-', off: '.'},
	spark: ['_', '.', ':', '-', '=', '+', '*', '#'],
	border: 'classic',
};

const colors: Colors = {
	accent: '#5ee2d5',
	text: '#cad3f5',
	dim: '#8087a2',
	faint: '#494d64',
	fits: '#a6da95',
	tight: '#eed49f',
	danger: '#ed8796',
	pending: '#8aadf4',
	user: '#f5a97f',
	code: '#c6a0f6',
};

const noColors: Colors = {
	accent: undefined,
	text: undefined,
	dim: undefined,
	faint: undefined,
	fits: undefined,
	tight: undefined,
	danger: undefined,
	pending: undefined,
	user: undefined,
	code: undefined,
};

/** Without colours bold and inverse stay, and glyphs tell apart what colours would (https://no-color.org). */
export const createTheme = (glyphs: Glyphs, hasColors = true): Theme => ({...(hasColors ? colors : noColors), glyphs});

const ThemeContext = createContext(createTheme(unicodeGlyphs));
export const ThemeProvider = ThemeContext.Provider;
export const useTheme = (): Theme => useContext(ThemeContext);
