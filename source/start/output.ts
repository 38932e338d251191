import process from 'node:process';

export const fail = (message: string, code: number): never => {
	process.stderr.write(`vramble: ${message}\n`);
	process.exit(code);
};

/** Who closed the pipe has read enough; a full disk is a failure. */
const endWithOutput = (end: (code: number) => unknown) => {
	let hasEnded = false;
	process.stdout.on('error', (error: NodeJS.ErrnoException) => {
		if (hasEnded) return;
		hasEnded = true;
		if (error.code !== 'EPIPE') process.stderr.write(`vramble: the output cannot be written: ${error.message}.\n`);
		end(error.code === 'EPIPE' ? 0 : 1);
	});
};

/** What the system and the reader of the output can tell a program, as exit codes. */
export const endWhenTold = (end: (code: number) => unknown) => {
	process
		.on('SIGINT', () => end(130))
		.on('SIGTERM', () => end(143))
		.on('SIGHUP', () => end(129));
	endWithOutput(end);
};

/** Ends the program, too. */
export const print = async (text: string): Promise<never> => {
	endWithOutput(process.exit);
	await new Promise<void>(resolve => {
		process.stdout.write(`${text}\n`, error => {
			if (!error) resolve();
		});
	});
	process.exit(0);
};
