let byGrapheme: Intl.Segmenter | undefined;
let byWord: Intl.Segmenter | undefined;

// Made when there is text: the first one reads tables for 10 ms, which would be in the time to the first frame.

/** What a reader takes for characters. */
export const graphemesOf = (text: string): Intl.Segments => {
	byGrapheme ??= new Intl.Segmenter(undefined, {granularity: 'grapheme'});
	return byGrapheme.segment(text);
};

export const wordsOf = (text: string): Intl.Segments => {
	byWord ??= new Intl.Segmenter(undefined, {granularity: 'word'});
	return byWord.segment(text);
};
