import {duration} from '../lib/format.js';
import {createRemaining} from '../lib/remaining.js';
import type {BenchStep} from './bench-runner.js';

type Terminal = {readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown};

const eraseLine = '\r\u001B[K';
const leastIntervalMs = 100;

/** One line on a terminal that says what is measured and how long all of it will take; nothing where there is no terminal. */
export const createBenchProgress = (terminal: Terminal, total: number, now: () => number = () => performance.now()) => {
	const remaining = createRemaining(now);
	let done = 0;
	let what = '';
	let drawnAt = Number.NEGATIVE_INFINITY;
	let isDrawn = false;

	const clear = () => {
		if (isDrawn) terminal.write(eraseLine);
		isDrawn = false;
	};

	return {
		/** Before each test. */
		begin(name: string) {
			what = name;
			drawnAt = Number.NEGATIVE_INFINITY;
		},
		step(step: BenchStep, progress: number) {
			const left = step === 'measuring' ? remaining((done + progress) / total) : undefined;
			if (!terminal.isTTY || now() - drawnAt < leastIntervalMs) return;
			drawnAt = now();
			isDrawn = true;
			const time = left === undefined ? '' : `, about ${duration(left)} left`;
			const line = `${done + 1}/${total} ${what}: ${step} ${Math.floor(progress * 100)} %${time}`;
			terminal.write(eraseLine + line.slice(0, (terminal.columns ?? 80) - 1));
		},
		end() {
			done++;
			clear();
		},
		clear,
	};
};
