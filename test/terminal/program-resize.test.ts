import {join} from 'node:path';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {writeEndlessModel} from '../support/endless-model.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {createGate, guidePath, type Home, makeHome, openProgram, patience, stateOf, testTimeout, waitForState} from './program.ts';
import {calmRows, waitForWholeScreen} from './whole-screen.ts';

vi.setConfig({testTimeout});

let home: Home;
let endless: string;

beforeAll(async () => {
	home = makeHome();
	endless = await writeEndlessModel(join(home.folder, 'endless.gguf'));
});

afterAll(() => home.remove());

const tooSmall = 'too small: needs 60 x 16, has 50 x 10';

/** Shrinks and grows the window; `see` looks at each size that is large enough. */
const resizeThroughAll = async (program: TerminalHandle, see: () => Promise<void>) => {
	for (const [columns, rows] of [
		[80, 24],
		[60, 16],
	] as const) {
		program.resize(columns, rows);
		await see();
	}

	program.resize(50, 10);
	await program.waitUntil(screen => screen === tooSmall, patience);
	for (const [columns, rows] of [
		[60, 16],
		[100, 40],
		[120, 32],
	] as const) {
		program.resize(columns, rows);
		await see();
	}
};

/** What is drawn by and by must be what would be drawn anew. */
const expectNothingLeftBehind = async (program: TerminalHandle) => {
	await waitForWholeScreen(program);
	const before = calmRows(program);
	program.resetBytes();
	await program.press('ctrlL');
	await program.waitUntil(() => program.written().includes('\u001B[2J'), patience);
	await waitForWholeScreen(program);
	await program.waitUntil(() => JSON.stringify(calmRows(program)) === JSON.stringify(before), patience);
};

test('while a model loads', async () => {
	const gate = createGate(home);
	await using program = openProgram(home, [guidePath], {env: gate.env});
	await waitForState(program, 'loading');
	await resizeThroughAll(program, async () => {
		expect(stateOf(await waitForWholeScreen(program))).toBe('loading');
	});
	gate.open();
	await waitForState(program, 'ready');
	await expectNothingLeftBehind(program);
});

test('while an answer is written, which goes on', async () => {
	await using program = openProgram(home, [endless, '--temp', '0']);
	await waitForState(program, 'ready');
	await program.type('hello', '\r');
	await program.waitForText('layer layer', patience);
	await resizeThroughAll(program, async () => {
		const before = contextUse(await waitForWholeScreen(program));
		await program.waitUntil(screen => contextUse(screen) !== before, patience);
		expect(stateOf(await waitForWholeScreen(program))).toBe('writing');
	});
	await program.press('esc');
	await program.waitForText('stopped', patience);
	await expectNothingLeftBehind(program);
});

const contextUse = (screen: string) => /ctx +(\S+)/.exec(screen)?.[1];

test('in the model list and in the help', async () => {
	await using program = openProgram(home);
	await program.waitForText('built in', patience);
	const isFramed = (title: string) => {
		const lines = program.lines();
		const {columns, rows} = program.size();
		const isInside = (line: string) => new RegExp(`^│[^╭╮╰╯│]{${columns - 2}}│$`).test(line);
		return (
			lines[0]?.startsWith(`╭─ ${title} ─`) === true &&
			lines[0].length === columns &&
			lines.slice(1, rows - 2).every(isInside) &&
			lines[rows - 2] === `╰${'─'.repeat(columns - 2)}╯` &&
			lines[rows - 1] === ''
		);
	};

	await resizeThroughAll(program, async () => void (await program.waitUntil(() => isFramed('Models'), patience)));
	await program.press('esc', 'f1');
	await resizeThroughAll(program, async () => void (await program.waitUntil(() => isFramed('Help'), patience)));
	await program.press('esc');
	await waitForWholeScreen(program);
});

test('many times at once', async () => {
	await using program = openProgram(home, [guidePath]);
	await waitForState(program, 'ready');
	await program.type('what is vramble?', '\r');
	for (let columns = 61; columns <= 130; columns += 3) program.resize(columns, 10 + Math.floor(columns / 4));
	program.resize(80, 24);
	await program.waitForText('in the same process.', patience);
	await waitForState(program, 'ready');
	await expectNothingLeftBehind(program);
});
