/** So many of the last tokens must have stood somewhere before. */
export const lookupMatch = 3;

/** Prompt lookup, as llama.cpp's `ngram-simple` does it: what followed the last time. */
export const lookUp = <T>(tokens: readonly T[], most: number): T[] | undefined => {
	const end = tokens.length - lookupMatch;
	for (let start = end - 1; start >= 0; start--) {
		let same = 0;
		while (same < lookupMatch && tokens[start + same] === tokens[end + same]) same++;
		if (same === lookupMatch) return tokens.slice(start + lookupMatch, start + lookupMatch + most);
	}

	return undefined;
};
