import {duration} from '../lib/format.js';
import {createRemaining} from '../lib/remaining.js';
import type {BenchStep} from './bench-runner.js';
import {createStatusLine, type Terminal} from './status-line.js';

const leastIntervalMs = 100;

/** One line on a terminal that says what is measured and how long all of it will take; nothing where there is no terminal. */
export const createBenchProgress = (terminal: Terminal, total: number | undefined, now: () => number = () => performance.now()) => {
	const remaining = createRemaining(now);
	let done = 0;
	let what = '';
	let drawnAt = Number.NEGATIVE_INFINITY;
	const line = createStatusLine(terminal);

	return {
		/** Before each test. */
		begin(name: string) {
			what = name;
			drawnAt = Number.NEGATIVE_INFINITY;
		},
		step(step: BenchStep, progress: number) {
			const left = total !== undefined && step === 'measuring' ? remaining((done + progress) / total) : undefined;
			if (now() - drawnAt < leastIntervalMs) return;
			drawnAt = now();
			const time = left === undefined ? '' : `, about ${duration(left)} left`;
			line.show(`${done + 1}${total === undefined ? '' : `/${total}`} ${what}: ${step} ${Math.floor(progress * 100)} %${time}`);
		},
		end() {
			done++;
			line.clear();
		},
		clear: line.clear,
	};
};
