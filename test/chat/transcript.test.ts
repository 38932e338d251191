import fc from 'fast-check';
import stringWidth from 'string-width';
import {describe, expect, test} from 'vitest';
import type {ChatMessage} from '../../source/chat/message.js';
import {createTranscript, transcriptIndent} from '../../source/chat/transcript.js';

const message = (text: string, changes: Partial<ChatMessage> = {}): ChatMessage => ({
	id: 1,
	role: 'assistant',
	text,
	state: 'done',
	...changes,
});
const rows = (text: string, width: number, changes: Partial<ChatMessage> = {}) =>
	createTranscript()
		.lines([message(text, changes)], width)
		.map(line => line.text);

const anyText = fc.oneof(
	fc.string({unit: 'grapheme', maxLength: 200}),
	fc.string({unit: 'binary', maxLength: 60}),
	fc.string({
		unit: fc.constantFrom(
			'a',
			'bc',
			' ',
			'  ',
			'\t',
			'\n',
			'\r',
			'\r\n',
			'\u001B[31m',
			'\u001B',
			'漢',
			'。',
			'「',
			'☺',
			'\uFE0F',
			'\u0301',
			'👩',
			'\u200D',
			'💻',
			'🇩',
			'🇪',
			'가',
			'ᄀ',
			'ᅡ',
			'\u2028',
		),
		maxLength: 120,
	}),
);
// A single cluster can be made wider than any screen (letters with many halfwidth marks): it is cut when it is drawn.
const isDrawable = (row: string, width: number) => stringWidth(row) <= width || [...new Intl.Segmenter().segment(row)].length === 1;

describe('wrapping', () => {
	test.each<[string, string, number, readonly string[]]>([
		['at words', 'the quick brown fox', 10, ['the quick', 'brown fox']],
		['to the last cell', 'abcde fghij', 5, ['abcde', 'fghij']],
		['inside a word that is wider than the line', 'a abcdefgh', 4, ['a', 'abcd', 'efgh']],
		['spaces at a break are left out', 'abc     def', 5, ['abc', 'def']],
		['indentation stays', '  if (x) {\n    y();\n  }', 20, ['  if (x) {', '    y();', '  }']],
		['indentation alone is no row', '    abcdefgh', 6, ['    ab', 'cdefgh']],
		['tabs go to the next stop', 'a\tb\n\tc', 20, ['a   b', '    c']],
		['empty lines stay inside, not outside', '\n\na\n\nb\n\n', 20, ['a', '', 'b']],
		['line ends of all kinds', 'a\r\nb\rc', 20, ['a', 'b', 'c']],
		['between wide letters', '漢字漢字漢', 5, ['漢字', '漢字', '漢']],
		['not before closing punctuation', '漢字漢字。', 8, ['漢字漢', '字。']],
		['emoji stay whole', 'ab👩‍💻cd', 3, ['ab', '👩‍💻', 'cd']],
		['nothing', '', 20, ['']],
	])('%s', (_, text, width, expected) => {
		expect(rows(text, width)).toEqual(expected);
	});

	test.each([
		['colours', '\u001B[31mred\u001B[0m', 'red'],
		['a window title', '\u001B]0;title\u0007text', 'text'],
		['a clipboard write, ended by ST', '\u001B]52;c;aGk=\u001B\\text', 'text'],
		['a device string', '\u001BPq#0\u001B\\text', 'text'],
		['8-bit controls', '\u009B2Jtext', 'text'],
		['reset', '\u001Bctext', 'text'],
		['the rest of a sequence that is not complete', 'text\u001B[3', 'text'],
		['backspaces and bells', 'te\b\u0007xt', 'text'],
		['marks that turn the direction', 'te\u202Ext', 'text'],
	])('takes out %s', (_, text, expected) => {
		expect(rows(text, 40)).toEqual([expected]);
	});

	test('no row is wider than its width, none carries a control character, and nothing but spaces is lost', () => {
		fc.assert(
			fc.property(anyText, fc.integer({min: 2, max: 30}), (text, width) => {
				const lines = rows(text, width);
				for (const row of lines) expect(isDrawable(row, width)).toBe(true);
				expect(lines.join('')).not.toMatch(/\p{Cc}|\p{Cs}/u);
				const unwrapped = rows(text, 100_000);
				expect(lines.join('').replace(/\s/g, '')).toBe(unwrapped.join('').replace(/\s/g, ''));
			}),
		);
	});
});

describe('a message that is being written', () => {
	test('comes out as if it had been wrapped at once, however it was cut', () => {
		fc.assert(
			fc.property(fc.array(anyText, {maxLength: 8}), fc.integer({min: 2, max: 20}), (pieces, width) => {
				const transcript = createTranscript();
				let text = '';
				for (const piece of pieces) {
					text += piece;
					const lines = transcript.lines([message(text, {state: 'streaming'})], width);
					expect(lines.map(line => line.text)).toEqual(rows(text, width, {state: 'streaming'}));
				}

				const done = transcript.lines([message(text)], width);
				expect(done.map(line => line.text)).toEqual(rows(text, width));
			}),
			{numRuns: 300},
		);
	});

	test('keeps the rows that it has', () => {
		const transcript = createTranscript();
		const before = transcript.lines([message('one two three', {state: 'streaming'})], 4);
		const after = transcript.lines([message('one two three four', {state: 'streaming'})], 4);
		expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
		expect(after[0]).toBe(before[0]);
		expect(after[1]).toBe(before[1]);
	});

	test('ends in a cursor where there is room', () => {
		const transcript = createTranscript();
		expect(transcript.lines([message('', {state: 'streaming'})], 4)).toMatchObject([{text: '', cursor: true}]);
		expect(transcript.lines([message('abc', {state: 'streaming'})], 4)).toMatchObject([{text: 'abc', cursor: true}]);
		expect(transcript.lines([message('abcd', {state: 'streaming'})], 4)[0]?.cursor).toBeUndefined();
	});

	test('is wrapped anew when it was replaced by another text', () => {
		const transcript = createTranscript();
		transcript.lines([message('one two three four', {state: 'streaming'})], 5);
		expect(transcript.lines([message('six', {state: 'streaming'})], 5).map(line => line.text)).toEqual(['six']);
	});
});

describe('the conversation', () => {
	const conversation = [
		message('Hello there', {id: 1, role: 'user'}),
		message('Hi.', {id: 2}),
		message('no room', {id: 3, role: 'notice', tone: 'warning'}),
	];

	test('has one blank row between messages and room for the glyphs', () => {
		expect(createTranscript().lines(conversation, 7)).toMatchObject([
			{kind: 'user', text: 'Hello', first: true, tone: 'normal'},
			{kind: 'user', text: 'there', first: false},
			{kind: 'blank', text: ''},
			{kind: 'assistant', text: 'Hi.', first: true},
			{kind: 'blank', text: ''},
			{kind: 'notice', text: 'no', first: true, tone: 'warning'},
			{kind: 'notice', text: 'room', first: false},
		]);
		expect(transcriptIndent.user).toBe(2);
	});

	test('is the same array, and holds the same rows, as long as nothing changes', () => {
		const transcript = createTranscript();
		const before = transcript.lines(conversation, 20);
		expect(transcript.lines(conversation, 20)).toBe(before);
		const after = transcript.lines([...conversation, message('More', {id: 4})], 20);
		expect(after.slice(0, before.length).every((line, index) => line === before[index])).toBe(true);
	});

	test('keys are unique', () => {
		const keys = createTranscript()
			.lines([...conversation, message('abcdefgh', {id: 4, state: 'stopped'})], 9)
			.map(line => line.key);
		expect(new Set(keys).size).toBe(keys.length);
	});

	test.each<[string, Partial<ChatMessage>, readonly object[]]>([
		['queued', {role: 'user', state: 'queued'}, [{text: 'text', tone: 'dim', mark: 'queued'}]],
		['stopped', {state: 'stopped'}, [{text: 'text', tone: 'normal', mark: 'stopped'}]],
		['cut off', {state: 'cut off'}, [{text: 'text', tone: 'normal', mark: 'cut off'}]],
		['failed', {state: 'failed'}, [{text: 'text', tone: 'error', mark: 'failed'}]],
		['an error', {role: 'notice', tone: 'error'}, [{text: 'text', tone: 'error'}]],
		['a notice', {role: 'notice'}, [{text: 'text', tone: 'dim'}]],
	])('%s', (_, changes, expected) => {
		expect(createTranscript().lines([message('text', changes)], 20)).toMatchObject(expected);
	});

	test('a mark that does not fit beside the text stands below it', () => {
		expect(createTranscript().lines([message('abcdefgh', {state: 'stopped'})], 10)).toMatchObject([
			{text: 'abcdefgh'},
			{text: '', mark: 'stopped', first: false},
		]);
	});
});
