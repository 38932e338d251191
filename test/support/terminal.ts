import {constants} from 'node:os';
import {setTimeout as delay} from 'node:timers/promises';
import {spawn} from '@lydell/node-pty';
import {bracketedPaste, type KeyName, keys, plainPaste} from './keys.ts';
import {createScreen, type ScreenView, type Size} from './screen.ts';

export type TerminalOptions = Partial<Size> & {
	/** Default: the Node.js that runs the test. */
	readonly command?: string;
	readonly args?: readonly string[];
	readonly cwd?: string;
	/** On top of a person's environment (see `personsEnvironment`); undefined takes a variable away. */
	readonly env?: Readonly<Record<string, string | undefined>>;
};

export type Exit = {
	readonly exitCode: number;
	/** As in `SIGTERM`; undefined: it ended by itself. */
	readonly signal: NodeJS.Signals | undefined;
};

export type TerminalHandle = ScreenView & {
	readonly pid: number;
	/** Types like a fast person: texts and sequences of `keys` one after the other, in reads of their own. */
	type(...texts: string[]): Promise<void>;
	press(...names: KeyName[]): Promise<void>;
	/** Bracketed where the program asked for it, as a terminal does. */
	paste(text: string): Promise<void>;
	resize(columns: number, rows: number): void;
	/** To the program alone, as `kill` does; a closed window is `kill('SIGHUP')`. */
	kill(signal: NodeJS.Signals): void;
	/** Resolves when the program has ended and its last byte is on the screen. */
	readonly exited: Promise<Exit>;
	/** Hangs up, and kills what is still there after `graceMs`: the program and what it started. */
	close(graceMs?: number): Promise<void>;
	[Symbol.asyncDispose](): Promise<void>;
};

/** Two keys that reach a program in one read are one event for Ink; after Esc it waits 20 ms for the rest of a sequence. */
const keyPauseMs = 25;
const escapePauseMs = 60;
const defaultGraceMs = 3000;

/** What a test runner or a CI adds, and what would make the screen depend on whose terminal started the tests. */
const foreign =
	/^(?:CI|CONTINUOUS_INTEGRATION|GITHUB_ACTIONS|NO_COLOR|FORCE_COLOR|NODE_ENV|NODE_OPTIONS|DEV|TEST|VITEST.*|TERM.*|COLORTERM|TMUX.*|STY|SSH_.*|COLUMNS|LINES|LC_ALL|npm_.*|INK_.*)$/;

export const personsEnvironment = (env: TerminalOptions['env'] = {}): Record<string, string> => {
	const inherited = Object.entries(process.env).filter(([name]) => !foreign.test(name));
	const own = {TERM: 'xterm-256color', COLORTERM: 'truecolor', LANG: 'C.UTF-8', ...env};
	return Object.fromEntries(
		Object.entries({...Object.fromEntries(inherited), ...own}).filter((entry): entry is [string, string] => entry[1] !== undefined),
	);
};

const signalName = (number: number | undefined): NodeJS.Signals | undefined =>
	(Object.keys(constants.signals) as NodeJS.Signals[]).find(name => constants.signals[name] === number);

const isGroupAlive = (leader: number) => {
	try {
		process.kill(-leader, 0);
		return true;
	} catch {
		return false;
	}
};

const signalGroup = (leader: number, signal: NodeJS.Signals) => {
	if (isGroupAlive(leader)) process.kill(-leader, signal);
};

/** Starts a program in a real pseudo-terminal. End it with `close`, or hold it with `await using`. */
export const openTerminal = ({
	command = process.execPath,
	args = [],
	columns = 120,
	rows = 32,
	env,
	cwd = process.cwd(),
}: TerminalOptions = {}): TerminalHandle => {
	const pty = spawn(command, [...args], {
		name: 'xterm-256color',
		cols: columns,
		rows,
		cwd,
		env: personsEnvironment(env),
		encoding: null,
	});
	let hasExited = false;
	let lastWrite = Promise.resolve();

	const send = (data: string) => {
		if (!hasExited) pty.write(data);
	};

	const screen = createScreen({columns, rows, onReply: send});
	pty.onData(data => {
		// With `encoding: null` node-pty hands over bytes, whatever its types say.
		lastWrite = screen.write(data as string | Uint8Array);
	});

	const exited = new Promise<Exit>(resolve => {
		pty.onExit(async ({exitCode, signal}) => {
			hasExited = true;
			await lastWrite;
			const exit = {exitCode, signal: signalName(signal)};
			screen.end(exit.signal === undefined ? `The program ended with exit code ${exitCode}` : `The program was ended by ${exit.signal}`);
			resolve(exit);
		});
	});

	const sendOneByOne = async (texts: readonly string[]) => {
		for (const text of texts) {
			send(text);
			await delay(text === keys.esc ? escapePauseMs : keyPauseMs);
		}
	};

	const close = async (graceMs = defaultGraceMs) => {
		if (!hasExited) signalGroup(pty.pid, 'SIGHUP');
		const timer = setTimeout(() => signalGroup(pty.pid, 'SIGKILL'), graceMs);
		await exited;
		clearTimeout(timer);
		signalGroup(pty.pid, 'SIGKILL');
	};

	return {
		...screen.view,
		pid: pty.pid,
		type: (...texts) => sendOneByOne(texts),
		press: (...names) => sendOneByOne(names.map(name => keys[name])),
		paste: text => sendOneByOne([screen.view.modes().bracketedPaste ? bracketedPaste(text) : plainPaste(text)]),
		resize(newColumns, newRows) {
			screen.resize({columns: newColumns, rows: newRows});
			if (!hasExited) pty.resize(newColumns, newRows);
		},
		kill(signal) {
			if (!hasExited) process.kill(pty.pid, signal);
		},
		exited,
		close,
		[Symbol.asyncDispose]: () => close(),
	};
};
