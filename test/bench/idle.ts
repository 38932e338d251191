import {setTimeout as delay} from 'node:timers/promises';
import {sessionCpuMs} from './cpu-time.ts';
import {openProgram, patience, type Scratch, waitForState} from './program.ts';
import type {Line} from './report.ts';

/** What a load still changes on the screen when it is over: gauges, neighbours' dry runs, the first probe of this machine's speed. */
const calmMs = 5000;
const idleMs = 20_000;

/** What the screen writes and takes when a model is loaded and nothing happens. */
export const benchIdle = async (model: string, scratch: Scratch): Promise<Line[]> => {
	await using terminal = openProgram([model], scratch.env);
	await waitForState(terminal, 'ready', patience);
	await delay(calmMs);
	terminal.resetBytes();
	const cpuBefore = sessionCpuMs(terminal.pid);
	const startedAt = performance.now();
	await delay(idleMs);
	const elapsedMs = performance.now() - startedAt;
	const cpuAfter = sessionCpuMs(terminal.pid);
	const cpu = cpuBefore === undefined || cpuAfter === undefined ? undefined : ((cpuAfter - cpuBefore) / elapsedMs) * 100;
	const detail = `over ${(elapsedMs / 1000).toFixed(0)} s`;
	return [
		{name: 'written for an idle second', value: (terminal.bytes() / elapsedMs) * 1000, unit: 'bytes', digits: 0, bar: 400, detail},
		{name: 'idle, share of a core', value: cpu, unit: '%', digits: 1, bar: 2, detail: cpu === undefined ? 'no /proc here' : detail},
	];
};
