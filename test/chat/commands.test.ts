import {expect, test} from 'vitest';
import {commands, parseInput} from '../../source/chat/commands.js';

const text = (of: string) => ({type: 'text', text: of});
const command = (name: string, argument = '') => ({type: 'command', name, argument});

test.each([
	['hello', text('hello')],
	['', text('')],
	['/', text('/')],
	['/etc/hosts', text('/etc/hosts')],
	['/etc', {type: 'unknown', name: 'etc'}],
	['/ help', text('/ help')],
	['/Help', text('/Help')],
	['//help', text('//help')],
	['what does /help do?', text('what does /help do?')],
	['/help', command('help')],
	['/help ', command('help')],
	['/helpme', {type: 'unknown', name: 'helpme'}],
	['/nope with words', {type: 'unknown', name: 'nope'}],
	['/model /models/a b.gguf', command('model', '/models/a b.gguf')],
	['/system   Answer in\nFrench. ', command('system', 'Answer in\nFrench.')],
	['/system\nAnswer in French.', command('system', 'Answer in French.')],
])('%j', (typed, parsed) => {
	expect(parseInput(typed)).toEqual(parsed);
});

test('each command that the help lists is one, and is explained', () => {
	for (const {name, text: explanation} of commands) {
		expect(parseInput(`/${name}`)).toEqual(command(name));
		expect(explanation).not.toBe('');
	}
});
