import {graphemesOf} from '../lib/segments.js';
import stringWidth from '../lib/string-width.js';
import {writingBy} from './writing-by.js';

/** What stands for the signs that our own texts use; everything else becomes question marks of the same width. */
const signs: Readonly<Record<string, string>> = {
	'—': '-',
	'–': '-',
	'…': '.',
	'·': '|',
	'≈': '~',
	'→': '>',
	'←': '<',
	'↑': '^',
	'↓': 'v',
	'“': '"',
	'”': '"',
	'‘': "'",
	'’': "'",
	'•': '*',
};

const asciiOnly = /^\p{ASCII}*$/u;

/** Text in ASCII that takes the same cells. Escape codes are ASCII and stay. */
export const toAscii = (text: string): string => {
	if (asciiOnly.test(text)) return text;
	return Array.from(graphemesOf(text), ({segment}) =>
		asciiOnly.test(segment) ? segment : (signs[segment] ?? '?'.repeat(stringWidth(segment))),
	).join('');
};

/** A terminal's stream for those that show nothing but ASCII. */
export const asciiOutput = (stream: NodeJS.WriteStream): NodeJS.WriteStream =>
	writingBy(stream, (text, ...rest) => stream.write(typeof text === 'string' ? toAscii(text) : text, ...rest));
