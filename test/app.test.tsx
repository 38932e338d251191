import {describe, expect, test, vi} from 'vitest';
import {App} from '../source/app.js';
import {EngineError} from '../source/engine/engine-errors.js';
import type {ModelFacts} from '../source/engine/types.js';
import {toAscii} from '../source/ui/ascii-output.js';
import {asciiGlyphs, createTheme, type Theme, unicodeGlyphs} from '../source/ui/theme.js';
import {baseSettings, cpuDevice, createFakeEngine} from './support/fake-engine.js';
import {bigModel, createFakeServices} from './support/fake-services.js';
import {renderScreen} from './support/render-screen.js';
import type {ScreenView} from './support/screen.js';

// chalk decides about colours when it is imported; here no terminal is near.
vi.hoisted(() => {
	process.env.FORCE_COLOR = '3';
});

const theme = createTheme(unicodeGlyphs);
const otherModel: ModelFacts = {...bigModel, path: '/models/other.gguf', name: 'other', layers: 33};
const brokenModel = new EngineError('bad-model', 'broken.gguf is cut off.', {advice: 'Download it again.'});
const models = {[bigModel.path]: bigModel, [otherModel.path]: otherModel, '/models/broken.gguf': brokenModel};

const sizes = [
	[120, 32],
	[80, 24],
	[60, 16],
] as const;

type Options = {
	readonly columns?: number;
	readonly rows?: number;
	readonly theme?: Theme;
	/** Default: a model is loaded, and the main screen stands. */
	readonly firstScreen?: 'main' | 'models';
} & Parameters<typeof createFakeEngine>[0];

/** The whole program over fake edges. */
const start = ({columns = 80, rows = 24, theme: drawnIn = theme, firstScreen = 'main', ...options}: Options = {}) => {
	const fake = createFakeEngine(options);
	const {services, copied} = createFakeServices({fake, models, wanted: baseSettings});
	const left: string[] = [];
	const app = (
		<App
			services={services}
			theme={drawnIn}
			firstScreen={firstScreen}
			onQuit={() => left.push('quit')}
			onRedraw={() => {
				left.push('redraw');
				screen.redraw();
			}}
		/>
	);
	const screen = renderScreen(app, {columns, rows});
	return {
		...screen,
		...fake,
		services,
		copied,
		left,
		resize(newColumns: number, newRows: number) {
			screen.resize(newColumns, newRows);
			screen.redraw();
		},
		async submit(text: string) {
			await screen.type(text, '\r');
		},
		async waitForGone(text: string) {
			return screen.waitUntil(shown => !shown.includes(text));
		},
		async [Symbol.asyncDispose]() {
			await screen.unmount();
			await services.dispose();
		},
	};
};

const open = async (options?: Options) => {
	const screen = start(options);
	void screen.services.open(bigModel.path);
	await screen.waitForText('ready');
	return screen;
};

/** A conversation of one question. */
const talk = async (options?: Options) => {
	const screen = await open(options);
	await screen.submit('hello');
	await screen.waitForText('You said: hello');
	await screen.waitForText('ready');
	return screen;
};

/** One title line, at the top; frames as wide as the screen and closed; the footer in the last row but one, nothing below it. */
const expectWhole = (screen: ScreenView) => {
	const lines = screen.lines();
	const {columns} = screen.size();
	expect(lines.filter(line => line.startsWith(' vramble'))).toHaveLength(1);
	expect(lines[0]).toMatch(/^ vramble/);
	expect(lines.at(-2)).toMatch(/^ (Tab|Ctrl\+C again quits)/);
	expect(lines.at(-1)).toBe('');
	for (const line of lines) {
		if (/^[╭│╰]/.test(line)) expect([[...line].length, line]).toEqual([columns, expect.stringMatching(/[╮│╯]$/)]);
		if (/^─/.test(line)) expect(line).toBe('─'.repeat(columns));
	}
};

describe.each(sizes)('%i x %i', (columns, rows) => {
	const size = {columns, rows};

	test('from the model list to an answer', async () => {
		await using screen = start({...size, firstScreen: 'models'});
		await screen.waitForText('▸ big  42.5 GB');
		expect(screen.lines().at(-1)).toBe('');
		await screen.press('enter');
		await screen.waitForText(/big .* CUDA .*RTX 3060 +● ready/);
		await screen.waitForText('Ask big something.');
		expectWhole(screen);
		await screen.submit('what is a layer?');
		await screen.waitForText('You said: what is a layer?');
		await screen.waitForText('› what is a layer?');
		await screen.waitForText('ready');
		expectWhole(screen);
	});

	test('a setting is moved and applied', async () => {
		await using screen = await open(size);
		await screen.press('tab', 'right');
		await screen.waitForText(/▸ *GPU layers +◂ *13 \/ 81 *▸/);
		await screen.waitForText('was 12');
		await screen.waitForText('full reload');
		expectWhole(screen);
		await screen.press('enter');
		await screen.waitForGone('was 12');
		await screen.waitForText('nothing to do');
		expect(screen.services.engine.get().applied?.gpuLayers).toBe(13);
		expectWhole(screen);
	});

	test('every setting can be seen', async () => {
		await using screen = await open(size);
		await screen.press('tab');
		await screen.waitForText('nothing to do');
		expectWhole(screen);
		expect(screen.screen()).toMatch(/12 \/ 81/);
		for (const value of [/Context +4,096/, /K +f16/, /V +f16/, /Batch +512/, /Threads +4/, /Flash \w+ +auto/]) {
			expect(screen.screen()).toMatch(value);
		}
	});

	test('resized while text streams, nothing is left behind', async () => {
		await using screen = await open({...size, reply: () => `${'word '.repeat(12)}end`});
		let release = screen.hold('answer');
		await screen.submit('hello');
		for (const [nextColumns, nextRows] of [...sizes, [71, 19], [200, 50], [columns, rows]] as const) {
			await screen.waitForText('writing');
			await screen.settled();
			screen.resize(nextColumns, nextRows);
			const next = screen.hold('answer');
			release();
			release = next;
			await screen.waitUntil(() => screen.lines().at(-2)?.startsWith(' Tab') === true);
			await screen.settled();
			expectWhole(screen);
		}

		release();
		await screen.waitForText('word end');
		await screen.waitForText('ready');
		expectWhole(screen);
	});
});

describe('loading', () => {
	test('what is typed is seen and what is asked waits, then it is answered', async () => {
		await using screen = start({firstScreen: 'models'});
		const release = screen.hold('loadModel');
		await screen.waitForText('▸ big');
		await screen.press('enter');
		await screen.waitForText('loading 50 %');
		await screen.submit('first');
		await screen.waitForText('› first · queued');
		await screen.submit('second');
		await screen.type('and a draft');
		await screen.waitForText('› and a draft');
		await screen.press('tab');
		await screen.waitForText('The settings can be moved when the model is loaded.');
		expectWhole(screen);
		release();
		await screen.waitForText(/› first\n+ +You said: first\n+ +› second\n+ +You said: second/);
		expect(screen.screen()).toContain('› and a draft');
	});

	test('Esc stops a load', async () => {
		await using screen = start();
		screen.hold('loadModel');
		void screen.services.open(bigModel.path);
		await screen.waitForText('loading 50 %');
		await screen.press('esc');
		await screen.waitForText('Stopped: no model is loaded.');
		await screen.waitForText('● no model');
		await screen.submit('anyone?');
		await screen.waitForText('No model is loaded: the question waits.');
	});

	test('Esc stops evaluating the conversation again: the model stays, and the next question evaluates the rest', async () => {
		await using screen = await talk();
		screen.hold('replay');
		await screen.submit('/model /models/other.gguf');
		await screen.waitForText('Keep the conversation?');
		await screen.type('y');
		await screen.waitForText('● evaluating again 50 %');
		await screen.submit('and now?');
		await screen.press('esc');
		await screen.waitForText('Stopped: the model is loaded; the next question evaluates the rest.');
		await screen.waitForText(/vramble +other .* ready/);
		await screen.waitForText('1 question waits: Enter asks, Esc takes back');
		expect(screen.services.engine.get()).toMatchObject({applied: baseSettings, contextUsed: 5});
		await screen.press('enter');
		await screen.waitForText('You said: and now?');
	});

	test('while a load is being stopped, nobody says that no model is loaded', async () => {
		await using screen = start();
		const release = screen.hold('dryRun');
		void screen.services.open(bigModel.path);
		await screen.press('tab');
		await screen.waitForText('loading fitting layers');
		screen.services.engine.cancel();
		await screen.waitForText('● stopping …');
		expect(screen.screen()).toContain('The settings can be moved when the model is loaded.');
		release();
	});

	test('a file that is no model: the reason is told, and the model before stays', async () => {
		await using screen = await open();
		await screen.submit('/model /models/broken.gguf');
		await screen.waitForText('broken.gguf is cut off. Download it again.');
		await screen.submit('/model /models/nowhere.gguf');
		await screen.waitForText('There is no /models/nowhere.gguf here.');
		expect(screen.screen()).toMatch(/vramble +big .* ready/);
	});

	test('where another model cannot be loaded, the one before comes back with the conversation', async () => {
		let refusals = 0;
		await using screen = await talk({refuse: verb => (verb === 'loadModel' && refusals-- > 0 ? 'out-of-memory' : undefined)});
		refusals = 1;
		await screen.submit('/model /models/other.gguf');
		await screen.waitForText('Keep the conversation?');
		await screen.type('y');
		await screen.waitForText('No: loadModel. It was told to. Now: going back to big.');
		await screen.waitForText(/vramble +big .* ready/);
		expect(screen.said).toEqual(['hello', 'You said: hello']);
		expect(screen.services.engine.get().applied).toEqual(baseSettings);
	});
});

describe('chat', () => {
	test('an answer streams, Esc stops it and keeps what was written', async () => {
		await using screen = await open();
		screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.waitForText(/^ +You +$/m);
		await screen.press('esc');
		await screen.waitForText('You · stopped');
		await screen.waitForText('ready');
	});

	test.each(sizes)(
		'%i x %i: Esc stops the answer, then takes back the questions that wait, then clears the prompt',
		async (columns, rows) => {
			await using screen = await open({columns, rows});
			screen.hold('answer');
			await screen.submit('first');
			await screen.waitForText('writing');
			await screen.submit('second');
			await screen.submit('third');
			await screen.type('a draft');
			await screen.press('esc');
			await screen.waitForText('You · stopped');
			await screen.waitForText('2 questions wait: Enter asks, Esc takes back');
			await screen.press('esc');
			await screen.waitForText(/› second\n +third\n +a draft/);
			await screen.waitForGone('queued');
			expectWhole(screen);
			await screen.press('esc');
			await screen.waitForText('Esc again clears the prompt; Up brings it back');
			await screen.press('esc');
			await screen.waitForText('› Ask something');
			await screen.press('up');
			await screen.waitForText(/› second\n +third\n +a draft/);
			expect(screen.said).toEqual(['first', 'You ']);
		},
	);

	test('questions that were held are asked with Enter, or with the next question', async () => {
		await using screen = await open();
		for (const go of ['\r', 'third\r']) {
			screen.hold('answer');
			await screen.submit('first');
			await screen.waitForText('writing');
			await screen.submit('second');
			const release = screen.hold('answer');
			await screen.press('esc');
			await screen.waitForText('1 question waits: Enter asks, Esc takes back');
			release();
			await screen.type(...go.split(/(?=\r)/));
			await screen.waitForText(/You said: (second|third)/);
			await screen.waitForText('ready');
			expect(screen.said).toContain('You said: second');
			await screen.submit('/clear');
			await screen.waitForGone('You said');
		}
	});

	test('a question that is stopped before its first word is marked, and /retry asks it again', async () => {
		await using screen = await open();
		const release = screen.hold('prompt');
		await screen.submit('long question');
		await screen.waitForText('processing 0/7');
		await screen.press('esc');
		await screen.waitForText(/› long question\n+ +· stopped/);
		release();
		expect(screen.said).toEqual([]);
		await screen.submit('/retry');
		await screen.waitForText('You said: long question');
		expect(screen.screen()).not.toContain('stopped');
		expect(screen.said).toEqual(['long question', 'You said: long question']);
	});

	test('Ctrl+C stops the answer and says how to leave; a moment later it takes two again', async () => {
		await using screen = await open();
		screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.press('ctrlC');
		await screen.waitForText('Ctrl+C again quits');
		await screen.waitForText('stopped');
		await screen.waitForGone('Ctrl+C again quits');
		await screen.press('ctrlC');
		await screen.waitForText('Ctrl+C again quits');
		expect(screen.left).toEqual([]);
		await screen.press('ctrlC');
		expect(screen.left).toEqual(['quit']);
	});

	test.each([
		['Ctrl+D on an empty prompt', ['\u0004'], ['quit']],
		['Ctrl+D where something is typed', ['a', '\u0004'], []],
		['/quit', ['/quit', '\r'], ['quit']],
		['Ctrl+L', ['\u000C'], ['redraw']],
	])('%s', async (_what, typed, left) => {
		await using screen = await open();
		await screen.type(...typed);
		await screen.settled();
		expect(screen.left).toEqual(left);
	});

	test('an unknown command is told and not sent', async () => {
		await using screen = await open();
		await screen.submit('/hepl me');
		await screen.waitForText('There is no command /hepl: /help lists them.');
		await screen.submit('/etc/hosts is what?');
		await screen.waitForText('You said: /etc/hosts is what?');
		expect(screen.said[0]).toBe('/etc/hosts is what?');
	});

	test('/clear and /undo', async () => {
		await using screen = await talk();
		await screen.submit('/clear');
		await screen.waitForGone('You said: hello');
		expect(screen.said).toEqual([]);
		await screen.submit('/undo');
		await screen.waitForText('You said: hello');
		expect(screen.said).toEqual(['hello', 'You said: hello']);
	});

	test('/retry asks again', async () => {
		let tries = 0;
		await using screen = await open({reply: prompt => `${prompt} ${++tries}`});
		await screen.submit('try');
		await screen.waitForText('try 1');
		await screen.waitForText('ready');
		await screen.submit('/retry');
		await screen.waitForText('try 2');
		expect(screen.screen()).not.toContain('try 1');
		expect(screen.said).toEqual(['try', 'try 2']);
	});

	test('/system sets the system prompt, and takes it away', async () => {
		await using screen = await open();
		await screen.submit('/system Be brief.');
		await screen.waitForText('The system prompt is set');
		expect(screen.system()).toBe('Be brief.');
		await screen.submit('/system');
		await screen.waitForText('There is no system prompt now.');
		expect(screen.system()).toBeUndefined();
	});

	test('Ctrl+Y and /copy copy the last answer', async () => {
		await using screen = await talk();
		await screen.press('ctrlY');
		await screen.waitForText('The last answer was sent to your clipboard.');
		await screen.submit('/copy');
		expect(screen.copied).toEqual(['You said: hello', 'You said: hello']);
	});

	test('left with Page Up, the view stays where it is while text streams; Ctrl+End follows again', async () => {
		const rowsOf = (from: number, to: number) => Array.from({length: to - from}, (_, index) => `line-${from + index}`).join('\n');
		await using screen = await open({reply: () => `${rowsOf(100, 150)}\n ${rowsOf(150, 180)}\n done`});
		let release = screen.hold('answer');
		await screen.submit('long, please');
		await screen.waitForText('line-149');
		await screen.press('pageUp');
		const [, below] = (await screen.waitForText('lines below, Ctrl+End goes there')).match(/(\d+) lines below/) ?? [];
		expect(screen.screen()).toContain(`line-${149 - Number(below)}\n`);
		expect(screen.screen()).not.toContain(`line-${150 - Number(below)}\n`);
		const top = screen.lines().find(line => line.includes('line-1'));
		const next = screen.hold('answer');
		release();
		release = next;
		await screen.waitForText(/3\d lines below/);
		expect(screen.lines().find(line => line.includes('line-1'))).toBe(top);
		await screen.press('ctrlEnd');
		await screen.waitForText('line-179');
		release();
		await screen.waitForText('done');
		expect(screen.screen()).not.toContain('lines below');
		await screen.press('ctrlHome');
		await screen.waitForText('long, please');
		await screen.press('ctrlEnd', 'pageUp', 'pageDown');
		await screen.waitForText('done');
	});

	test('resized, the view stays at the same text, also behind another screen', async () => {
		const numbered = Array.from({length: 300}, (_, index) => `word-${1000 + index}`).join(' ');
		await using screen = await open({columns: 120, rows: 32, reply: () => numbered});
		await screen.submit('long');
		await screen.waitForText('word-1299');
		await screen.press('pageUp');
		await screen.waitForText('lines below');
		const top = () => Number(screen.screen().match(/word-(\d+)/)?.[1]);
		const before = top();
		for (const [columns, rows] of [
			[80, 24],
			[60, 16],
			[50, 10],
			[120, 32],
		] as const) {
			screen.resize(columns, rows);
			if (columns < 60) continue;
			await screen.waitForText('lines below');
			await screen.settled();
			expect(Math.abs(top() - before)).toBeLessThanOrEqual(13);
		}

		await screen.press('f1');
		screen.resize(80, 24);
		await screen.press('esc');
		await screen.waitForText('lines below');
		expect(Math.abs(top() - before)).toBeLessThanOrEqual(13);
	});

	test('sending something goes to the end', async () => {
		await using screen = await open({reply: prompt => (prompt === 'long' ? 'line\n'.repeat(60) : `re ${prompt}`)});
		await screen.submit('long');
		await screen.waitForText('ready');
		await screen.press('ctrlHome');
		await screen.waitForText('› long');
		await screen.submit('next');
		await screen.waitForText('re next');
	});
});

describe('tuner', () => {
	// Page Up is more, as on a volume control.
	test.each([
		['Right', ['right'], /GPU layers +◂ +13 /],
		['Left', ['left'], /GPU layers +◂ +11 /],
		['Page Up', ['pageUp'], /GPU layers +◂ +22 /],
		['Page Down', ['pageDown'], /GPU layers +◂ +2 /],
		['Home', ['home'], /GPU layers +◂ +0 /],
		['End', ['end'], /GPU layers +◂ +81 /],
		['Down, Right', ['down', 'right'], /Context +◂ +6,144 ▸/],
		['Down, Page Up', ['down', 'pageUp'], /Context +◂ +8,192 ▸/],
		['Down, Down, Right', ['down', 'down', 'right'], /K +◂ bf16 ▸/],
		['Down, Up, Right', ['down', 'up', 'right'], /GPU layers +◂ +13 /],
		['Up at the top', ['up', 'right'], /GPU layers +◂ +13 /],
	] as const)('%s', async (_what, pressed, shown) => {
		await using screen = await open();
		await screen.press('tab', ...pressed);
		await screen.waitForText(shown);
	});

	test('what is pending looks different from what is applied, and says what Enter will do', async () => {
		await using screen = await open();
		await screen.press('tab');
		await screen.waitForText('nothing to do');
		expect(screen.cellOf('12 / 81')).toMatchObject({foreground: theme.text, bold: false});
		await screen.press('right');
		await screen.waitForText('was 12');
		expect(screen.cellOf('13 / 81')).toMatchObject({foreground: theme.pending, bold: true});
		expect(screen.cellOf(' 4,096')).toMatchObject({foreground: theme.text, bold: false});
		await screen.waitForText('Enter full reload');
		await screen.press('left', 'down', 'right');
		await screen.waitForText('Enter context only');
		expect(screen.cellOf('6,144')).toMatchObject({foreground: theme.pending, bold: true});
		await screen.press('left');
		await screen.waitForText('Enter nothing to do');
	});

	test('Esc puts back; Enter applies; u brings the settings before', async () => {
		await using screen = await talk();
		await screen.press('tab', 'end');
		await screen.waitForText('81 / 81');
		await screen.press('esc');
		await screen.waitForText('12 / 81');
		await screen.type('a');
		await screen.waitForText('frees');
		await screen.type('u');
		await screen.waitForText('There is no change to undo.');
		await screen.waitForText('12 / 81');
		expect(screen.screen()).not.toContain('was 12');
		screen.calls.length = 0;
		await screen.press('down', 'right', 'enter');
		await screen.waitForText(/Context +◂ +6,144 .*nothing to do/s);
		expect(screen.calls.filter(call => call.endsWith('Model'))).toEqual([]);
		expect(screen.calls).toContain('restoreState');
		await screen.type('u');
		await screen.waitForText(/Context +◂ +4,096 .*context only/s);
		expect(screen.screen()).toContain('You said: hello');
	});

	test('advice that is looked at is asked for anew when the settings become others', async () => {
		await using screen = await open();
		await screen.press('tab');
		await screen.type('a');
		await screen.waitForText('frees');
		await screen.services.open(otherModel.path);
		await screen.waitForText('other');
		await screen.waitForText('frees');
	});

	test('the tuner’s keys stay in the tuner', async () => {
		await using screen = await open({reply: () => `${'line\n'.repeat(60)}last line`});
		await screen.submit('long');
		await screen.waitForText('last line');
		await screen.press('tab', 'pageUp');
		await screen.waitForText('22 / 81');
		await screen.type('x');
		await screen.settled();
		expect(screen.screen()).toContain('last line');
		expect(screen.screen()).not.toContain('› x');
	});

	test('while an answer is written, Enter asks whether to wait for it', async () => {
		await using screen = await open();
		const release = screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('An answer is being written.');
		await screen.press('enter');
		release();
		await screen.waitForText('You said: hello');
		await screen.waitForText(/13 \/ 81 ▸.*nothing to do/s);

		screen.hold('answer');
		await screen.press('tab');
		await screen.submit('again');
		await screen.waitForText('writing');
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('An answer is being written.');
		await screen.type('s');
		await screen.waitForText('You · stopped');
		await screen.waitForText(/14 \/ 81 ▸.*nothing to do/s);
	});

	test('other threads are taken at once, while an answer is written', async () => {
		await using screen = await open();
		const release = screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.press('tab', 'down', 'down', 'down', 'down', 'down', 'left');
		await screen.waitForText(/Threads +◂ +3 ▸.*at once/s);
		await screen.press('enter');
		await screen.waitForText(/Threads +◂ +3 ▸.*nothing to do/s);
		expect([screen.calls.at(-1), screen.services.engine.get().phase.name]).toEqual(['setThreads 3', 'writing']);
		release();
		await screen.waitForText('You said: hello');
	});

	test('a change that waits for the answer is taken back with Esc', async () => {
		await using screen = await open();
		const release = screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('An answer is being written.');
		await screen.press('enter');
		await screen.waitForText('The change comes after the answer');
		await screen.waitForText('Esc takes back: full reload');
		await screen.press('enter', 'enter');
		await screen.press('esc');
		await screen.waitForText(/12 \/ 81 ▸.*nothing to do/s);
		await screen.waitForText('The change is taken back.');
		release();
		await screen.waitForText('You said: hello');
		expect(screen.services.engine.get().applied?.gpuLayers).toBe(12);
		expect(screen.services.chat.get().messages.filter(({text}) => text.includes('comes after the answer'))).toHaveLength(1);
	});

	test('a change that waits for the answer need not wait: s stops the answer', async () => {
		await using screen = await open({columns: 120, rows: 32});
		screen.hold('answer');
		await screen.submit('hello');
		await screen.waitForText('writing');
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('An answer is being written.');
		await screen.press('enter');
		await screen.waitForText('Esc takes back: full reload, s stops the answer now');
		await screen.type('s');
		await screen.waitForText(/13 \/ 81 ▸.*nothing to do/s);
		expect(screen.services.engine.get().applied?.gpuLayers).toBe(13);
	});

	test('60 x 16: what is pending does not look as if it ran, also when the tuner is folded', async () => {
		await using screen = await open({columns: 60, rows: 16});
		await screen.waitForText(' layers 12/81');
		await screen.press('tab', 'right', 'tab');
		await screen.waitForText('pending: layers 13/81');
	});

	test('60 x 16: the help is whole', async () => {
		await using screen = await open({columns: 60, rows: 16});
		await screen.press('f1');
		await screen.waitForText('stop the answer or the load;');
		await screen.waitForText('take back what waits');
	});

	test('a budget is typed, and put away with Esc', async () => {
		await using screen = await open();
		await screen.press('tab');
		await screen.type('b', 'much', '\r');
		await screen.waitForText('not a size');
		await screen.press('esc');
		await screen.waitForText('nothing to do');
		await screen.type('b', '9G', '\r');
		await screen.waitForText(/● .* 9\.0 GiB budget/);
		await screen.type('b');
		await screen.waitForText('VRAM budget 9G');
		await screen.press('backspace', 'backspace', 'enter');
		await screen.waitForText('GiB of VRAM left');
		expect(screen.services.plan.get().budgets.vram).toBeUndefined();
	});

	test.each(sizes)('%i x %i: without a GPU, fit says why it does nothing, and the budget is of RAM', async (columns, rows) => {
		await using screen = await open({columns, rows, device: cpuDevice});
		await screen.press('tab');
		await screen.waitForText('no GPU: all layers on the CPU');
		await screen.type('f');
		await screen.waitForText('no VRAM');
		await screen.press('down', 'right', 'left');
		await screen.waitForGone('no VRAM');
		await screen.type('b', '512M', '\r');
		await screen.waitForGone('RAM budget 512M');
		expect(screen.services.plan.get().budgets).toEqual({vram: undefined, ram: {bytes: 512 * 1024 ** 2}});
		await screen.waitForText('The RAM budget is not kept');
	});

	test.each(sizes)('%i x %i: what cannot be is said at once, what binds is said whole', async (columns, rows) => {
		await using screen = await open({columns, rows});
		await screen.press('tab');
		await screen.waitForText('of VRAM left');
		await screen.type('f');
		await screen.waitForText(columns < 120 ? /fits.* {3}layer \d+ needs \d+ MiB more/ : /VRAM binds: layer \d+ needs [\d.]+ [GM]iB more/);
		await screen.press('esc', 'down', 'down', 'down', 'right', 'right');
		await screen.waitForGone('iB more');
		await screen.press('down', 'down', 'down', 'end');
		await screen.waitForText('V q8_0 needs flash attention');
	});

	test.each(['i', 'a'])('an arrow leaves what %s shows, and moves nothing', async key => {
		await using screen = await open();
		await screen.press('tab');
		await screen.waitForText('GPU layers');
		await screen.type(key);
		await screen.waitForGone('GPU layers');
		await screen.waitForText('Esc back');
		await screen.press('right');
		await screen.waitForText('Esc put back   ^O');
		await screen.waitForText('12 / 81');
		expect(screen.services.plan.get().pending).toBeUndefined();
	});

	test('refused settings: the reason is told, the settings before are back, the conversation is still there', async () => {
		await using screen = await talk({
			refuse: (verb, settings) => (verb === 'loadModel' && settings?.gpuLayers === 13 ? 'out-of-memory' : undefined),
		});
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('No: loadModel. It was told to. Now: the settings before are back.');
		await screen.waitForText(/12 \/ 81 ▸.*nothing to do/s);
		await screen.waitForText('ready');
		expect(screen.screen()).toContain('You said: hello');
		await screen.press('tab');
		await screen.submit('still there?');
		await screen.waitForText('You said: still there?');
	});

	test('a reload can be stopped with Esc, and the settings before are back', async () => {
		await using screen = await open();
		const release = screen.hold('loadModel');
		await screen.press('tab', 'right', 'enter');
		await screen.waitForText('reloading 50 %');
		await screen.waitForText('Esc stop   ^O');
		await screen.press('esc');
		release();
		await screen.waitForText('Stopped: the settings before are back.');
		await screen.waitForText('ready');
		expect(screen.services.engine.get().applied?.gpuLayers).toBe(12);
	});
});

describe('models', () => {
	test('without a conversation nothing is asked', async () => {
		await using screen = await open();
		await screen.press('ctrlO');
		await screen.waitForText('▸ big');
		await screen.press('down', 'enter');
		await screen.waitForText(/vramble +other .* ready/);
	});

	test('the speed of the model before is not shown for the next', async () => {
		await using screen = await talk();
		await screen.waitForText(/\d mean/);
		await screen.submit('/model /models/other.gguf');
		await screen.waitForText('Keep the conversation?');
		await screen.type('y');
		await screen.waitForText(/vramble +other .* ready/);
		await screen.waitForText('— mean');
	});

	test.each([
		['y keeps the conversation', 'y', ['hello', 'You said: hello']],
		['n begins a new one', 'n', []],
	])('%s', async (_what, key, said) => {
		await using screen = await talk();
		await screen.press('ctrlO');
		await screen.waitForText('▸ big');
		await screen.press('down', 'enter');
		await screen.waitForText('Keep the conversation?');
		await screen.type(key);
		await screen.waitForText(/vramble +other .* ready/);
		expect(screen.said).toEqual(said);
		expect(screen.screen().includes('You said: hello')).toBe(said.length > 0);
	});

	test('/model with a path asks the same, once the file was found to be a model', async () => {
		await using screen = await talk();
		await screen.submit('/model /models/broken.gguf');
		await screen.waitForText('broken.gguf is cut off. Download it again.');
		await screen.submit('/model /models/other.gguf');
		await screen.waitForText(/› \/models\/other\.gguf.*\n.*Keep the conversation\?/);
		await screen.press('esc', 'esc');
		await screen.waitForText(/vramble +big .* ready/);
		await screen.submit('/model /models/other.gguf');
		await screen.waitForText('Keep the conversation?');
		await screen.type('n');
		await screen.waitForText(/vramble +other .* ready/);
		expect(screen.said).toEqual([]);
	});

	test.each(sizes)('%i x %i: a path that is no model is refused beside it, before anything is asked', async (columns, rows) => {
		await using screen = await talk({columns, rows});
		await screen.press('ctrlO');
		await screen.waitForText(/▸ big .* loaded/);
		await screen.paste('/models/broken.gguf');
		await screen.waitForText('Enter opens the file /models/broken.gguf');
		await screen.press('enter');
		await screen.waitForText(/› \/models\/broken\.gguf.*\n.*broken\.gguf is cut off\. Download it again\./);
		expect(screen.screen()).not.toContain('Keep the conversation?');
		await screen.press('ctrlU', 'down', 'enter');
		await screen.waitForText(/▸ other.*\n.*Keep the conversation\? {2}y keep {3}n new one {3}Esc back/);
	});

	test('Ctrl+D leaves, where nothing is typed', async () => {
		await using screen = start({firstScreen: 'models'});
		await screen.waitForText('▸ big');
		await screen.type('o');
		await screen.waitForText('▸ other');
		await screen.press('ctrlD', 'backspace');
		await screen.waitForText('▸ big');
		expect(screen.left).toEqual([]);
		await screen.press('ctrlD');
		expect(screen.left).toEqual(['quit']);
	});

	test('Esc goes back from the question to the list, and from the list to the chat', async () => {
		await using screen = await talk();
		await screen.press('ctrlO');
		await screen.waitForText('▸ big');
		await screen.press('enter');
		await screen.waitForText('Keep the conversation?');
		await screen.press('esc');
		await screen.waitForGone('Keep the conversation?');
		await screen.press('esc');
		await screen.waitForText('You said: hello');
		expect(screen.calls.filter(call => call === 'loadModel')).toHaveLength(1);
	});

	test('what is typed filters; what matches nothing is a path', async () => {
		await using screen = start({firstScreen: 'models'});
		await screen.waitForText('other');
		await screen.type('OTH');
		await screen.waitForGone('big');
		await screen.waitForText('▸ other');
		await screen.press('backspace', 'backspace', 'backspace');
		await screen.waitForText('big');
		await screen.paste('/models/broken.gguf');
		await screen.waitForText('Enter opens the file /models/broken.gguf');
		await screen.press('enter');
		await screen.waitForText('broken.gguf is cut off.');
	});

	test('the filter loses whole characters, and all of them at once', async () => {
		await using screen = start({firstScreen: 'models'});
		await screen.waitForText('▸ big');
		await screen.type('a漢👍');
		await screen.waitForText('opens the file a漢👍');
		await screen.press('backspace');
		await screen.waitForText(/opens the file a漢 *│/);
		await screen.press('backspace');
		await screen.waitForText(/opens the file a *│/);
		await screen.type('bc');
		await screen.press('ctrlU');
		await screen.waitForText('type to filter');
	});

	test('control keys are not letters of the filter', async () => {
		await using screen = await open();
		await screen.press('ctrlO');
		await screen.waitForText('▸ big');
		await screen.press('ctrlO', 'ctrlL', 'ctrlY');
		await screen.settled();
		expect(screen.screen()).toContain('type to filter');
		expect(screen.left).toEqual(['redraw']);
	});
});

describe('help', () => {
	test('F1 opens it, arrows and pages scroll, Esc goes back to where one was', async () => {
		await using screen = await talk();
		await screen.type('a draft');
		await screen.press('f1');
		await screen.waitForText('again within 2 s: quit');
		expect(screen.screen()).not.toContain('/quit');
		await screen.press('down');
		await screen.waitForGone('Everywhere');
		await screen.press('pageDown', 'pageDown', 'pageDown');
		await screen.waitForText('/quit');
		expect(screen.screen()).toContain('computed or expected');
		await screen.press('pageUp', 'pageUp', 'pageUp', 'pageUp');
		await screen.waitForText('Everywhere');
		await screen.press('esc');
		await screen.waitForText('› a draft');
		expect(screen.screen()).toContain('You said: hello');
	});

	test('/help opens it; Ctrl+O goes on to the models', async () => {
		await using screen = await open();
		await screen.submit('/help');
		await screen.waitForText('Everywhere');
		await screen.press('ctrlO');
		await screen.waitForText('▸ big');
	});
});

test.each([
	[59, 24],
	[80, 15],
	[1, 1],
])('%i x %i is too small, and says so; larger again, everything is back', async (columns, rows) => {
	await using screen = await talk();
	await screen.type('a draft');
	await screen.waitForText('› a draft');
	await screen.settled();
	screen.resize(columns, rows);
	await screen.waitUntil(shown => !shown.includes('vramble'));
	await screen.settled();
	expect(screen.screen()).toBe(columns > 1 ? `too small: needs 60 x 16, has ${columns} x ${rows}` : '…');
	screen.resize(60, 16);
	await screen.waitForText('› a draft');
	await screen.settled();
	expect(screen.screen()).toContain('You said: hello');
	expectWhole(screen);
});

test('too small, Esc stops the answer and Ctrl+C says how to leave', async () => {
	await using screen = await open();
	screen.hold('answer');
	await screen.submit('hello');
	await screen.waitForText('writing');
	screen.resize(40, 10);
	await screen.waitForText('too small');
	await screen.press('esc');
	await expect.poll(() => screen.said).toEqual(['hello', 'You ']);
	await screen.press('ctrlC');
	await screen.waitForText('Ctrl+C again quits');
	await screen.press('ctrlC');
	expect(screen.left).toEqual(['quit']);
});

test.each(sizes)('%i x %i: a frame leaves the last row free and shows all keys', async (columns, rows) => {
	await using screen = await talk({columns, rows});
	await screen.settled();
	screen.resetBytes();
	screen.redraw();
	await screen.settled();
	// A clock that ticks meanwhile draws a frame of its own behind the whole one.
	const [, frame] = screen.written().split('\u001B[2J\u001B[H')[1]?.split('\u001B[?2026l', 1)[0]?.split('\u001B[?2026h') ?? [];
	expect(frame?.match(/\n/g)).toHaveLength(rows - 1);
	expect(screen.lines().slice(-2)).toEqual([expect.stringMatching(/^ Tab tuner .*\^C quit/), '']);
	expect(screen.screen()).not.toContain('quit…');
});

describe('bytes', () => {
	/** Bytes that are written until the screen shows it. */
	const bytesUntil = async (screen: ReturnType<typeof start>, act: () => void | Promise<void>, text: string) => {
		await screen.settled();
		screen.resetBytes();
		await act();
		await screen.waitForText(text);
		await screen.settled();
		return screen.bytes();
	};

	test('a key, and a word of an answer, rewrite what they change', async () => {
		await using screen = await open({columns: 120, rows: 32, reply: () => 'one two three'});
		// All readings are there, and what the settings take is known.
		await screen.waitForText('ours  9.0');
		await screen.waitForText('● fits');
		const frame = await bytesUntil(screen, screen.redraw, 'ready');
		expect(await bytesUntil(screen, async () => screen.type('a'), '› a')).toBeLessThan(frame / 15);
		expect(await bytesUntil(screen, async () => screen.type('b'), '› ab')).toBeLessThan(frame / 15);
		const release = screen.hold('answer');
		await screen.type('\r');
		await screen.waitForText('  one ');
		screen.hold('answer');
		expect(await bytesUntil(screen, release, 'one two')).toBeLessThan(frame / 5);
	});
});

test('left while settings wait for an answer, nothing is left undone and nothing fails', async () => {
	await using screen = await open();
	screen.hold('answer');
	await screen.submit('hello');
	await screen.waitForText('writing');
	await screen.press('tab', 'right', 'enter', 'enter');
	void screen.services.chat.clear();
	await screen.services.dispose();
	expect(screen.calls.at(-1)).toBe('dispose');
});

/** What was seen on a way past every part of the screen, drawn in ASCII. */
const seenInAscii = async (columns: number, rows: number): Promise<string> => {
	await using screen = start({columns, rows, theme: createTheme(asciiGlyphs), firstScreen: 'models'});
	const release = screen.hold('loadModel');
	let seen = '';
	const look = async (text: string) => {
		seen += await screen.waitForText(text);
	};

	await look('> big');
	await screen.press('enter');
	await look('loading 50 %');
	await screen.submit('waiting');
	await look('queued');
	release();
	await look('You said: waiting');
	await screen.press('tab', 'right');
	await look('was 12');
	await screen.press('f1');
	await look('Everywhere');
	await screen.press('esc', 'ctrlO');
	await look('> big');
	await screen.press('enter');
	await look('Keep the conversation?');
	return seen;
};

describe.each(sizes)('in words and signs alone, %i x %i', (columns, rows) => {
	test('ASCII: what the theme does not spell in ASCII is a sign that the output stream knows', async () => {
		const seen = await seenInAscii(columns, rows);
		expect(seen).not.toMatch(/[╭│─█▓▪▸◂●·≈›]/);
		expect(toAscii(seen.replaceAll('?', ''))).not.toContain('?');
	});

	test('no colours: bold and inverse stay', async () => {
		await using screen = await talk({columns, rows, theme: createTheme(unicodeGlyphs, false)});
		await screen.press('tab', 'right');
		await screen.waitForText('was 12');
		expect(screen.cellOf('13 / 81')).toMatchObject({foreground: undefined, bold: true});
		await screen.press('f1');
		await screen.waitForText('Everywhere');
		// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for
		expect(screen.written().match(/\u001B\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10[0-7])[;m]/)?.[0]).toBeUndefined();
	});
});
