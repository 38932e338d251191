import fc from 'fast-check';
import {expect, test} from 'vitest';
import type {ChatMessage} from '../../source/chat/message.js';
import {createTranscript} from '../../source/chat/transcript.js';
import {sameRow} from '../../source/chat/transcript-place.js';

const message = (id: number, role: ChatMessage['role'], text: string): ChatMessage => ({id, role, text, state: 'done'});
const words = (count: number, from = 0) => Array.from({length: count}, (_, index) => `word${from + index}`).join(' ');
const messages = [
	message(1, 'user', words(30)),
	message(2, 'assistant', `${words(50, 100)}\n\n${'short\n'.repeat(20)}\n${words(200, 200)}`),
	message(3, 'user', 'and?'),
	message(4, 'assistant', words(90, 500)),
];
const at = (width: number) => createTranscript().lines(messages, width);

test.each([
	[116, 76],
	[76, 56],
	[56, 116],
	[116, 56],
])('from %i cells to %i the top row shows the same words', (width, next) => {
	const [before, after] = [at(width), at(next)];
	for (const [row, line] of before.entries()) {
		const found = after[sameRow(before, row, after)];
		if (line.kind === 'blank') expect(found).toEqual(line);
		// The word that began the row is still in it.
		else if (line.text.startsWith('word')) expect(found?.text.split(' ')).toContain(line.text.split(' ')[0]);
	}
});

test('at the same width it is the same row, whatever the text', () => {
	fc.assert(
		fc.property(fc.array(fc.string({unit: fc.constantFrom('a', ' ', '\n', '漢', 'bc')}), {minLength: 1, maxLength: 4}), texts => {
			const lines = createTranscript().lines(
				texts.map((text, index) => message(index, 'assistant', text)),
				10,
			);
			for (const [row, line] of lines.entries()) {
				if (line.text !== '') expect(lines[sameRow(lines, row, lines)]?.text).toBe(line.text);
			}
		}),
	);
});
