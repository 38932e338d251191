import {spawnSync} from 'node:child_process';
import {setTimeout as delay} from 'node:timers/promises';
import {expect, test, vi} from 'vitest';
import {keys} from './keys.ts';
import {openTerminal} from './terminal.ts';

const program = (source: string, options = {}) => openTerminal({args: ['-e', source], columns: 60, rows: 12, ...options});

/** Shows every read as JSON, so that a test sees which keys came together. */
const reader = `
process.stdin.setRawMode(true);
process.stdin.on('data', data => console.log('read ' + JSON.stringify(String(data))));
console.log('listening');
`;

/** A zombie that a container's first process does not collect is not running. */
const isRunning = (pid: number) => /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], {encoding: 'utf8'}).stdout);

test('shows what a program draws, with colours and cursor', async () => {
	await using terminal = program(
		String.raw`process.stdout.write('\u001B[1;31mHot\u001B[0m \u001B[2;38;2;1;2;255m日本 cold\u001B[0m\u001B[?25l'); setInterval(() => {}, 1000)`,
	);
	await terminal.waitForText('日本 cold');
	expect(terminal.lines()).toHaveLength(12);
	expect(terminal.screen()).toBe('Hot 日本 cold');
	expect(terminal.cell(0, 0)).toMatchObject({text: 'H', bold: true, dim: false, foreground: 'ansi 1', background: undefined});
	expect(terminal.cellOf('cold')).toMatchObject({text: 'c', x: 9, y: 0, dim: true, foreground: '#0102ff'});
	expect(terminal.cursor()).toEqual({x: 13, y: 0, visible: false});
});

test('knows the alternate screen, and what stands there after leaving it', async () => {
	await using terminal = program(String.raw`
		console.log('before');
		process.stdout.write('\u001B[?1049h\u001B[?2004h\u001B[2J\u001B[Hinside');
		process.stdin.setRawMode(true);
		process.stdin.once('data', () => { process.stdout.write('\u001B[?2004l\u001B[?1049l'); console.log('after'); process.exit(); });
	`);
	await terminal.waitForText('inside');
	expect(terminal.screen()).not.toContain('before');
	expect(terminal.modes()).toMatchObject({alternateScreen: true, bracketedPaste: true, cursorVisible: true});
	await terminal.press('enter');
	expect(await terminal.exited).toEqual({exitCode: 0, signal: undefined});
	expect(terminal.isAlternateScreen()).toBe(false);
	expect(terminal.screen()).toBe('before\nafter');
});

test('the program learns a new size', async () => {
	await using terminal = program(`
		const say = () => console.log(process.stdout.columns + ' x ' + process.stdout.rows);
		process.stdout.on('resize', say); say(); setInterval(() => {}, 1000);
	`);
	await terminal.waitForText('60 x 12');
	terminal.resize(100, 40);
	await terminal.waitForText('100 x 40');
	expect(terminal.size()).toEqual({columns: 100, rows: 40});
});

test('keys and texts arrive one by one, a paste in one piece', async () => {
	await using terminal = program(reader);
	await terminal.waitForText('listening');
	await terminal.type('hi', keys.enter);
	await terminal.press('esc', 'up', 'shiftTab');
	await terminal.paste('two\nlines');
	await terminal.waitForText(/read "two.*"/);
	expect(terminal.lines().filter(Boolean)).toEqual([
		'listening',
		...['hi', '\r', '\u001B', '\u001B[A', '\u001B[Z', 'two\rlines'].map(text => `read ${JSON.stringify(text)}`),
	]);
});

test('a paste is bracketed where the program asked for it, and the terminal answers questions', async () => {
	await using terminal = program(`process.stdout.write('\\u001B[?2004h\\u001B[6n');${reader}`);
	await terminal.waitForText(String.raw`read "\u001b[1;1R"`);
	await terminal.paste('x');
	await terminal.waitForText(String.raw`read "\u001b[200~x\u001b[201~"`);
});

test('tells how a program ended', async () => {
	const byItself = program('process.exit(3)');
	expect(await byItself.exited).toEqual({exitCode: 3, signal: undefined});
	const bySignal = program(`console.log('here'); setInterval(() => {}, 1000)`);
	await bySignal.waitForText('here');
	bySignal.kill('SIGTERM');
	expect(await bySignal.exited).toMatchObject({signal: 'SIGTERM'});
	await byItself.close();
	await bySignal.close();
});

test('everything that was printed is on the screen when the program has ended', async () => {
	const terminal = program(`for (let i = 1000; i < 3000; i++) console.log('line ' + i)`);
	await terminal.exited;
	expect(terminal.lines().at(-2)).toBe('line 2999');
	expect(terminal.bytes()).toBe(2000 * 'line 1000\r\n'.length);
});

test('close ends a program that does not want to, and what it started', async () => {
	const terminal = program(`
		for (const name of ['SIGHUP', 'SIGTERM', 'SIGINT']) process.on(name, () => {});
		const child = require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGHUP", () => {}); console.log("child"); setInterval(() => {}, 1000)'], {stdio: 'inherit'});
		console.log('pid=' + child.pid);
		setInterval(() => {}, 1000);
	`);
	await terminal.waitForText('child');
	const childPid = Number(/pid=(\d+)/.exec(terminal.screen())?.[1]);
	await terminal.close(50);
	expect(await terminal.exited).toMatchObject({signal: 'SIGKILL'});
	await vi.waitFor(() => expect(isRunning(childPid)).toBe(false));
});

test('waiting in vain says what the screen shows, at once where the program has ended', async () => {
	await using terminal = program(`console.log('only this'); setInterval(() => {}, 1000)`);
	await terminal.waitForText('only this');
	await expect(terminal.waitForText('something else', {timeoutMs: 50})).rejects.toThrow(
		/50 ms passed before the screen showed “something else”\. 60 x 12, main screen:[\s\S]*only this/,
	);
	await expect(terminal.waitUntil(() => false, {timeoutMs: 50})).rejects.toThrow('only this');
	const waiting = expect(terminal.waitForText('never')).rejects.toThrow(/ended by SIGKILL before the screen showed “never”/);
	terminal.kill('SIGKILL');
	await waiting;
	await expect(terminal.waitForText('never')).rejects.toThrow('SIGKILL');
	await expect(terminal.waitForText('only this')).resolves.toContain('only this');
});

test('half a frame of a program that draws in one piece is not seen', async () => {
	await using terminal = program(String.raw`
		process.stdout.write('\u001B[?2026hfirst half, ');
		setTimeout(() => { process.stdout.write('second half\u001B[?2026l'); }, 100);
		setInterval(() => {}, 1000);
	`);
	expect(await terminal.waitForText('first half')).toBe('first half, second half');
});

test('counts bytes, keeps what was copied, and lets nothing through to the log', async () => {
	const stdout = vi.spyOn(process.stdout, 'write');
	const stderr = vi.spyOn(process.stderr, 'write');
	await using terminal = program(String.raw`
		process.stdin.setRawMode(true);
		process.stdin.once('data', () => { process.stdout.write('é\u001B[2K\u001B]52;c;' + Buffer.from('copied ✓').toString('base64') + '\u0007'); console.error('done'); });
		console.log('ready');
	`);
	await terminal.waitForText('ready');
	expect(terminal.bytes()).toBe('ready\r\n'.length);
	terminal.resetBytes();
	await terminal.press('space');
	await terminal.waitForText('done');
	expect(terminal.clipboard()).toBe('copied ✓');
	expect(terminal.written()).toContain('\u001B[2K');
	expect(terminal.bytes()).toBe(Buffer.byteLength(terminal.written()));
	await delay(0);
	expect([stdout.mock.calls, stderr.mock.calls]).toEqual([[], []]);
	stdout.mockRestore();
	stderr.mockRestore();
});

test('the program sees a person’s environment, not the one of the test runner', async () => {
	const names = `['CI', 'VITEST', 'NODE_ENV', 'NO_COLOR', 'TERM', 'MINE']`;
	await using terminal = program(`console.log(${names}.filter(name => name in process.env).join(' '))`, {env: {MINE: '1'}});
	await terminal.exited;
	expect(terminal.screen()).toBe('TERM MINE');
});
