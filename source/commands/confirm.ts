import {once} from 'node:events';
import {createInterface} from 'node:readline/promises';

/** Asks a person at a terminal; whatever is not yes is no. */
export const confirm = async (
	question: string,
	input: NodeJS.ReadableStream,
	output: NodeJS.WritableStream,
	onInterrupt: () => void,
): Promise<boolean> => {
	const terminal = createInterface({input, output});
	terminal.on('SIGINT', onInterrupt);
	try {
		const answer = await Promise.race([terminal.question(question), once(terminal, 'close').then(() => '')]);
		return /^y(?:es)?$/i.test(answer.trim());
	} finally {
		terminal.close();
	}
};
