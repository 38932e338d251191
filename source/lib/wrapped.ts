import stringWidth from './string-width.js';

/** Lines of at most `width` cells, broken between words; those after the first begin with `indent`. */
export const wrapped = (text: string, width: number, indent = ''): readonly string[] => {
	const lines: string[] = [];
	let line = '';
	// ≈ belongs to the number behind it, and a number to its unit.
	for (const word of text.split(/(?<!≈|(?<![^ (≈])[\d.,]*\d) /)) {
		const longer = line === '' ? word : `${line} ${word}`;
		if (line !== '' && stringWidth(longer) > width) {
			lines.push(line);
			line = indent + word;
		} else {
			line = longer;
		}
	}

	return [...lines, line];
};
