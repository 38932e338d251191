import {Box, Text, useApp, useInput, usePaste, useWindowSize} from 'ink';
import {useEffect, useState} from 'react';
import {expect, test, vi} from 'vitest';
import {keys} from './keys.ts';
import {renderScreen} from './render-screen.tsx';

// chalk decides about colours when it is imported; here no terminal is near.
vi.hoisted(() => {
	process.env.FORCE_COLOR = '3';
});

function Echo() {
	const {columns, rows} = useWindowSize();
	const {exit} = useApp();
	const [seen, setSeen] = useState<string[]>([]);
	const add = (what: string) => setSeen(before => [...before, what]);
	useInput((input, key) => {
		if (key.ctrl && input === 'd') exit('done');
		else if (key.return) add('enter');
		else if (key.escape) add('esc');
		else if (key.tab) add(key.shift ? 'shift tab' : 'tab');
		else if (key.upArrow) add('up');
		else add(key.ctrl ? `ctrl ${input}` : input);
	});
	usePaste(text => add(`paste ${JSON.stringify(text)}`));
	return (
		<Box height={rows - 1} flexDirection="column">
			<Text bold color="green">
				{columns} x {rows}
			</Text>
			<Text>{seen.join(', ')}</Text>
		</Box>
	);
}

function Broken(): never {
	throw new Error('broken on purpose');
}

function Later() {
	const [text, setText] = useState('now');
	useEffect(() => {
		const timer = setTimeout(() => setText('later'), 50);
		return () => clearTimeout(timer);
	}, []);
	return <Text>{text}</Text>;
}

test('a tree sees the size that was asked for, and is seen on the alternate screen', async () => {
	await using screen = renderScreen(<Echo />, {columns: 37, rows: 9});
	await screen.waitForText('37 x 9');
	await screen.settled();
	expect(screen.lines()).toHaveLength(9);
	expect(screen.modes()).toMatchObject({alternateScreen: true, bracketedPaste: true, cursorVisible: false});
	expect(screen.isRawMode()).toBe(true);
	expect(screen.cellOf('37')).toMatchObject({x: 0, y: 0, bold: true, foreground: 'ansi 2'});
});

test('types, presses and pastes', async () => {
	await using screen = renderScreen(<Echo />, {columns: 90, rows: 9});
	await screen.type('hi', keys.enter);
	await screen.press('esc', 'up', 'tab', 'shiftTab', 'ctrlC', 'ctrlL');
	await screen.paste('two\nlines');
	await screen.type('世界');
	await screen.settled();
	expect(screen.lines()[1]).toBe(String.raw`hi, enter, esc, up, tab, shift tab, ctrl c, ctrl l, paste "two\rlines", 世界`);
});

test('resizing reaches the tree', async () => {
	await using screen = renderScreen(<Echo />, {columns: 60, rows: 16});
	await screen.waitForText('60 x 16');
	screen.resize(100, 40);
	await screen.waitForText('100 x 40');
	screen.resize(40, 10);
	await screen.waitForText('40 x 10');
	expect(screen.screen()).toBe('40 x 10');
});

test('leaving restores the terminal', async () => {
	const screen = renderScreen(<Echo />);
	await screen.waitForText('120 x 32');
	await screen.press('ctrlD');
	expect(await screen.exited).toBe('done');
	expect(screen.modes()).toMatchObject({alternateScreen: false, bracketedPaste: false, cursorVisible: true});
	expect(screen.screen()).toBe('');
	await expect(screen.waitForText('120 x 32')).rejects.toThrow('The tree was unmounted before');
	await screen.unmount();
});

test('an error in the tree is what `exited` rejects with', async () => {
	const screen = renderScreen(<Broken />);
	await expect(screen.exited).rejects.toThrow('broken on purpose');
	await screen.unmount();
});

test('nothing reaches the real terminal, and an idle screen writes no bytes', async () => {
	const stdout = vi.spyOn(process.stdout, 'write');
	const stderr = vi.spyOn(process.stderr, 'write');
	const screen = renderScreen(<Echo />);
	await screen.type('a', 'b');
	await screen.settled();
	screen.resetBytes();
	await screen.settled();
	expect(screen.bytes()).toBe(0);
	await screen.type('c');
	await screen.settled();
	expect(screen.bytes()).toBeGreaterThan(0);
	expect(screen.bytes()).toBeLessThan(200);
	expect(screen.written()).toContain('c');
	await screen.unmount();
	expect([stdout.mock.calls, stderr.mock.calls]).toEqual([[], []]);
	stdout.mockRestore();
	stderr.mockRestore();
});

test('two screens at once do not meet', async () => {
	await using first = renderScreen(<Echo />, {columns: 61, rows: 17});
	await using second = renderScreen(<Echo />, {columns: 62, rows: 18});
	await first.type('one');
	await second.type('two');
	await first.waitForText('one');
	await second.waitForText('two');
	expect(first.screen()).not.toContain('two');
});

test('waits for what comes later', async () => {
	await using screen = renderScreen(<Later />, {columns: 20, rows: 3});
	await screen.waitForText('now');
	expect(await screen.waitForText(/^later/)).toBe('later');
	await expect(screen.waitForText('never', {timeoutMs: 30})).rejects.toThrow(/20 x 3, alternate screen:\n┌─{20}┐\nlater/);
});
