import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {type IPty, spawn} from '@lydell/node-pty';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {writeEndlessModel} from '../support/endless-model.ts';
import {personsEnvironment} from '../support/terminal.ts';
import {cliPath, type Home, leavingMs, makeHome, testTimeout} from './program.ts';

vi.setConfig({testTimeout});

let home: Home;
let endless: string;

beforeAll(async () => {
	home = makeHome();
	endless = await writeEndlessModel(join(home.folder, 'endless.gguf'));
});

afterAll(() => home.remove());

/** Without a screen: what happens after the window is closed is seen by nobody. */
const openWindow = () => {
	const window = spawn(process.execPath, [cliPath, '--gpu', 'off', '--temp', '0', endless], {
		name: 'xterm-256color',
		cols: 120,
		rows: 32,
		cwd: home.folder,
		env: personsEnvironment({...home.env, GGML_VK_VISIBLE_DEVICES: undefined}),
	});
	let written = '';
	window.onData(data => {
		written += data;
	});
	return {
		waitFor: (wanted: string) => vi.waitFor(() => expect(written.includes(wanted), `it shows ${wanted}`).toBe(true), {timeout: 60_000}),
		type: (text: string) => window.write(text),
		// Closes the terminal's other end; node-pty has it, its types do not.
		close: () => (window as IPty & {destroy(): void}).destroy(),
		kill: () => process.kill(window.pid, 'SIGKILL'),
		exited: new Promise<number>(resolve => {
			window.onExit(({exitCode}) => resolve(exitCode));
		}),
	};
};

test.each([
	['while nothing happens', ''],
	['in the middle of an answer', 'hello'],
])('a closed window ends the program, %s', async (_when, question) => {
	const window = openWindow();
	await window.waitFor('ready');
	if (question !== '') {
		window.type(question);
		await window.waitFor(question);
		window.type('\r');
		await window.waitFor('layer layer');
	}

	const startedAt = performance.now();
	window.close();
	const exitCode = await Promise.race([window.exited, delay(10_000, 'still there', {ref: false})]);
	if (exitCode === 'still there') window.kill();
	expect(exitCode).toBe(129);
	expect(performance.now() - startedAt).toBeLessThan(leavingMs);
});
