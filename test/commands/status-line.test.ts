import {expect, test} from 'vitest';
import {createStatusLine} from '../../source/commands/status-line.js';

const write = (isTTY: boolean, columns?: number) => {
	const written: string[] = [];
	const terminal = {isTTY, write: (text: string) => written.push(text), ...(columns !== undefined && {columns})};
	return {written, line: createStatusLine(terminal)};
};

test('one line, drawn over itself and gone at the end', () => {
	const {line, written} = write(true);
	line.clear();
	line.show('Reading the header …');
	line.show('Starting llama.cpp …');
	line.clear();
	line.clear();
	expect(written).toEqual(['\r\u001B[KReading the header …', '\r\u001B[KStarting llama.cpp …', '\r\u001B[K']);
});

test('not wider than the terminal, which would make it two lines', () => {
	const {line, written} = write(true, 8);
	line.show('Starting llama.cpp …');
	expect(written).toEqual(['\r\u001B[KStartin']);
});

test('nothing where there is no terminal', () => {
	const {line, written} = write(false);
	line.show('Reading the header …');
	line.clear();
	expect(written).toEqual([]);
});
