import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import type {KeyName} from '../support/keys.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {conversationOf, guidePath, type Home, makeHome, openProgram, patience, stateOf, testTimeout, waitForState} from './program.ts';
import {waitForWholeScreen} from './whole-screen.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

const ask = async (program: TerminalHandle, question: string, wanted: string) => {
	await program.type(question, '\r');
	await program.waitUntil(screen => stateOf(screen) === 'ready' && conversationOf(screen).includes(wanted), patience);
};

/** The setting that the keys move, with its value. */
const selectedOf = (screen: string) => /▸ (\S.*?) +◂ +(\S+)/.exec(screen)?.slice(1).join(' ') ?? '';

/** Presses a key until the setting is selected, or has the value. */
const pressUntil = async (program: TerminalHandle, key: KeyName, wanted: RegExp) => {
	for (let times = 0; times < 20; times++) {
		const before = selectedOf(program.screen());
		if (wanted.test(before)) return;
		await program.press(key);
		await program.waitUntil(screen => selectedOf(screen) !== before, patience);
	}

	throw new Error(`${wanted} was not found:\n${program.screen()}`);
};

/** Waits until it is seen: keys that arrive together are one key to the program. */
const goTo = async (program: TerminalHandle, pane: 'tuner' | 'chat') => {
	await program.press('tab');
	await program.waitForText(pane === 'tuner' ? 'Tab chat' : 'Tab tuner', patience);
};

const contextUse = (program: TerminalHandle) => {
	const [, used, size] = /ctx +([\d,]+)\/([\d,]+)/.exec(program.screen()) ?? [];
	return {used: Number(used?.replace(',', '')), size};
};

test('another context size is applied without the weights, and the conversation goes on', async () => {
	await using program = openProgram(home, [guidePath]);
	await waitForState(program, 'ready');
	await ask(program, 'what is vramble?', 'in the same process.');
	const {used, size} = contextUse(program);
	expect(size).toBe('2,048');

	await goTo(program, 'tuner');
	await pressUntil(program, 'down', /^Context/);
	await pressUntil(program, 'left', /1,536$/);
	await program.waitForText('Enter context only', patience);
	program.resetBytes();
	await program.press('enter');
	await program.waitForText('/1,536', patience);
	await program.waitForText(/Enter nothing to do/, patience);
	expect(program.written()).toMatch(/saving state|restoring state|context/);
	expect(program.written()).not.toMatch(/reloading \d+ %/);
	expect(contextUse(program)).toEqual({used, size: '1,536'});

	await goTo(program, 'chat');
	await ask(program, 'What is a GGUF file?', 'What is a GGUF file? A');
	expect(conversationOf(program.screen())).toContain('full-screen terminal program');
	expect(contextUse(program).used).toBeGreaterThan(used);
	await waitForWholeScreen(program);
	await program.press('ctrlD');
	await program.exited;
	expect(home.leftovers()).toEqual([]);
});

test('Esc puts back what was moved', async () => {
	await using program = openProgram(home, [guidePath]);
	await waitForState(program, 'ready');
	await goTo(program, 'tuner');
	await pressUntil(program, 'down', /^Context/);
	await pressUntil(program, 'left', /1,024$/);
	await program.press('esc');
	await program.waitForText(/▸ Context +◂ +2,048[\s\S]*Enter nothing to do/, patience);
	await waitForWholeScreen(program, {isTunerFocused: true});
});

test('settings that llama.cpp would refuse are explained, and nothing changes', async () => {
	await using program = openProgram(home, [guidePath]);
	await waitForState(program, 'ready');
	await ask(program, 'what is vramble?', 'in the same process.');
	const before = contextUse(program);

	await goTo(program, 'tuner');
	await pressUntil(program, 'down', /^V /);
	await pressUntil(program, 'right', /^V q8_0$/);
	await pressUntil(program, 'down', /^Flash/);
	await pressUntil(program, 'right', /off$/);
	await program.waitForText('V q8_0 needs flash attention', patience);
	await program.press('enter');
	await program.waitForText('the settings are as they were', patience);
	const conversation = conversationOf(program.screen());
	expect(conversation).toContain('A quantized V cache needs flash attention.');
	expect(conversation).toContain('Use --flash-attn auto or on, or an f16 V cache.');
	await waitForState(program, 'ready');
	expect(contextUse(program)).toEqual(before);

	await goTo(program, 'chat');
	await ask(program, 'What is a GGUF file?', 'What is a GGUF file? A');
	expect(contextUse(program).used).toBeGreaterThan(before.used);
});
