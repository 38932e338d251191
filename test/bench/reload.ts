import {setTimeout as delay} from 'node:timers/promises';
import {type KeyName, keys} from '../support/keys.ts';
import {openProgram, type Scratch, stateOf, waitForState} from '../support/program.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {type Line, median, spread} from './report.ts';

const prompt = 'What is a context?';
/** An arrow key is on the screen within a frame or two; the rest is for a busy machine. */
const keyEchoMs = 300;

const settingOf = (screen: string, label: string) => new RegExp(String.raw`${label}[^\d\n]*([\d,]+)`).exec(screen)?.[1];

const focusTuner = async (terminal: TerminalHandle) => {
	for (let presses = 0; presses < 4; presses++) {
		if (terminal.screen().includes('Esc put back')) return;
		await terminal.press('tab');
		await delay(keyEchoMs);
	}

	throw new Error(`Tab does not lead to the tuner:\n${terminal.screen()}`);
};

/** Moves the setting with this label, wherever in the tuner it stands. */
const change = async (terminal: TerminalHandle, label: string, key: KeyName) => {
	const before = settingOf(terminal.screen(), label);
	for (const towards of ['up', 'down'] as const) {
		for (let line = 0; line < 8; line++) {
			await terminal.press(key);
			await delay(keyEchoMs);
			if (settingOf(terminal.screen(), label) !== before) return;
			await terminal.press('esc', towards);
		}
	}

	throw new Error(`The tuner cannot move “${label}”:\n${terminal.screen()}`);
};

const applyMs = async (terminal: TerminalHandle) => {
	await terminal.waitForText('not applied yet');
	const startedAt = performance.now();
	await terminal.press('enter');
	await terminal.waitUntil(screen => !screen.includes('not applied yet') && stateOf(screen) === 'ready', {timeoutMs: 180_000});
	return performance.now() - startedAt;
};

type Times = {readonly context: number[]; readonly model: number[]; readonly device: string};

const measure = async (model: string, env: Readonly<Record<string, string>>, rounds: number): Promise<Times> => {
	await using terminal = openProgram([model, '--temp', '0', '-n', '60', '-t', '1'], env);
	await waitForState(terminal, 'ready');
	await terminal.type(prompt, keys.enter);
	await waitForState(terminal, 'writing');
	await waitForState(terminal, 'ready');
	const [title = ''] = terminal.screen().split('\n', 1);
	const device = title.includes('CPU only') ? 'CPU only' : (/(?:CUDA|Vulkan|Metal).*?(?=\s{2})/.exec(title)?.[0] ?? '');
	const times: Times = {context: [], model: [], device};
	await focusTuner(terminal);
	for (let round = 0; round < rounds; round++) {
		const isBack = round % 2 === 1;
		await change(terminal, 'Context', isBack ? 'right' : 'left');
		times.context.push(await applyMs(terminal));
		if (device === 'CPU only') continue;
		await change(terminal, 'GPU layers', isBack ? 'right' : 'left');
		times.model.push(await applyMs(terminal));
	}

	return times;
};

/** Mesa's software device, where it is installed: llama.cpp leaves it out unless it is named. */
const softwareDevice = {GGML_VK_VISIBLE_DEVICES: '0'};

/** From Enter in the tuner to `ready`, after a short conversation that is kept. */
export const benchReloads = async (model: string, scratch: Scratch, rounds: number): Promise<Line[]> => {
	const asItIs = await measure(model, scratch.env, rounds);
	const full = asItIs.model.length > 0 ? asItIs : await measure(model, {...scratch.env, ...softwareDevice}, rounds);
	const line = (name: string, times: readonly number[], detail: string): Line => ({
		name,
		value: times.length === 0 ? undefined : median(times),
		unit: 'ms',
		digits: 0,
		detail: times.length === 0 ? 'no device whose layers could be changed' : `${spread(times)}, ${times.length} runs, ${detail}`,
	});
	return [
		line('rebuild of the context', asItIs.context, asItIs.device),
		...(full === asItIs || full.model.length === 0 ? [] : [line('rebuild of the context', full.context, full.device)]),
		line('full reload', full.model, full.device),
	];
};
