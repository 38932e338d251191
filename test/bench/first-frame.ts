import {openTerminal} from '../support/terminal.ts';
import {cliPath, openProgram, type Scratch} from './program.ts';
import {type Line, median, spread} from './report.ts';

const exitMs = async (...args: readonly string[]) => {
	const startedAt = performance.now();
	await openTerminal({args, columns: 120, rows: 32}).exited;
	return performance.now() - startedAt;
};

const bareNodeMs = () => exitMs('-e', '0');

const firstFrameMs = async (scratch: Scratch) => {
	const startedAt = performance.now();
	await using terminal = openProgram([], scratch.env);
	await terminal.waitUntil(screen => terminal.isAlternateScreen() && screen.trim() !== '');
	return performance.now() - startedAt;
};

/** From the start of the process to the first text on the terminal, and to the end of `--help`, against a Node.js that does nothing. */
export const benchFirstFrame = async (scratch: Scratch, rounds: number): Promise<Line[]> => {
	const bare: number[] = [];
	const frame: number[] = [];
	const help: number[] = [];
	await bareNodeMs();
	await firstFrameMs(scratch);
	for (let round = 0; round < rounds; round++) {
		bare.push(await bareNodeMs());
		frame.push(await firstFrameMs(scratch));
		help.push(await exitMs(cliPath, '--help'));
	}

	const against = (name: string, taken: readonly number[], bar: number): Line => ({
		name: `${name} / bare node`,
		value: median(taken) / median(bare),
		unit: 'x',
		digits: 2,
		bar,
		detail: `${median(taken).toFixed(0)} ms (${spread(taken)}) / ${median(bare).toFixed(0)} ms (${spread(bare)}), ${rounds} runs`,
	});
	return [against('first frame', frame, 5), against('--help', help, 2)];
};
