import {Writable} from 'node:stream';
import {expect, test} from 'vitest';
import {wholeFrames} from '../../source/ui/whole-frames.js';

test('a frame is one write, and what is not part of one is not held back', () => {
	const written: string[] = [];
	const stream = new Writable({
		decodeStrings: false,
		write(text: string, _encoding, done) {
			written.push(text);
			done();
		},
		writev(chunks, done) {
			written.push(chunks.map(({chunk}) => chunk as string).join(''));
			done();
		},
	});
	const output = wholeFrames(stream as NodeJS.WriteStream);
	for (const text of ['a', '\u001B[?2026h', 'b', '\u001B[?2026l', 'c']) output.write(text);
	expect(written).toEqual(['a', '\u001B[?2026hb\u001B[?2026l', 'c']);
});
