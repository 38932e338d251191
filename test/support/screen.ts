import xterm, {type IBufferCell} from '@xterm/headless';

export type Size = {readonly columns: number; readonly rows: number};

export type Cell = {
	readonly text: string;
	/** 2: a wide character; 0: the second half of one. */
	readonly width: number;
	/** `#rrggbb`, or `ansi 0` to `ansi 255`; undefined: the terminal's own. */
	readonly foreground: string | undefined;
	readonly background: string | undefined;
	readonly bold: boolean;
	readonly dim: boolean;
	readonly italic: boolean;
	readonly underline: boolean;
	readonly inverse: boolean;
};

export type Modes = {
	readonly alternateScreen: boolean;
	readonly bracketedPaste: boolean;
	readonly cursorVisible: boolean;
	readonly synchronizedOutput: boolean;
	readonly focusEvents: boolean;
	readonly mouse: boolean;
	readonly wraparound: boolean;
};

export type WaitOptions = {readonly timeoutMs?: number};

/** What a person sees, and ways to wait for it. */
export type ScreenView = {
	/** One string per row of the terminal, without trailing spaces. */
	lines(): string[];
	/** The rows as one text, without empty rows at the end. */
	screen(): string;
	size(): Size;
	cell(x: number, y: number): Cell | undefined;
	/** The first cell of the first place where the screen shows `text`. */
	cellOf(text: string): (Cell & {readonly x: number; readonly y: number}) | undefined;
	cursor(): {readonly x: number; readonly y: number; readonly visible: boolean};
	modes(): Modes;
	isAlternateScreen(): boolean;
	/** What was copied last with OSC 52. */
	clipboard(): string | undefined;
	/** Bytes written to the terminal since the start or the last `resetBytes`. */
	bytes(): number;
	/** The same bytes as text, with their escape codes: for messages and for looking up single codes. */
	written(): string;
	resetBytes(): void;
	/** Resolves with the text of the screen as soon as it shows `wanted`; rejects with the whole screen in its message. */
	waitForText(wanted: string | RegExp, options?: WaitOptions): Promise<string>;
	/** The same for any condition on the text of the screen. */
	waitUntil(isMet: (screen: string) => boolean, options?: WaitOptions): Promise<string>;
};

export type Screen = {
	readonly view: ScreenView;
	/** Resolves when the terminal shows it. */
	write(data: string | Uint8Array): Promise<void>;
	resize(size: Size): void;
	/** From now on nothing will be written: whoever still waits in vain is told so. */
	end(reason: string): void;
};

export type ScreenOptions = Size & {
	/** For streams without a terminal driver, which would turn `\n` into `\r\n`. */
	readonly convertEol?: boolean;
	/** What the terminal answers when it is asked (cursor position, device attributes). */
	readonly onReply: (data: string) => void;
};

const cursorMode = 25;
/** Enough for a loaded machine with two cores that loads a model beside the test. */
const defaultTimeoutMs = 20_000;

/** A terminal without a window: takes the bytes of a program, holds the screen that a person would see. */
export const createScreen = ({columns, rows, convertEol = false, onReply}: ScreenOptions): Screen => {
	const terminal = new xterm.Terminal({cols: columns, rows, convertEol, scrollback: 1000, allowProposedApi: true, logLevel: 'off'});
	const checks = new Set<() => void>();
	let isCursorVisible = true;
	let copied: string | undefined;
	let chunks: Uint8Array[] = [];
	let endReason: string | undefined;

	terminal.onData(onReply);
	terminal.parser.registerCsiHandler({prefix: '?', final: 'h'}, parameters => {
		if (parameters.includes(cursorMode)) isCursorVisible = true;
		return false;
	});
	terminal.parser.registerCsiHandler({prefix: '?', final: 'l'}, parameters => {
		if (parameters.includes(cursorMode)) isCursorVisible = false;
		return false;
	});
	terminal.parser.registerOscHandler(52, data => {
		copied = Buffer.from(data.slice(data.indexOf(';') + 1), 'base64').toString('utf8');
		return true;
	});

	const check = () => {
		for (const one of checks) one();
	};

	const lines = () => {
		const {active} = terminal.buffer;
		return Array.from({length: terminal.rows}, (_, y) => active.getLine(active.viewportY + y)?.translateToString(true) ?? '');
	};

	const screen = () => lines().join('\n').trimEnd();

	const isAlternateScreen = () => terminal.buffer.active.type === 'alternate';

	const describe = () => {
		const frame = '─'.repeat(terminal.cols);
		const where = `${terminal.cols} x ${terminal.rows}, ${isAlternateScreen() ? 'alternate' : 'main'} screen`;
		return `${where}:\n┌${frame}┐\n${lines().join('\n')}\n└${frame}┘`;
	};

	const wait = async (what: string, isMet: (screen: string) => boolean, timeoutMs: number, failure: Error): Promise<string> =>
		new Promise((resolve, reject) => {
			const stop = () => {
				clearTimeout(timer);
				checks.delete(checkThis);
			};

			const fail = (why: string) => {
				stop();
				failure.message = `${why} before the screen showed ${what}. ${describe()}`;
				reject(failure);
			};

			const checkThis = () => {
				try {
					const text = screen();
					if (isMet(text)) {
						stop();
						resolve(text);
					} else if (endReason !== undefined) {
						fail(endReason);
					}
				} catch (error) {
					stop();
					reject(error);
				}
			};

			const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
			checks.add(checkThis);
			checkThis();
		});

	const cell = (x: number, y: number) => {
		const {active} = terminal.buffer;
		const found = active.getLine(active.viewportY + y)?.getCell(x);
		return found === undefined ? undefined : toCell(found);
	};

	const cellOf = (text: string) => {
		for (let y = 0; y < terminal.rows; y++) {
			const starts: number[] = [];
			let line = '';
			for (let x = 0; x < terminal.cols; x++) {
				const characters = cell(x, y)?.text ?? '';
				for (let index = 0; index < characters.length; index++) starts.push(x);
				line += characters;
			}

			const x = starts[line.indexOf(text)];
			const found = x === undefined ? undefined : cell(x, y);
			if (x !== undefined && found !== undefined) return {...found, x, y};
		}

		return undefined;
	};

	// Made here and not where it is thrown: so its stack names the line of the test.
	const failureOf = (caller: (...parameters: never[]) => unknown) => {
		const failure = new Error();
		Error.captureStackTrace(failure, caller);
		return failure;
	};

	const view: ScreenView = {
		lines,
		screen,
		size: () => ({columns: terminal.cols, rows: terminal.rows}),
		cell,
		cellOf,
		cursor: () => ({x: terminal.buffer.active.cursorX, y: terminal.buffer.active.cursorY, visible: isCursorVisible}),
		modes: () => ({
			alternateScreen: isAlternateScreen(),
			bracketedPaste: terminal.modes.bracketedPasteMode,
			cursorVisible: isCursorVisible,
			synchronizedOutput: terminal.modes.synchronizedOutputMode,
			focusEvents: terminal.modes.sendFocusMode,
			mouse: terminal.modes.mouseTrackingMode !== 'none',
			wraparound: terminal.modes.wraparoundMode,
		}),
		isAlternateScreen,
		clipboard: () => copied,
		bytes: () => chunks.reduce((sum, chunk) => sum + chunk.length, 0),
		written: () => Buffer.concat(chunks).toString('utf8'),
		resetBytes() {
			chunks = [];
		},
		waitForText(wanted, {timeoutMs = defaultTimeoutMs} = {}) {
			const has = (text: string) => (typeof wanted === 'string' ? text.includes(wanted) : text.search(wanted) !== -1);
			return wait(typeof wanted === 'string' ? `“${wanted}”` : String(wanted), has, timeoutMs, failureOf(view.waitForText));
		},
		waitUntil(isMet, {timeoutMs = defaultTimeoutMs} = {}) {
			return wait(String(isMet), isMet, timeoutMs, failureOf(view.waitUntil));
		},
	};

	return {
		view,
		write(data) {
			const bytes = typeof data === 'string' ? Buffer.from(data) : data;
			if (bytes.length > 0) chunks.push(bytes);
			return new Promise(resolve => {
				terminal.write(bytes, () => {
					resolve();
					// Half a frame of a program that draws in one piece (DEC mode 2026) is nothing that anyone sees.
					if (!terminal.modes.synchronizedOutputMode) check();
				});
			});
		},
		resize(size) {
			terminal.resize(size.columns, size.rows);
			check();
		},
		end(reason) {
			endReason = reason;
			check();
		},
	};
};

const toCell = (cell: IBufferCell): Cell => ({
	text: cell.getWidth() === 0 ? '' : cell.getChars() || ' ',
	width: cell.getWidth(),
	foreground: cell.isFgDefault() ? undefined : colorName(cell.isFgRGB(), cell.getFgColor()),
	background: cell.isBgDefault() ? undefined : colorName(cell.isBgRGB(), cell.getBgColor()),
	bold: cell.isBold() !== 0,
	dim: cell.isDim() !== 0,
	italic: cell.isItalic() !== 0,
	underline: cell.isUnderline() !== 0,
	inverse: cell.isInverse() !== 0,
});

const colorName = (isRgb: boolean, color: number) => (isRgb ? `#${color.toString(16).padStart(6, '0')}` : `ansi ${color}`);
