import {openProgram, patience, type Scratch, stateOf, waitForState} from './program.ts';
import {type Line, percentile} from './report.ts';

const longAnswer = ['--temp', '0', '-t', '1'];
/** Enough for a 95th percentile; a person types ten a second. */
const keysWhileWriting = 60;
const letters = 'abcdefghijklmnopqrstuvwxyz';

type Terminal = ReturnType<typeof openProgram>;

/** From the write into the pseudo-terminal to the screen on which the letter stands. */
const timeKey = async (terminal: Terminal, typed: string, letter: string): Promise<number> => {
	const startedAt = performance.now();
	const sent = terminal.type(letter);
	await terminal.waitUntil(screen => screen.includes(typed + letter), patience);
	const elapsedMs = performance.now() - startedAt;
	await sent;
	return elapsedMs;
};

const typeWhile = async (terminal: Terminal, goesOn: (count: number) => boolean): Promise<number[]> => {
	const times: number[] = [];
	let typed = '';
	for (let count = 0; goesOn(count); count++) {
		const letter = letters.charAt(count % letters.length);
		times.push(await timeKey(terminal, typed, letter));
		typed = (typed + letter).slice(-letters.length);
	}

	return times;
};

/** How long a key takes to be seen, from the first frame until the model is ready, and while an answer is written. */
export const benchKeys = async (model: string, scratch: Scratch, rounds: number): Promise<Line[]> => {
	const loading: number[] = [];
	const writing: number[] = [];
	for (let round = 0; round < rounds; round++) {
		await using terminal = openProgram([model, ...longAnswer], scratch.env);
		await terminal.waitForText('Machine', patience);
		loading.push(...(await typeWhile(terminal, () => stateOf(terminal.screen()) !== 'ready')));
		await terminal.type('\u0015');
		await terminal.type('Write a long story about a lighthouse keeper.', '\r');
		await waitForState(terminal, 'writing', patience);
		writing.push(...(await typeWhile(terminal, count => count < keysWhileWriting)));
	}

	const line = (name: string, times: readonly number[]): Line => ({
		name,
		value: percentile(times, 95),
		unit: 'ms',
		digits: 0,
		bar: 50,
		detail: `95th percentile of ${times.length}; median ${percentile(times, 50).toFixed(0)}, most ${Math.max(...times).toFixed(0)}`,
	});
	return [line('key while loading', loading), line('key while writing', writing)];
};
