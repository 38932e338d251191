import {type KeyName, keys} from '../support/keys.ts';
import type {WaitOptions} from '../support/screen.ts';
import type {TerminalHandle} from '../support/terminal.ts';
import {openProgram, patience, type Scratch, stateOf, waitForState} from './program.ts';
import {type Line, median, spread} from './report.ts';

const prompt = 'What is a context?';
/** A key that changes nothing on the screen for so long has changed nothing. */
const noEffect: WaitOptions = {timeoutMs: 1000};

/** Presses a key; false: `read` still says the same. */
const pressToChange = async (terminal: TerminalHandle, key: KeyName, read: (screen: string) => string | undefined): Promise<boolean> => {
	const before = read(terminal.screen());
	await terminal.press(key);
	return terminal
		.waitUntil(screen => read(screen) !== before, noEffect)
		.then(() => true)
		.catch(() => false);
};

/** The label of the tuner's setting that the arrow keys change. */
const selectedIn = (screen: string) => /▸ ([A-Z][\w ]*?) +◂/i.exec(screen)?.[1];

const focusTuner = async (terminal: TerminalHandle) => {
	for (let presses = 0; presses < 4 && selectedIn(terminal.screen()) === undefined; presses++) {
		await pressToChange(terminal, 'tab', selectedIn);
	}
};

const select = async (terminal: TerminalHandle, label: string) => {
	while (await pressToChange(terminal, 'up', selectedIn));
	while (selectedIn(terminal.screen()) !== label && (await pressToChange(terminal, 'down', selectedIn)));
	if (selectedIn(terminal.screen()) !== label) throw new Error(`The tuner does not lead to “${label}”:\n${terminal.screen()}`);
};

/** Leads the keys to a setting of the tuner. */
export const selectSetting = async (terminal: TerminalHandle, label: string) => {
	await focusTuner(terminal);
	await select(terminal, label);
};

const change = async (terminal: TerminalHandle, label: string, key: KeyName) => {
	await select(terminal, label);
	await terminal.press(key);
};

const applyMs = async (terminal: TerminalHandle) => {
	await terminal.waitForText(/Enter (?:context only|full reload)/);
	const startedAt = performance.now();
	await terminal.press('enter');
	await terminal.waitUntil(screen => screen.includes('Enter nothing to do') && stateOf(screen) === 'ready', patience);
	return performance.now() - startedAt;
};

type Times = {readonly context: number[]; readonly model: number[]; readonly device: string};

const measure = async (model: string, env: Readonly<Record<string, string>>, rounds: number): Promise<Times> => {
	await using terminal = openProgram([model, '--temp', '0', '-n', '60', '-t', '1'], env);
	await waitForState(terminal, 'ready', patience);
	await terminal.type(prompt, keys.enter);
	await waitForState(terminal, 'writing', patience);
	await waitForState(terminal, 'ready', patience);
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
