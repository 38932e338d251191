export type Terminal = {readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown};

const eraseLine = '\r\u001B[K';

/** One line on a terminal that says what is under way; nothing where there is no terminal. */
export const createStatusLine = (terminal: Terminal) => {
	let isDrawn = false;
	return {
		show(text: string) {
			if (!terminal.isTTY) return;
			isDrawn = true;
			terminal.write(eraseLine + text.slice(0, (terminal.columns ?? 80) - 1));
		},
		clear() {
			if (isDrawn) terminal.write(eraseLine);
			isDrawn = false;
		},
	};
};

export type StatusLine = ReturnType<typeof createStatusLine>;
