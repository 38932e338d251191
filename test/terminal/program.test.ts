import {join} from 'node:path';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {endlessWord, writeEndlessModel} from '../support/endless-model.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {
	conversationOf,
	createGate,
	guidePath,
	type Home,
	makeHome,
	openProgram,
	patience,
	stateOf,
	testTimeout,
	waitForState,
} from './program.ts';
import {waitForWholeScreen} from './whole-screen.ts';

vi.setConfig({testTimeout});

const whatIsIt = 'vramble is a full-screen terminal program for running GGUF models.';

let home: Home;
let endless: string;

beforeAll(async () => {
	home = makeHome();
	endless = await writeEndlessModel(join(home.folder, 'endless.gguf'));
});

afterAll(() => home.remove());

const ask = async (program: TerminalHandle, question: string) => {
	await program.type(question);
	await program.press('enter');
};

/** The conversation as soon as nothing is written any more and it holds what is wanted. */
const waitForAnswer = async (program: TerminalHandle, wanted: RegExp): Promise<string> => {
	const screen = await program.waitUntil(screen => stateOf(screen) === 'ready' && wanted.test(conversationOf(screen)), patience);
	return conversationOf(screen);
};

const wordsOf = (conversation: string) => conversation.split(endlessWord).length - 1;

test('the model list comes first, Enter loads the guide, and it holds a conversation', async () => {
	await using program = openProgram(home);
	await program.waitForText('Models', patience);
	const list = await program.waitForText('built in, answers questions about vramble', patience);
	expect(list.split('\n')[2]).toMatch(/^│ ▸ guide {2}5\.9 MB/);
	expect(list).toContain('endless.gguf');
	expect(program.modes()).toMatchObject({alternateScreen: true, cursorVisible: false});

	await program.press('enter');
	await waitForState(program, 'ready');
	expect(program.modes().bracketedPaste).toBe(true);
	expect(await waitForWholeScreen(program)).toContain('Ask guide something.');

	await ask(program, 'what is vramble?');
	expect(await waitForAnswer(program, /in the same process\.$/)).toContain(`› what is vramble? ${whatIsIt}`);
	await ask(program, 'What is a GGUF file?');
	const both = await waitForAnswer(program, /What is a GGUF file\? A .*\.$/);
	expect(both).toContain(whatIsIt);
	expect(both).not.toMatch(/queued|stopped|failed/);
	await waitForWholeScreen(program);

	await program.type('/quit');
	await program.press('enter');
	expect(await program.exited).toEqual({exitCode: 0, signal: undefined});
	expect(program.modes()).toMatchObject({alternateScreen: false, cursorVisible: true, bracketedPaste: false, synchronizedOutput: false});
	expect(program.screen()).toBe('');
	expect(home.leftovers()).toEqual([]);
});

test('a prompt of several lines, typed and pasted, is sent as one', async () => {
	await using program = openProgram(home, [guidePath]);
	await waitForState(program, 'ready');
	await program.type('typed one');
	await program.press('ctrlJ');
	await program.paste('pasted two\npasted three');
	await program.waitForText(/› typed one\n +pasted two\n +pasted three/, patience);
	expect(conversationOf(program.screen())).not.toContain('typed one');
	await program.press('enter');
	await waitForAnswer(program, /^› typed one pasted two pasted three \S/);
});

test('the screen stands and takes keys before llama.cpp is there: a question waits visibly and is answered', async () => {
	const gate = createGate(home);
	await using program = openProgram(home, [guidePath], {env: gate.env});
	await waitForState(program, 'loading');
	await ask(program, 'what is vramble?');
	await program.waitForText('what is vramble? · queued', patience);
	await program.type('a draft');
	expect(await program.waitForText('› a draft', patience)).toContain('loading llama.cpp');
	gate.open();
	expect(await waitForAnswer(program, /in the same process\.$/)).not.toContain('queued');
	expect(program.screen()).toContain('› a draft');
});

test('Esc stops an answer, keeps what was written, and the next question is answered', async () => {
	await using program = openProgram(home, [endless, '--temp', '0']);
	await waitForState(program, 'ready');
	await ask(program, 'hello');
	const screen = await program.waitUntil(screen => wordsOf(conversationOf(screen)) >= 20, patience);
	await program.press('esc');
	const stopped = await waitForAnswer(program, / stopped$/);
	expect(wordsOf(stopped)).toBeGreaterThanOrEqual(wordsOf(conversationOf(screen)));

	await ask(program, 'again');
	await program.waitForText(/› again\n\n +layer layer/, patience);
	await program.press('esc');
	await waitForAnswer(program, /stopped › again( layer)+(?: ·)? stopped$/);
	await waitForWholeScreen(program);
});

test('an answer that reaches the limit of -n says so', async () => {
	await using program = openProgram(home, [endless, '--temp', '0', '-n', '12']);
	await waitForState(program, 'ready');
	await ask(program, 'hello');
	expect(wordsOf(await waitForAnswer(program, / cut off$/))).toBe(12);
});

test('a question sent while another is answered waits for its turn', async () => {
	await using program = openProgram(home, [endless, '--temp', '0', '-n', '150']);
	await waitForState(program, 'ready');
	await ask(program, 'first');
	await program.waitUntil(screen => wordsOf(conversationOf(screen)) > 0, patience);
	await ask(program, 'second');
	await program.waitForText('second · queued', patience);
	await waitForAnswer(program, /cut off › second( layer)+(?: ·)? cut off$/);
});

test('a model that cannot be used leaves a message on the screen, and another one can be loaded', async () => {
	await using program = openProgram(home, ['no-such-model.gguf']);
	await program.waitForText(/There is no file ".*no-such-model\.gguf"/, patience);
	expect(stateOf(program.screen())).toBe('no model');
	await program.press('ctrlO');
	await program.waitForText('built in', patience);
	await program.press('enter');
	await waitForState(program, 'ready');
	await ask(program, 'what is vramble?');
	await waitForAnswer(program, /in the same process\.$/);
});
