/** Letters and what patterns are made of, without counts (`{2}`): they can make `std::regex` give up. */
const characters = /^[\w .^$|()[\]*+?\\:=!-]+$/;
/** Groups, escapes and sets that only JavaScript knows, and sets that it takes for something else. */
const unlike = /\(\?[^:=!]|\\[^dDwWsS.^$|()*+?\\]|\[\^?\]|\[[^\]]*\[/;
/** `std::regex` gives up on 100,000 states. */
const longest = 4000;
/** It tries all ways to share out a name between repetitions: minutes for `(.*)*x`, seconds for six times `.*` in a row. */
const mostRepetitions = 4;
const repeatsTooMuch = (text: string): boolean =>
	/\)[*+]/.test(text.replaceAll(/\\./g, '.')) ||
	text.split('|').some(alternative => (alternative.replaceAll(/\\./g, '.').match(/[*+]/g) ?? []).length > mostRepetitions);

/**
Whether llama.cpp understands a pattern for names of tensors. It has to be known beforehand: `std::regex` throws over what is none, and inside of Node.js, which is
compiled without exceptions and exports its own copy of that code, the process ends instead.
*/
export const isTensorPattern = (text: string): boolean => {
	if (text.length > longest || !characters.test(text) || unlike.test(text) || repeatsTooMuch(text)) return false;
	try {
		new RegExp(text, 'u');
		return true;
	} catch {
		return false;
	}
};

/** Patterns of `PATTERN=CPU,…` that are in none of the names. */
export const patternsWithout = (overrides: string, names: readonly string[]): readonly string[] =>
	overrides
		.split(',')
		.map(part => part.replace(/=CPU$/, ''))
		.filter(pattern => !names.some(name => new RegExp(pattern, 'u').test(name)));
