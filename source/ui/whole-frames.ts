import {writingBy} from './writing-by.js';

/** Of a synchronized update: a terminal that knows them shows what is between them at once. */
const [begin, end] = ['\u001B[?2026h', '\u001B[?2026l'];

/** A terminal's stream that is given a frame in one piece. Ink writes three: as many system calls, packets over SSH, and times that whoever shows them wakes up. */
export const wholeFrames = (stream: NodeJS.WriteStream): NodeJS.WriteStream =>
	writingBy(stream, (text, ...rest) => {
		if (text === begin) stream.cork();
		const hasRoom = stream.write(text, ...rest);
		if (text === end) stream.uncork();
		return hasRoom;
	});
