import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {openTerminal} from '../support/terminal.ts';
import {cliPath, guidePath, type Home, makeHome, patience, stateOf, testTimeout} from './program.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

test.skipIf(process.platform === 'win32')('Ctrl+Z goes back to the shell as it was, fg to the screen at its new size', async () => {
	await using shell = openTerminal({
		command: 'bash',
		args: ['--norc', '--noprofile', '-i'],
		cwd: home.folder,
		env: {...home.env, PS1: 'shell> ', GGML_VK_VISIBLE_DEVICES: undefined},
		columns: 100,
		rows: 30,
	});
	await shell.waitForText('shell>');
	await shell.type(`'${process.execPath}' '${cliPath}' --gpu off '${guidePath}'\r`);
	await shell.waitUntil(screen => stateOf(screen) === 'ready', patience);
	await shell.type('a draft');
	await shell.waitForText('› a draft');
	await shell.press('ctrlZ');
	await shell.waitForText('Stopped', patience);
	await shell.waitForText(/shell> *$/, patience);
	expect(shell.modes()).toMatchObject({alternateScreen: false, bracketedPaste: true, cursorVisible: true});
	await shell.type('echo still here\r');
	await shell.waitForText(/^still here/m);
	shell.resize(80, 24);
	await shell.type('fg\r');
	await shell.waitUntil(screen => stateOf(screen) === 'ready' && screen.includes('› a draft'), patience);
	expect(shell.isAlternateScreen()).toBe(true);
	await shell.waitUntil(screen => screen.split('\n').every(line => line.length <= 80));
	await shell.press('ctrlC');
	await shell.waitForText('Ctrl+C again quits');
	await shell.press('ctrlC');
	await shell.waitForText(/shell> *$/, patience);
});
