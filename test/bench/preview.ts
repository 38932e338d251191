import {setTimeout as delay} from 'node:timers/promises';
import {keys} from '../support/keys.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {meanOnScreen} from './generation.ts';
import {openProgram, patience, type Scratch, waitForState} from './program.ts';
import {selectSetting} from './reload.ts';
import {type Line, median, spread} from './report.ts';

const prompt = 'Write a long story about a lighthouse keeper who finds a strange machine.';
/** Long enough that what the first dry run takes is little of it, and what else the machine does evens out. */
const flags = ['--temp', '0', '-n', '1000', '-t', '1', '-c', '4096'];
/** As terminals repeat a key that is held down. */
const repeatMs = 33;
const repeats = 30;
/** Then it is let go, so that the exact numbers are asked for. */
const restMs = 700;
/** What an answer still changes on the screen when it is over. */
const calmMs = 2000;

const holdArrows = async (terminal: TerminalHandle, isOver: () => boolean) => {
	for (let count = 0; !isOver(); count++) {
		await terminal.type(Math.floor(count / repeats) % 2 === 0 ? keys.left : keys.right);
		await delay(count % repeats === repeats - 1 ? restMs : repeatMs);
	}
};

/** Both go to the tuner first: what is compared is moving, not looking. */
const answer = async (model: string, env: Readonly<Record<string, string>>, label: string, isMoving: boolean) => {
	await using terminal = openProgram([model, ...flags], env);
	await waitForState(terminal, 'ready', patience);
	await selectSetting(terminal, label);
	await terminal.type(keys.shiftTab, prompt, keys.enter, keys.tab);
	await waitForState(terminal, 'writing', patience);
	let isOver = false;
	const over = waitForState(terminal, 'ready', patience).finally(() => {
		isOver = true;
	});
	if (isMoving) await holdArrows(terminal, () => isOver);
	await over;
	await delay(calmMs);
	const mean = meanOnScreen(terminal.screen());
	if (mean === undefined) throw new Error(`There is no speed on the screen:\n${terminal.screen()}`);
	return mean;
};

/** What an arrow key that is held down in the tuner takes from the answer that is written. */
export const benchPreview = async (model: string, scratch: Scratch, rounds: number): Promise<Line[]> => {
	const still: number[] = [];
	const moved: number[] = [];
	for (let round = 0; round < rounds; round++) {
		still.push(await answer(model, scratch.env, 'Context', false));
		moved.push(await answer(model, scratch.env, 'Context', true));
	}

	const cost = still.map((value, round) => (1 - (moved[round] ?? Number.NaN) / value) * 100);
	const perSecond = (values: readonly number[]) => `${median(values).toFixed(1)} tok/s (${spread(values, 1)})`;
	return [
		{
			name: 'cost of moving while writing',
			value: median(cost),
			unit: '%',
			digits: 1,
			bar: 3,
			detail: `${perSecond(moved)} against ${perSecond(still)}; ${rounds} pairs, ${spread(cost, 1)} %`,
		},
	];
};
