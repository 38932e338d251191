import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {openTerminal, type TerminalHandle, type TerminalOptions} from '../support/terminal.ts';

const root = new URL('../../', import.meta.url);
export const cliPath = fileURLToPath(new URL('distribution/cli.js', root));
export const guidePath = fileURLToPath(new URL('models/guide.gguf', root));

/** A model loads and answers beside whatever else a busy machine with two cores does. */
export const patience = {timeoutMs: 60_000};
export const testTimeout = 150_000;
/** Two seconds is what the program promises, 0.1 what it takes; a machine that does six other things besides needs more. */
export const leavingMs = 5000;

/** Where a test's programs run: their folder, their temporary files, their settings. */
export const makeHome = () => {
	const folder = mkdtempSync(join(tmpdir(), 'vramble-terminal-'));
	const temporary = join(folder, 'tmp');
	mkdirSync(temporary);
	return {
		folder,
		env: {
			TMPDIR: temporary,
			NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
			XDG_CONFIG_HOME: join(folder, 'config'),
			XDG_STATE_HOME: join(folder, 'state'),
			XDG_DATA_HOME: join(folder, 'data'),
			XDG_CACHE_HOME: join(folder, 'cache'),
		},
		/** What programs that have ended did not take away. */
		leftovers: () => readdirSync(temporary),
		remove: () => rmSync(folder, {recursive: true, force: true}),
	};
};

export type Home = ReturnType<typeof makeHome>;

const preload = (source: string) => `--import data:text/javascript,${encodeURIComponent(source)}`;

/** Holds llama.cpp back: the engine's thread waits until `open` is called. */
export const createGate = (home: Home) => {
	const path = join(home.folder, `gate-${crypto.randomUUID()}`);
	return {
		env: {
			NODE_OPTIONS: preload(`
				import {existsSync} from 'node:fs';
				import {registerHooks} from 'node:module';
				const never = new Int32Array(new SharedArrayBuffer(4));
				registerHooks({resolve(specifier, context, next) {
					if (specifier === 'node-llama-cpp') while (!existsSync(${JSON.stringify(path)})) Atomics.wait(never, 0, 0, 20);
					return next(specifier, context);
				}});
			`),
		},
		open: () => writeFileSync(path, ''),
	};
};

/** Writes down which modules a program asks for. */
export const moduleRecorder = (path: string) => ({
	NODE_OPTIONS: preload(`
		import {appendFileSync} from 'node:fs';
		import {registerHooks} from 'node:module';
		registerHooks({resolve(specifier, context, next) {
			const resolved = next(specifier, context);
			appendFileSync(${JSON.stringify(path)}, resolved.url + '\\n');
			return resolved;
		}});
	`),
});

/** The built program on the CPU, whatever device the machine has. */
export const openProgram = (home: Home, args: readonly string[] = [], {env, ...options}: TerminalOptions = {}): TerminalHandle =>
	openTerminal({
		args: [cliPath, '--gpu', 'off', ...args],
		cwd: home.folder,
		env: {...home.env, GGML_VK_VISIBLE_DEVICES: undefined, ...env},
		...options,
	});

/** The word for the state at the end of the title line; undefined: there is no title line. */
export const stateOf = (screen: string): string | undefined =>
	/^ vramble .*[●*] (no model|loading|reloading|evaluating again|processing|writing|ready|failed)\b/.exec(screen)?.[1];

/** Does not wait where a model has failed. */
export const waitForState = async (program: TerminalHandle, state: string): Promise<string> => {
	const screen = await program.waitUntil(screen => [state, 'failed'].includes(stateOf(screen) ?? ''), patience);
	if (stateOf(screen) !== state) throw new Error(`The program says “failed” instead of “${state}”:\n${screen}`);
	return screen;
};

/** The conversation as one line, however it is wrapped. */
export const conversationOf = (screen: string): string => {
	const rows = screen.split('\n');
	const top = rows.findLastIndex(row => /^[╰+]|^ layers \d/.test(row)) + 1;
	const end = rows.findIndex(row => /^─+$/.test(row));
	return rows.slice(top, end).join(' ').replaceAll(/\s+/g, ' ').trim();
};
