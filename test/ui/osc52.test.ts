import {expect, test} from 'vitest';
import {osc52} from '../../source/ui/osc52.js';
import {createScreen} from '../support/screen.js';

const text = 'Grüße, 世界 👩‍💻\nsecond line';
const sequence = `]52;c;${Buffer.from(text).toString('base64')}\u0007`;

test.each([
	['a terminal', {TERM: 'xterm-256color'}, `\u001B${sequence}`],
	['nothing known', {}, `\u001B${sequence}`],
	[
		'tmux, where every escape is doubled',
		{TMUX: '/tmp/tmux-1000/default,1,0', TERM: 'screen'},
		`\u001BPtmux;\u001B\u001B${sequence}\u001B\\`,
	],
	['screen', {TERM: 'screen.xterm-256color'}, `\u001BP\u001B${sequence}\u001B\\`],
])('%s', (_where, env, expected) => {
	expect(osc52(text, env)).toBe(expected);
});

const copy = async (copied: string) => {
	const {view, write} = createScreen({columns: 20, rows: 3, onReply: () => {}});
	await write(osc52(copied, {}));
	return view;
};

test('a terminal takes it as its clipboard', async () => {
	const terminal = await copy(text);
	expect([terminal.clipboard(), terminal.screen()]).toEqual([text, '']);
});

test.each(['ä', 'aä', '👩‍💻', 'a👩‍💻'])('more than terminals take is cut between two characters: %s …', async start => {
	const long = `${start}${'👋ä'.repeat(20_000)}`;
	const terminal = await copy(long);
	expect(terminal.bytes()).toBeLessThan(100_000);
	expect(Buffer.byteLength(terminal.clipboard() ?? '')).toBeGreaterThan(73_990);
	expect(long.startsWith(terminal.clipboard() ?? 'nothing')).toBe(true);
});
