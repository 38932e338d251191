type Environment = Readonly<Record<string, string | undefined>>;

/** Terminals take about 100 KB in one sequence, base64 and all. */
const longestBytes = 74_000;

/** The sequence that puts a text into the clipboard of the terminal that the user sits at, also over SSH; wrapped for tmux and screen. */
export const osc52 = (text: string, env: Environment): string => {
	const bytes = Buffer.from(text).subarray(0, longestBytes);
	const sequence = `\u001B]52;c;${bytes.toString('base64')}\u0007`;
	if (env.TMUX) return `\u001BPtmux;\u001B${sequence}\u001B\\`;
	return env.TERM?.startsWith('screen') ? `\u001BP${sequence}\u001B\\` : sequence;
};
