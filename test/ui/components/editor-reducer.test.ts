import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {
	cleanText,
	createEditor,
	type Deletion,
	type EditorEvent,
	type EditorState,
	editorReducer,
	type Move,
} from '../../../source/ui/components/editor-reducer.js';

const width = 10;
/** `|` is the cursor. */
const at = (marked: string, history: readonly string[] = []): EditorState => {
	const cursor = marked.indexOf('|');
	const text = marked.replace('|', '');
	return {...createEditor(history), text, cursor};
};

const shown = ({text, cursor}: EditorState) => `${text.slice(0, cursor)}|${text.slice(cursor)}`;
const run = (state: EditorState, ...events: readonly EditorEvent[]) => events.reduce(editorReducer, state);
const up: EditorEvent = {type: 'movedUp', width};
const down: EditorEvent = {type: 'movedDown', width};
const typed = (text: string): EditorEvent => ({type: 'typed', text});

describe('typing', () => {
	test.each([
		['|', 'a', 'a|'],
		['a|c', 'b', 'ab|c'],
		['a|b', '\n', 'a\n|b'],
		['|', '漢', '漢|'],
		['e|x', '\u0301', 'e\u0301|x'],
		['🇩|', '🇪', '🇩🇪|'],
		['|\u0301x', 'e', 'e\u0301|x'],
		['👩\u200D|', '💻', '👩‍💻|'],
	])('%j + %j', (before, text, expected) => {
		expect(shown(run(at(before), typed(text)))).toBe(expected);
	});

	test.each([
		['line ends', 'a\r\nb\rc', 'a\nb\nc'],
		['tabs', '\ta', '    a'],
		['colours', '\u001B[1;31mred\u001B[m', 'red'],
		['titles', '\u001B]0;x\u0007a', 'a'],
		['other controls', 'a\u0000\u0007\u009Fb', 'ab'],
		['half a letter', 'a\uD83D', 'a\uFFFD'],
	])('pasted %s become what can be drawn', (_, pasted, expected) => {
		expect(cleanText(pasted)).toBe(expected);
		expect(run(at('|'), {type: 'pasted', text: pasted}).text).toBe(expected);
	});
});

describe('moving', () => {
	test.each<[string, Move, string]>([
		['ab|', 'left', 'a|b'],
		['a\n|b', 'left', 'a|\nb'],
		['a|\nb', 'right', 'a\n|b'],
		['x👩‍💻|', 'left', 'x|👩‍💻'],
		['|🇩🇪🇫🇷', 'right', '🇩🇪|🇫🇷'],
		['e\u0301|', 'left', '|e\u0301'],
		['|漢字', 'right', '漢|字'],
		['one two|', 'wordLeft', 'one |two'],
		['one |two', 'wordLeft', '|one two'],
		['a\n  |b', 'wordLeft', '|a\n  b'],
		['|one, two', 'wordRight', 'one|, two'],
		['one|, two', 'wordRight', 'one, two|'],
		['one|\n two', 'wordRight', 'one\n two|'],
		['a\nb|c', 'lineStart', 'a\n|bc'],
		['a|b\nc', 'lineEnd', 'ab|\nc'],
	])('%j %s', (before, to, expected) => {
		expect(shown(run(at(before), {type: 'moved', to}))).toBe(expected);
	});

	test.each<[string, readonly EditorEvent[], string]>([
		['up a line', [up], 'abc|def\nx\nabcdef'],
		['down comes back to its cell', [up, down], 'abcdef\nx|\nabcdef'],
	])('%s', (_, events, expected) => {
		expect(shown(run(at('abcdef\nx\nabc|def'), up, ...events))).toBe(expected);
	});

	test('remembers the cell over a shorter line', () => {
		expect(shown(run(at('abcdef\nx\nabc|def'), up, up))).toBe('abc|def\nx\nabcdef');
		expect(shown(run(at('abcdef\nx\nabc|def'), up))).toBe('abcdef\nx|\nabcdef');
		expect(shown(run(at('abcdef\nx\nabc|def'), up, {type: 'moved', to: 'left'}, up))).toBe('|abcdef\nx\nabcdef');
	});

	test('goes by rows as they are drawn', () => {
		expect(shown(run(at('0123456789abcde|'), up))).toBe('01234|56789abcde');
		expect(shown(run(at('01234|56789abcde'), down))).toBe('0123456789abcde|');
	});
});

describe('deleting', () => {
	test.each<[string, Deletion, string]>([
		['ab|c', 'back', 'a|c'],
		['👩‍💻|', 'back', '|'],
		['a\n|b', 'back', 'a|b'],
		['|🇩🇪x', 'forward', '|x'],
		['one two|', 'wordBack', 'one |'],
		['one two.x|', 'backToSpace', 'one |'],
		['one two  |x', 'backToSpace', 'one |x'],
		['|one two', 'wordForward', '| two'],
		['a\nbc|d', 'toLineStart', 'a\n|d'],
		['a\n|d', 'toLineStart', 'a|d'],
		['a|bc\nd', 'toLineEnd', 'a|\nd'],
		['a|\nd', 'toLineEnd', 'a|d'],
		['e|x\u0301', 'forward', 'e|'],
	])('%j %s', (before, what, expected) => {
		expect(shown(run(at(before), {type: 'deleted', what}))).toBe(expected);
	});
});

describe('submitting', () => {
	test('empties the editor and remembers', () => {
		expect(run(at('hi|', ['old']), {type: 'submitted'})).toEqual(createEditor(['old', 'hi']));
		expect(run(at('old|', ['old']), {type: 'submitted'})).toEqual(createEditor(['old']));
	});

	test('a backslash before the cursor becomes a line end', () => {
		expect(shown(run(at('a\\|b'), {type: 'continued'}))).toBe('a\n|b');
	});
});

describe('earlier prompts', () => {
	const start = run(createEditor(['one', 'two']), typed('draft'));

	test.each<[string, readonly EditorEvent[], string]>([
		['the last one', [up], 'two|'],
		['the one before', [up, up], 'one|'],
		['not further', [up, up, up], 'one|'],
		['and back to the draft', [up, up, down, down], 'draft|'],
		['what was changed stays', [up, typed('!'), up, down], 'two!|'],
	])('%s', (_, events, expected) => {
		expect(shown(run(start, ...events))).toBe(expected);
	});

	test('changes do not outlive the next submission', () => {
		const state = run(start, up, typed('!'), up, {type: 'submitted'}, up, up);
		expect(shown(state)).toBe('two|');
	});

	test('only from the first and the last row', () => {
		expect(shown(run(at('a\nb|', ['one']), up))).toBe('a|\nb');
		expect(shown(run(at('a\nb|', ['one']), up, up))).toBe('one|');
	});
});

test.each<[string, EditorState, EditorEvent]>([
	['left at the beginning', at('|a'), {type: 'moved', to: 'left'}],
	['right at the end', at('a|'), {type: 'moved', to: 'right'}],
	['up without history', at('a|'), up],
	['down at the draft', at('a|'), down],
	['deleting nothing', at('|'), {type: 'deleted', what: 'back'}],
	['pasting nothing', at('a|'), {type: 'pasted', text: '\u001B[m'}],
	['submitting spaces', at(' |'), {type: 'submitted'}],
	['continuing without a backslash', at('a|'), {type: 'continued'}],
	['replacing by the same', at('a|'), {type: 'replaced', text: 'a'}],
])('%s changes nothing', (_, state, event) => {
	expect(editorReducer(state, event)).toBe(state);
});

test('whatever happens, the cursor stands at a grapheme’s boundary', () => {
	const text = fc.oneof(
		fc.constantFrom('a', ' ', '\n', '漢', '👩', '\u200D', '💻', '🇩', '🇪', '\u0301', '\\', 'ab cd'),
		fc.string({unit: 'grapheme', maxLength: 6}),
	);
	const event: fc.Arbitrary<EditorEvent> = fc.oneof(
		{weight: 3, arbitrary: text.map((value): EditorEvent => typed(value))},
		fc.constantFrom<Move>('left', 'right', 'wordLeft', 'wordRight', 'lineStart', 'lineEnd').map((to): EditorEvent => ({type: 'moved', to})),
		fc
			.constantFrom<Deletion>('back', 'forward', 'wordBack', 'wordForward', 'backToSpace', 'toLineStart', 'toLineEnd')
			.map((what): EditorEvent => ({type: 'deleted', what})),
		fc.constantFrom<EditorEvent>(up, down, {type: 'continued'}, {type: 'submitted'}, {type: 'replaced', text: 'é\n👩‍💻'}),
	);
	fc.assert(
		fc.property(fc.array(event, {maxLength: 40}), events => {
			let state = createEditor(['earlier 漢字']);
			for (const next of events) {
				state = editorReducer(state, next);
				const boundaries = [...new Intl.Segmenter().segment(state.text)].map(({index}) => index).concat(state.text.length);
				expect(boundaries).toContain(state.cursor);
				expect(state.pages).toHaveLength(state.history.length + 1);
			}
		}),
		{numRuns: 500},
	);
});
