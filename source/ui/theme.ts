import {createContext, useContext} from 'react';

/** Colours by meaning. Chalk brings them down to what the terminal can show, and leaves them out under NO_COLOR. */
export type Theme = {
	readonly accent: string;
	readonly text: string;
	readonly dim: string;
	readonly faint: string;
	readonly fits: string;
	readonly tight: string;
	readonly danger: string;
	readonly pending: string;
	readonly user: string;
	readonly code: string;
	readonly glyphs: Glyphs;
};

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
	/** One cell a layer: on the GPU, not on the GPU. */
	readonly layer: {readonly on: string; readonly off: string};
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
	layer: {on: '▪', off: '·'},
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
	layer: {on: '#', off: '.'},
	spark: ['_', '.', ':', '-', '=', '+', '*', '#'],
	border: 'classic',
};

export const createTheme = (glyphs: Glyphs): Theme => ({
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
	glyphs,
});

const ThemeContext = createContext(createTheme(unicodeGlyphs));
export const ThemeProvider = ThemeContext.Provider;
export const useTheme = (): Theme => useContext(ThemeContext);
