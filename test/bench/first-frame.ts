import {openTerminal} from '../support/terminal.ts';
import {openProgram, type Scratch} from './program.ts';
import {type Line, median, spread} from './report.ts';

const bareNodeMs = async () => {
	const startedAt = performance.now();
	await openTerminal({args: ['-e', '0'], columns: 120, rows: 32}).exited;
	return performance.now() - startedAt;
};

const firstFrameMs = async (scratch: Scratch) => {
	const startedAt = performance.now();
	await using terminal = openProgram([], scratch.env);
	await terminal.waitUntil(screen => terminal.isAlternateScreen() && screen.trim() !== '');
	return performance.now() - startedAt;
};

/** From the start of the process to the first text on the terminal, against a Node.js that does nothing. */
export const benchFirstFrame = async (scratch: Scratch, rounds: number): Promise<Line[]> => {
	const bare: number[] = [];
	const frame: number[] = [];
	await bareNodeMs();
	await firstFrameMs(scratch);
	for (let round = 0; round < rounds; round++) {
		bare.push(await bareNodeMs());
		frame.push(await firstFrameMs(scratch));
	}

	return [
		{
			name: 'first frame / bare node',
			value: median(frame) / median(bare),
			unit: 'x',
			digits: 2,
			bar: 6,
			detail: `${median(frame).toFixed(0)} ms (${spread(frame)}) / ${median(bare).toFixed(0)} ms (${spread(bare)}), ${rounds} runs`,
		},
	];
};
