import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {WaitOptions} from '../support/screen.ts';
import {openTerminal, type TerminalHandle} from '../support/terminal.ts';

const root = new URL('../../', import.meta.url);
/** The built program: `npm test` and `npm run bench` build it first. */
export const cliPath = fileURLToPath(new URL('distribution/cli.js', root));

export const guidePath = fileURLToPath(new URL('models/guide.gguf', root));

/** SmolLM2, slow enough to be stopped in the middle of an answer; undefined: it was not fetched. */
export const findSmolLm = (): string | undefined => {
	const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
	const candidates = [process.env.VRAMBLE_TEST_MODEL, join(cache, 'vramble-test-models/SmolLM2-135M-Instruct-Q4_1.gguf')];
	return candidates.find(path => path && existsSync(path));
};

export type Scratch = {readonly folder: string; readonly env: Readonly<Record<string, string>>; remove(): void};

/** Folders of its own for what the program looks for and keeps: not a person's. */
export const makeScratch = (): Scratch => {
	const folder = mkdtempSync(join(tmpdir(), 'vramble-bench-'));
	const names = ['HOME', 'XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME'];
	return {
		folder,
		env: Object.fromEntries(names.map(name => [name, join(folder, name)])),
		remove: () => rmSync(folder, {recursive: true, force: true}),
	};
};

export const openProgram = (args: readonly string[], env: Readonly<Record<string, string>>): TerminalHandle =>
	openTerminal({args: [cliPath, ...args], columns: 120, rows: 32, env});

/** Another one begins every round: what ran before has left the machine warm. */
export const inTurns = <T>(turns: readonly T[], round: number): readonly T[] => {
	const first = round % turns.length;
	return [...turns.slice(first), ...turns.slice(0, first)];
};

/** For a benchmark on a slow machine; a test has its own limit. */
export const patience: WaitOptions = {timeoutMs: 180_000};

export type State = 'no model' | 'loading' | 'reloading' | 'processing' | 'writing' | 'ready' | 'failed';

/** The state in the title line; undefined: there is none. */
export const stateOf = (screen: string): State | undefined => {
	const [title = ''] = screen.split('\n', 1);
	return /.*\b(no model|loading|reloading|processing|writing|ready|failed)\b/.exec(title)?.[1] as State | undefined;
};

export const waitForState = async (terminal: TerminalHandle, wanted: State, options?: WaitOptions): Promise<string> => {
	const screen = await terminal.waitUntil(screen => [wanted, 'failed'].includes(stateOf(screen) ?? ''), options);
	if (stateOf(screen) !== wanted) throw new Error(`The program says “failed” instead of “${wanted}”:\n${screen}`);
	return screen;
};
