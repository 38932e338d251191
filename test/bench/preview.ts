import {setTimeout as delay} from 'node:timers/promises';
import {keys} from '../support/keys.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {meanOnScreen} from './generation.ts';
import {inTurns, openProgram, patience, type Scratch, waitForState} from './program.ts';
import {selectSetting} from './reload.ts';
import {type Line, median, spread} from './report.ts';

const prompt = 'Write a long story about a lighthouse keeper who finds a strange machine.';
/** One core is left to the screen, and to this program, which stands for the terminal. */
const flags = ['--temp', '0', '-n', '300', '-t', '1', '-c', '4096'];
/** As terminals repeat a key that is held down. */
const repeatMs = 33;
/** Then it is let go, so that the exact numbers are asked for. */
const restMs = 700;
/** The speed of an answer that is over is on the screen. */
const calmMs = 1000;
/** Of a round: the machine is not as fast from one ten seconds to the next, so answers follow each other in one program, and there are many. */
const pairsPerRound = 4;
const leastSteps = 5;

/** Each by so many steps, one way and back: another number rests at settings that were not asked about yet. */
const holdArrows = async (terminal: TerminalHandle, steps: number, isOver: () => boolean) => {
	for (let count = 0; !isOver(); count++) {
		await terminal.type(Math.floor(count / steps) % 2 === 0 ? keys.left : keys.right);
		await delay(count % steps === steps - 1 ? restMs : repeatMs);
	}
};

/** The keys are in the tuner all the time: what is compared is moving (`steps`), not looking. */
const answer = async (terminal: TerminalHandle, steps?: number): Promise<number> => {
	await terminal.type(keys.shiftTab, '/clear', keys.enter, prompt, keys.enter, keys.tab);
	await waitForState(terminal, 'writing', patience);
	let isOver = false;
	const over = waitForState(terminal, 'ready', patience).finally(() => {
		isOver = true;
	});
	if (steps !== undefined) await holdArrows(terminal, steps, () => isOver);
	await over;
	await delay(calmMs);
	const mean = meanOnScreen(terminal.screen());
	if (mean === undefined) throw new Error(`There is no speed on the screen:\n${terminal.screen()}`);
	return mean;
};

/** What an arrow key that is held down in the tuner takes from the answer that is written. */
export const benchPreview = async (model: string, scratch: Scratch, rounds: number): Promise<Line[]> => {
	await using terminal = openProgram([model, ...flags], scratch.env);
	await waitForState(terminal, 'ready', patience);
	await selectSetting(terminal, 'Context');
	await answer(terminal, leastSteps - 1); // the first one finds the program cold
	const still: number[] = [];
	const moved: number[] = [];
	for (let pair = 0; pair < rounds * pairsPerRound; pair++) {
		const turns = [async () => still.push(await answer(terminal)), async () => moved.push(await answer(terminal, leastSteps + pair))];
		for (const turn of inTurns(turns, pair)) await turn();
	}

	const cost = still.map((value, pair) => (1 - (moved[pair] ?? Number.NaN) / value) * 100);
	const perSecond = (values: readonly number[]) => `${median(values).toFixed(1)} tok/s (${spread(values, 1)})`;
	return [
		{
			name: 'cost of moving while writing',
			value: median(cost),
			unit: '%',
			digits: 1,
			bar: 3,
			detail: `${perSecond(moved)} against ${perSecond(still)}; ${cost.length} pairs, ${spread(cost, 1)} %`,
		},
	];
};
