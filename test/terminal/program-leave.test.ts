import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {writeEndlessModel, writeSlowLoadingModel} from '../support/endless-model.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {
	createGate,
	guidePath,
	type Home,
	leavingMs,
	makeHome,
	openProgram,
	patience,
	stateOf,
	testTimeout,
	waitForState,
} from './program.ts';

vi.setConfig({testTimeout});

let home: Home;
let endless: string;

beforeAll(async () => {
	home = makeHome();
	endless = await writeEndlessModel(join(home.folder, 'endless.gguf'));
});

afterAll(() => home.remove());

const restored = {
	alternateScreen: false,
	cursorVisible: true,
	bracketedPaste: false,
	synchronizedOutput: false,
	mouse: false,
	focusEvents: false,
};

const expectToLeave = async (program: TerminalHandle, exitCode: number, leave: () => Promise<void> | void) => {
	const startedAt = performance.now();
	await leave();
	const exit = await program.exited;
	const tookMs = performance.now() - startedAt;
	expect(exit, program.screen()).toEqual({exitCode, signal: undefined});
	expect(tookMs).toBeLessThan(leavingMs);
	expect(program.modes()).toMatchObject(restored);
	expect(program.screen()).toBe('');
	expect(home.leftovers()).toEqual([]);
};

const signals = [
	['SIGTERM', 143],
	['SIGHUP', 129],
	['SIGINT', 130],
] as const;

describe('by keys', () => {
	const ways: ReadonlyArray<readonly [string, (program: TerminalHandle) => Promise<void>]> = [
		[
			'Ctrl+C twice',
			async program => {
				await program.press('ctrlC');
				await program.waitForText('Ctrl+C again quits', patience);
				await program.press('ctrlC');
			},
		],
		['Ctrl+D', program => program.press('ctrlD')],
		['/quit', program => program.type('/quit', '\r')],
	];

	test.each(ways)('%s', async (_way, leave) => {
		await using program = openProgram(home, [guidePath]);
		await waitForState(program, 'ready');
		await expectToLeave(program, 0, () => leave(program));
	});

	test.each(ways)('%s in the middle of an answer', async (_way, leave) => {
		await using program = openProgram(home, [endless, '--temp', '0']);
		await waitForState(program, 'ready');
		await program.type('hello', '\r');
		await program.waitForText('layer layer', patience);
		await expectToLeave(program, 0, () => leave(program));
	});

	test('Ctrl+C once only stops the answer', async () => {
		await using program = openProgram(home, [endless, '--temp', '0']);
		await waitForState(program, 'ready');
		await program.type('hello', '\r');
		await program.waitForText('layer layer', patience);
		await program.press('ctrlC');
		await program.waitForText('· stopped', patience);
		await waitForState(program, 'ready');
		await program.waitUntil(screen => !screen.includes('Ctrl+C again quits'), patience);
		await expectToLeave(program, 0, () => program.press('ctrlD'));
	});

	test('Ctrl+D does not leave where something is typed', async () => {
		await using program = openProgram(home, [guidePath]);
		await waitForState(program, 'ready');
		await program.type('abc');
		await program.press('home', 'ctrlD');
		await program.waitForText('› bc', patience);
		expect(stateOf(program.screen())).toBe('ready');
	});
});

describe.each(signals)('by %s', (signal, exitCode) => {
	test('in the model list', async () => {
		await using program = openProgram(home);
		await program.waitForText('built in', patience);
		await expectToLeave(program, exitCode, () => program.kill(signal));
	});

	test('while nothing happens', async () => {
		await using program = openProgram(home, [guidePath]);
		await waitForState(program, 'ready');
		await expectToLeave(program, exitCode, () => program.kill(signal));
	});

	test('in the middle of an answer', async () => {
		await using program = openProgram(home, [endless, '--temp', '0']);
		await waitForState(program, 'ready');
		await program.type('hello', '\r');
		await program.waitForText('layer layer', patience);
		await expectToLeave(program, exitCode, () => program.kill(signal));
	});

	test('while llama.cpp itself is loaded', async () => {
		const gate = createGate(home);
		await using program = openProgram(home, [guidePath], {env: gate.env});
		await waitForState(program, 'loading');
		await expectToLeave(program, exitCode, () => program.kill(signal));
	});

	test('in the middle of a load', async () => {
		const large = await writeSlowLoadingModel(join(home.folder, `slow-${signal}.gguf`));
		await using program = openProgram(home, [large]);
		await program.waitForText('loading 0 %', patience);
		await expectToLeave(program, exitCode, () => program.kill(signal));
	});
});

test('a load can be cancelled, and the program goes on', async () => {
	const large = await writeSlowLoadingModel(join(home.folder, 'cancelled.gguf'));
	await using program = openProgram(home, [large]);
	await program.waitForText('loading 0 %', patience);
	await program.press('esc');
	await waitForState(program, 'no model');
	await program.waitForText('Stopped: no model is loaded.', patience);
	await program.type(`/model ${guidePath}`, '\r');
	await waitForState(program, 'ready');
});

test('a fault is told in one line on a restored terminal', async () => {
	const preload = join(home.folder, 'fault.mjs');
	writeFileSync(preload, `process.on('SIGUSR2', () => { throw new Error('on purpose'); });`);
	await using program = openProgram(home, [guidePath], {env: {NODE_OPTIONS: `--import ${preload}`}});
	await waitForState(program, 'ready');
	program.kill('SIGUSR2');
	expect(await program.exited).toEqual({exitCode: 1, signal: undefined});
	expect(program.modes()).toMatchObject(restored);
	expect(program.screen()).toMatch(/^vramble: a fault .*: on purpose$/);
});
