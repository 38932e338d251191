// ECMA-48: CSI; OSC, DCS, SOS, PM and APC with their text; other escape sequences. None of them goes over a line's end, so that lines can be cleaned one by one.
const escapeSequences =
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	/(?:\u001B\[|\u009B)[0-?]*[ -/]*(?:[@-~]|$)|(?:\u001B[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^\u0007\u001B\u009C\n]*(?:\u0007|\u001B\\|\u009C)|\u001B[ -/]*[0-~]/g;
// Besides control characters: the soft hyphen, which terminals draw in one cell or in none, and the marks that turn the writing direction of all that follows.
const undrawable = /[^\P{Cc}\t\n]|[\u00AD\u202A-\u202E\u2066-\u2069]/gu;

/** Text without what a terminal would obey instead of drawing; tabs and line ends stay. */
export const drawable = (text: string): string => text.replace(escapeSequences, '').replace(undrawable, '').toWellFormed();
