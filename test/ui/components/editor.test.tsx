import {render} from 'ink-testing-library';
import {afterEach, describe, expect, test, vi} from 'vitest';
import {createStore} from '../../../source/lib/store.js';
import {Editor} from '../../../source/ui/components/editor.js';
import {createEditor} from '../../../source/ui/components/editor-reducer.js';
import {useEditor} from '../../../source/ui/components/use-editor.js';

const keys = {
	enter: '\r',
	altEnter: '\u001B\r',
	shiftEnter: '\u001B[13;2u',
	ctrlJ: '\n',
	backspace: '\u007F',
	ctrlBackspace: '\u001B[127;5u',
	altBackspace: '\u001B\u007F',
	delete: '\u001B[3~',
	left: '\u001B[D',
	up: '\u001B[A',
	ctrlLeft: '\u001B[1;5D',
	altLeft: '\u001B[1;3D',
	altB: '\u001Bb',
	home: '\u001B[H',
	end: '\u001B[F',
	ctrlHome: '\u001B[1;5H',
	pageUp: '\u001B[5~',
	f1: '\u001BOP',
	shiftTab: '\u001B[Z',
};
const ctrl = (letter: string) => String.fromCharCode(letter.charCodeAt(0) - 0x60);
const pasted = (text: string) => `\u001B[200~${text}\u001B[201~`;

type PromptProps = {
	readonly store: ReturnType<typeof createStore<ReturnType<typeof createEditor>>>;
	readonly isActive: boolean;
	readonly onSubmit: (text: string) => void;
};
const Prompt = ({store, isActive, onSubmit}: PromptProps) => {
	const {layout} = useEditor({width: 20, isActive, onSubmit, store});
	return <Editor layout={layout} maxRows={3} isActive={isActive} placeholder="Ask something" width={20} />;
};

let unmount: (() => void) | undefined;
afterEach(() => unmount?.());

const open = (isActive = true) => {
	const store = createStore(createEditor(['earlier']));
	const submitted: string[] = [];
	const view = render(<Prompt store={store} isActive={isActive} onSubmit={text => submitted.push(text)} />);
	unmount = view.unmount;
	const marked = () => `${store.get().text.slice(0, store.get().cursor)}|${store.get().text.slice(store.get().cursor)}`;
	return {...view, submitted, marked, type: (...input: readonly string[]) => input.forEach(view.stdin.write)};
};

describe('keys', () => {
	test.each<[string, readonly string[], string]>([
		['letters', ['a', 'b'], 'ab|'],
		['a burst', ['hello'], 'hello|'],
		['Ctrl+J', ['a', keys.ctrlJ, 'b'], 'a\nb|'],
		['Alt+Enter', ['a', keys.altEnter, 'b'], 'a\nb|'],
		['Shift+Enter', ['a', keys.shiftEnter, 'b'], 'a\nb|'],
		['backslash and Enter', ['a\\', keys.enter, 'b'], 'a\nb|'],
		['backspace', ['abc', keys.left, keys.backspace], 'a|c'],
		['held backspace', ['abc', keys.backspace.repeat(2)], 'a|'],
		['delete', ['abc', keys.left, keys.delete], 'ab|'],
		['Ctrl+D', ['abc', keys.left, ctrl('d')], 'ab|'],
		['Ctrl+Left', ['one two', keys.ctrlLeft], 'one |two'],
		['Alt+Left', ['one two', keys.altLeft], 'one |two'],
		['Alt+B', ['one two', keys.altB], 'one |two'],
		['Ctrl+Backspace', ['one two', keys.ctrlBackspace], 'one |'],
		['Alt+Backspace', ['one two', keys.altBackspace], 'one |'],
		['Home, End', ['ab', keys.home, 'x', keys.end, 'y'], 'xaby|'],
		['Ctrl+A, Ctrl+E', ['ab', ctrl('a'), 'x', ctrl('e'), 'y'], 'xaby|'],
		['Ctrl+W, Ctrl+U', ['one two', ctrl('w')], 'one |'],
		['Ctrl+U', ['one two', ctrl('u')], '|'],
		['Ctrl+K', ['one', ctrl('a'), ctrl('k')], '|'],
		['Up', [keys.up], 'earlier|'],
		['a burst with control keys in it', [`one two${ctrl('w')}${ctrl('a')}x`], 'x|one '],
		['held Ctrl+W', ['one two three', ctrl('w').repeat(2)], 'one |'],
		['a paste', [pasted('a\r\nb\u001B[31mc')], 'a\nbc|'],
		['an emoji in parts', ['👩\u200D', '💻', keys.backspace], '|'],
	])('%s', (_, input, expected) => {
		const prompt = open();
		prompt.type(...input);
		expect(prompt.marked()).toBe(expected);
		expect(prompt.submitted).toEqual([]);
	});

	test.each<[string, readonly string[], readonly string[]]>([
		['Enter', ['hi', keys.enter], ['hi']],
		['a burst that ends in Enter', ['hi\r'], ['hi']],
		['a burst with several Enters', ['one\rtwo\r\nthree'], ['one', 'two']],
		['one in CR LF', ['hi\r\n'], ['hi']],
		['two', ['hi', keys.enter, 'ho', keys.enter], ['hi', 'ho']],
		['nothing', [keys.enter], []],
		['only spaces', ['  ', keys.enter], []],
	])('submits: %s', (_, input, expected) => {
		const prompt = open();
		prompt.type(...input);
		expect(prompt.submitted).toEqual(expected);
	});

	test.each<readonly [string, string]>([
		['Tab', '\t'],
		['Shift+Tab', keys.shiftTab],
		['Page Up', keys.pageUp],
		['Ctrl+Home', keys.ctrlHome],
		['F1', keys.f1],
		...['c', 'o', 'l', 'y', 'g', 'r'].map(letter => [`Ctrl+${letter.toUpperCase()}`, ctrl(letter)] as const),
		['an unknown sequence', '\u001B[57;9;1~'],
		['Alt+X', '\u001Bx'],
	])('leaves %s to the program', (_, input) => {
		const prompt = open();
		prompt.type('ab', keys.left, input);
		expect(prompt.marked()).toBe('a|b');
	});

	test('Esc is left to the program', async () => {
		const prompt = open();
		prompt.type('ab', '\u001B');
		await vi.waitFor(() => expect(prompt.marked()).toBe('ab|'));
	});

	test('does nothing while it is not active', () => {
		const prompt = open(false);
		prompt.type('a', pasted('b'));
		expect(prompt.marked()).toBe('|');
	});
});

describe('view', () => {
	test('a placeholder, then the text', async () => {
		const prompt = open();
		expect(prompt.lastFrame()).toBe('› Ask something');
		prompt.type('hi');
		await vi.waitFor(() => expect(prompt.lastFrame()).toBe('› hi'));
	});

	test('wraps, and scrolls to the cursor', async () => {
		const prompt = open();
		prompt.type('012345678901234567漢字');
		await vi.waitFor(() => expect(prompt.lastFrame()).toBe('› 012345678901234567\n  漢字'));
		prompt.type('\n1\n2');
		await vi.waitFor(() => expect(prompt.lastFrame()).toBe('  漢字\n  1\n  2'));
	});
});
