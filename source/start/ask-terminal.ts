import type {ReadStream} from 'node:tty';

/** Every terminal answers the second question. */
const questions = '\u001B[?2004$p\u001B[c';
// biome-ignore lint/suspicious/noControlCharactersInRegex: what terminals send begins with one
const lastAnswer = /\u001B\[\?[\d;]*c/;
const patienceMs = 300;

/** What a terminal has answered to whether it knows bracketed paste (DECRQM, mode 2004); undefined: nothing. */
export const bracketedPasteIn = (answers: string): boolean | undefined => {
	const [, state] = /\[\?2004;(\d)\$y/.exec(answers) ?? [];
	return state === undefined ? undefined : state !== '0' && state !== '4';
};

/** Asks the terminal; what is typed meanwhile is lost. */
export const askBracketedPaste = async (stdin: ReadStream, stdout: {write(text: string): unknown}): Promise<boolean | undefined> => {
	let answers = '';
	stdin.setRawMode(true);
	try {
		await new Promise<void>(resolve => {
			const timer = setTimeout(resolve, patienceMs);
			stdin.on('data', chunk => {
				answers += String(chunk);
				if (!lastAnswer.test(answers)) return;
				clearTimeout(timer);
				resolve();
			});
			stdout.write(questions);
		});
	} finally {
		stdin.setRawMode(false);
		stdin.removeAllListeners('data').pause();
	}

	return bracketedPasteIn(answers);
};
