import type {Key} from 'ink';
import {describe, expect, test} from 'vitest';
import {chatKeys, globalKeys, tunerKeys, verbOf} from '../../source/ui/keymap.js';

const noKey: Key = {
	upArrow: false,
	downArrow: false,
	leftArrow: false,
	rightArrow: false,
	pageDown: false,
	pageUp: false,
	home: false,
	end: false,
	return: false,
	escape: false,
	ctrl: false,
	shift: false,
	tab: false,
	backspace: false,
	delete: false,
	meta: false,
	super: false,
	hyper: false,
	capsLock: false,
	numLock: false,
};

/** As Ink hands it to a handler. */
const press = (input: string, ...held: ReadonlyArray<keyof Key>): [string, Key] => [
	input,
	{...noKey, ...Object.fromEntries(held.map(name => [name, true]))},
];

describe('everywhere', () => {
	test.each([
		[press('', 'tab'), 'nextPane'],
		[press('', 'tab', 'shift'), 'previousPane'],
		[press('', 'escape'), 'stop'],
		[press('c', 'ctrl'), 'interrupt'],
		[press('d', 'ctrl'), 'endOfInput'],
		[press('o', 'ctrl'), 'models'],
		[press('y', 'ctrl'), 'copy'],
		[press('l', 'ctrl'), 'redraw'],
		[press(''), 'help'],
		[press('c'), undefined],
		[press('c', 'meta'), undefined],
		[press('x', 'ctrl'), undefined],
		[press('', 'return'), undefined],
		[press('', 'backspace'), undefined],
		[press('', 'pageUp'), undefined],
	] as const)('%j: %s', (key, verb) => {
		expect(verbOf(globalKeys, ...key)).toBe(verb);
	});
});

describe('tuner', () => {
	test.each([
		[press('', 'upArrow'), 'previousSetting'],
		[press('', 'downArrow'), 'nextSetting'],
		[press('', 'leftArrow'), 'less'],
		[press('', 'rightArrow'), 'more'],
		[press('', 'pageDown'), 'muchLess'],
		[press('', 'pageUp'), 'muchMore'],
		[press('', 'home'), 'least'],
		[press('', 'end'), 'most'],
		[press('', 'return'), 'apply'],
		[press('', 'escape'), 'putBack'],
		[press('u'), 'recall'],
		[press('u', 'ctrl'), undefined],
		[press('u', 'meta'), undefined],
		[press('x'), undefined],
		[press('', 'tab'), undefined],
	] as const)('%j: %s', (key, verb) => {
		expect(verbOf(tunerKeys, ...key)).toBe(verb);
	});
});

describe('chat', () => {
	test.each([
		[press('', 'pageUp'), 'pagedUp'],
		[press('', 'pageDown'), 'pagedDown'],
		[press('', 'home', 'ctrl'), 'wentToTop'],
		[press('', 'end', 'ctrl'), 'toEnd'],
		[press('', 'home'), undefined],
		[press('', 'end'), undefined],
		[press('', 'upArrow'), undefined],
		[press('', 'return'), undefined],
	] as const)('%j: %s', (key, verb) => {
		expect(verbOf(chatKeys, ...key)).toBe(verb);
	});
});

test.each([
	['everywhere', globalKeys],
	['tuner', tunerKeys],
	['chat', chatKeys],
] as const)('%s: each key is explained once, and what is looked for is explained there or in the line before', (_where, bindings) => {
	const explained = bindings.filter(({keys}) => keys !== '');
	expect(new Set(explained.map(({keys}) => keys)).size).toBe(explained.length);
	for (const {text} of explained) expect(text).not.toBe('');
	bindings.forEach(({keys}, index) => {
		if (keys === '') expect(bindings[index - 1]?.keys).toContain(', ');
	});
	const verbs = bindings.flatMap(({does}) => (does ? [does] : []));
	expect(new Set(verbs).size).toBe(verbs.length);
});
