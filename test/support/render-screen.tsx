import {Readable, Writable} from 'node:stream';
import {setTimeout as delay, setImmediate} from 'node:timers/promises';
import {render} from 'ink';
import type {ReactNode} from 'react';
import {bracketedPaste, type KeyName, keys, plainPaste} from './keys.ts';
import {createScreen, type Screen, type ScreenView, type Size} from './screen.ts';

export type RenderScreenOptions = Partial<Size> & {
	/** Default: 30, as in the program. */
	readonly maxFps?: number;
};

export type RenderedScreen = ScreenView & {
	/** Texts and sequences of `keys` one after the other; resolves when the tree has seen them. */
	type(...texts: string[]): Promise<void>;
	press(...names: KeyName[]): Promise<void>;
	/** Bracketed where the tree asked for it (`usePaste`), as a terminal does. */
	paste(text: string): Promise<void>;
	resize(columns: number, rows: number): void;
	rerender(element: ReactNode): void;
	/** Draws everything anew, as the program does on Ctrl+L and when the terminal got another size. */
	redraw(): void;
	/** Resolves when everything that was rendered so far is on the screen: for what must *not* be seen, and for counting bytes. */
	settled(): Promise<void>;
	isRawMode(): boolean;
	/** Resolves when the tree has gone, with what was passed to Ink's `exit`. */
	readonly exited: Promise<unknown>;
	unmount(): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
};

/** Ink waits 20 ms after Esc for the rest of a sequence. */
const escapePauseMs = 25;

class FakeStdin extends Readable {
	readonly isTTY = true;
	isRaw = false;

	override _read() {}

	setRawMode(isRaw: boolean) {
		this.isRaw = isRaw;
		return this;
	}

	ref() {
		return this;
	}

	unref() {
		return this;
	}
}

class FakeStdout extends Writable {
	readonly isTTY = true;
	columns: number;
	rows: number;
	readonly #screen: Screen;

	constructor(screen: Screen, {columns, rows}: Size) {
		super({decodeStrings: false});
		this.#screen = screen;
		this.columns = columns;
		this.rows = rows;
	}

	override async _write(chunk: string | Uint8Array, _encoding: BufferEncoding, done: () => void) {
		await this.#screen.write(chunk);
		done();
	}
}

/**
`restore-cursor`, deep inside Ink, shows the cursor of the *real* terminal when the process ends. Nobody hid that one, and in a log it is garbage.
*/
const hushRestoreCursor = () => {
	if (process.stderr.write.name === 'writeAllButShowCursor') return;
	const write = process.stderr.write.bind(process.stderr) as (...parameters: unknown[]) => boolean;
	process.stderr.write = function writeAllButShowCursor(...parameters: unknown[]) {
		return parameters[0] === '\u001B[?25h' || write(...parameters);
	};
};

/** Renders an Ink tree, with the options of the real program, into a terminal of a fixed size that is not the developer's. */
export const renderScreen = (element: ReactNode, {columns = 120, rows = 32, maxFps = 30}: RenderScreenOptions = {}): RenderedScreen => {
	hushRestoreCursor();
	const stdin = new FakeStdin();
	const screen = createScreen({columns, rows, convertEol: true, onReply: data => stdin.push(data)});
	const stdout = new FakeStdout(screen, {columns, rows});
	const stderr = new FakeStdout(screen, {columns, rows});
	const instance = render(element, {
		// Ink uses no more of a terminal's streams than these have.
		stdin: stdin as unknown as NodeJS.ReadStream,
		stdout: stdout as unknown as NodeJS.WriteStream,
		stderr: stderr as unknown as NodeJS.WriteStream,
		alternateScreen: true,
		incrementalRendering: true,
		patchConsole: false,
		exitOnCtrlC: false,
		interactive: true,
		maxFps,
	});
	let shown = element;
	const exited = instance.waitUntilExit();
	let hasExited = false;
	const onExit = () => {
		hasExited = true;
		screen.end('The tree was unmounted');
	};
	exited.then(onExit, onExit);

	const sendOneByOne = async (texts: readonly string[]) => {
		for (const text of texts) {
			stdin.push(text);
			if (text === keys.esc) await delay(escapePauseMs);
			// One turn for the stream to say that there is something, one for the effects of what it changed.
			await setImmediate();
			await setImmediate();
		}
	};

	const unmount = async () => {
		if (!hasExited) instance.unmount();
		await exited.catch(() => undefined);
		instance.cleanup();
	};

	return {
		...screen.view,
		type: (...texts) => sendOneByOne(texts),
		press: (...names) => sendOneByOne(names.map(name => keys[name])),
		async paste(text) {
			await instance.waitUntilRenderFlush(); // `usePaste` asks for brackets in an effect
			await sendOneByOne([screen.view.modes().bracketedPaste ? bracketedPaste(text) : plainPaste(text)]);
		},
		resize(newColumns, newRows) {
			screen.resize({columns: newColumns, rows: newRows});
			for (const stream of [stdout, stderr]) Object.assign(stream, {columns: newColumns, rows: newRows});
			stdout.emit('resize');
		},
		rerender(element) {
			shown = element;
			instance.rerender(shown);
		},
		redraw() {
			instance.clear();
			stdout.write('\u001B[2J\u001B[H');
			instance.rerender(shown);
		},
		settled: () => instance.waitUntilRenderFlush(),
		isRawMode: () => stdin.isRaw,
		exited,
		unmount,
		[Symbol.asyncDispose]: unmount,
	};
};
