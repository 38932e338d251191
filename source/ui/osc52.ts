type Environment = Readonly<Record<string, string | undefined>>;

/** Terminals take about 100 KB in one sequence, base64 and all. */
const longestBytes = 74_000;

/** What is longer is cut between two characters. */
const toBase64 = (text: string): string => {
	const bytes = Buffer.alloc(longestBytes);
	return bytes.toString('base64', 0, new TextEncoder().encodeInto(text, bytes).written);
};

/** The sequence that puts a text into the clipboard of the terminal that the user sits at, also over SSH; wrapped for tmux and screen. */
export const osc52 = (text: string, env: Environment): string => {
	const sequence = `\u001B]52;c;${toBase64(text)}\u0007`;
	if (env.TMUX) return `\u001BPtmux;\u001B${sequence}\u001B\\`;
	return env.TERM?.startsWith('screen') ? `\u001BP${sequence}\u001B\\` : sequence;
};
