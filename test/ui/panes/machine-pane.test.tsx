import fc from 'fast-check';
import {renderToString} from 'ink';
import {expect, test} from 'vitest';
import {MachineView, type MachineViewProps} from '../../../source/ui/panes/machine-pane.js';
import {asciiGlyphs, createTheme, ThemeProvider} from '../../../source/ui/theme.js';

const gib = 1024 ** 3;
const noRates = {now: undefined, mean: undefined, firstTokenMs: undefined, history: []};

const writing: Omit<MachineViewProps, 'width' | 'height'> = {
	device: {backend: 'cuda', names: ['RTX 3060']},
	readings: {
		vram: {totalBytes: 12 * gib, usedBytes: 10.2 * gib, ownBytes: 9.6 * gib},
		ram: {totalBytes: 62.7 * gib, usedBytes: 14.3 * gib, availableBytes: 48.4 * gib},
		swap: {totalBytes: 8 * gib, usedBytes: 0.3 * gib},
		processMemory: {residentBytes: 37.6 * gib, anonymousBytes: 3 * gib, fileBytes: 34.6 * gib},
	},
	rates: {now: 18.4, mean: 17.9, firstTokenMs: 1200, history: [2, 6, 12, 18, 18, 17, 18]},
	context: {used: 2911, size: 16_384},
	load: undefined,
};

const cpuOnly: typeof writing = {
	...writing,
	device: {backend: 'cpu', names: []},
	readings: {...writing.readings, vram: undefined, swap: {totalBytes: 0, usedBytes: 0}},
	rates: noRates,
	context: undefined,
};

const show = (width: number, height: number, props: Partial<typeof writing> = {}, glyphs?: typeof asciiGlyphs) => {
	const view = <MachineView {...writing} {...props} width={width} height={height} />;
	const drawn = renderToString(glyphs ? <ThemeProvider value={createTheme(glyphs)}>{view}</ThemeProvider> : view, {columns: width});
	return `\n${drawn}\n`;
};

test('wide', () => {
	expect(show(120, 5)).toBe(`
╭─ Machine ────────────────────────────────────────────────────────────────────────────────────────────────────────────╮
│ VRAM  ▓▓█████████████████████████████████████───────                         10.2 / 12.0 GiB   ours  9.6             │
│ RAM   ▓▓▓▓▓▓▓▓████████████████████████████──────────                         48.9 / 62.7 GiB   ours 37.6   swap  0.3 │
│ tok/s ▂▃▅▇▇▇▇                                                 18.4 now  17.9 mean   first  1.2 s   ctx  2,911/16,384 │
╰──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────╯
`);
});

test('at 80 columns: our RAM makes room', () => {
	expect(show(80, 5, {pending: {vramBytes: 0.9 * gib, ramBytes: 0}})).toBe(`
╭─ Machine ────────────────────────────────────────────────────────────────────╮
│ VRAM  ▓███████████████████▒▒──            10.2 → 11.1 / 12.0 GiB   ours  9.6 │
│ RAM   ▓▓▓▓███████████████─────                   48.9 / 62.7 GiB   swap  0.3 │
│ tok/s ▂▃▅▇▇▇▇           18.4 now  17.9 mean  first  1.2 s  ctx  2,911/16,384 │
╰──────────────────────────────────────────────────────────────────────────────╯
`);
});

test.each([
	[120, {drafted: 40, accepted: 25, off: undefined}, '18.4 now  17.9 mean   first  1.2 s   draft   63 %   ctx  2,911/16,384'],
	[80, {drafted: 40, accepted: 25, off: undefined}, '18.4 now  17.9 mean  draft   63 %  ctx  2,911/16,384'],
	[80, {drafted: 0, accepted: 0, off: undefined}, '18.4 now  17.9 mean  draft      —  ctx  2,911/16,384'],
	[
		80,
		{drafted: 40, accepted: 1, off: {tokensPerSecondWith: 8, tokensPerSecondWithout: 9}},
		'18.4 now  17.9 mean  draft    off  ctx  2,911/16,384',
	],
])('at %d columns: what was drafted %j', (width, drafting, facts) => {
	const row = show(width, 5, {drafting})
		.split('\n')
		.find(line => line.includes('tok/s'));
	expect(row).toContain(facts);
	expect(row).toHaveLength(width);
});

test('CPU only; no swap; nothing answered yet', () => {
	expect(show(80, 5, cpuOnly)).toBe(`
╭─ Machine ────────────────────────────────────────────────────────────────────╮
│ VRAM  CPU only                                                               │
│ RAM   ▓▓▓▓███████████████─────                   48.9 / 62.7 GiB   swap none │
│ tok/s                              — now     — mean  first      —  ctx     — │
╰──────────────────────────────────────────────────────────────────────────────╯
`);
});

test('nothing is known yet', () => {
	const readings = {ram: undefined, swap: undefined, vram: undefined, processMemory: undefined};
	expect(show(80, 5, {...cpuOnly, device: undefined, readings})).toBe(`
╭─ Machine ────────────────────────────────────────────────────────────────────╮
│ VRAM  ────────────────────────                         — / — GiB             │
│ RAM   ────────────────────────                         — / — GiB   swap    — │
│ tok/s                              — now     — mean  first      —  ctx     — │
╰──────────────────────────────────────────────────────────────────────────────╯
`);
});

test('a load takes the place of the tokens', () => {
	expect(show(80, 5, {load: {progress: 0.43, etaMs: 12_400}})).toBe(`
╭─ Machine ────────────────────────────────────────────────────────────────────╮
│ VRAM  ▓███████████████████────                   10.2 / 12.0 GiB   ours  9.6 │
│ RAM   ▓▓▓▓███████████████─────                   48.9 / 62.7 GiB   swap  0.3 │
│ load  ██████████──────────────                             12 s left    43 % │
╰──────────────────────────────────────────────────────────────────────────────╯
`);
});

test('compact: two lines, or one', () => {
	expect(show(60, 2)).toBe(`
 VRAM  ▓█████████── 10.2/12.0    RAM ▓▓███████─── 48.9/62.7
 tok/s ▂▃▅▇▇▇▇       18.4 now  17.9 mean  ctx  2,911/16,384
`);
	expect(show(60, 2, {...cpuOnly, load: {progress: 0.043, etaMs: undefined}})).toBe(`
 VRAM  CPU only                  RAM ▓▓███████─── 48.9/62.7
 load  █─────────────────────────                       4 %
`);
	expect(show(60, 1)).toBe(`
 VRAM  ▓█████████── 10.2/12.0    RAM ▓▓███████─── 48.9/62.7
`);
});

test('ASCII', () => {
	expect(show(80, 5, {pending: {vramBytes: -2 * gib, ramBytes: 0}}, asciiGlyphs)).toBe(`
+- Machine --------------------------------------------------------------------+
| VRAM  =###############++++....           10.2 ->  8.2 / 12.0 GiB   ours  9.6 |
| RAM   ====###############.....                   48.9 / 62.7 GiB   swap  0.3 |
| tok/s .:=****           18.4 now  17.9 mean  first  1.2 s  ctx  2,911/16,384 |
+------------------------------------------------------------------------------+
`);
});

test('our share is left out where it is all that is used', () => {
	expect(
		show(120, 5, {readings: {...writing.readings, vram: {totalBytes: 12 * gib, usedBytes: 9.6 * gib, ownBytes: 9.6 * gib}}}),
	).toContain(' 9.6 / 12.0 GiB                         │');
});

test('the context in numbers where they fit, at any width; else in percent', () => {
	for (const width of [60, 66, 79, 80, 99, 100, 120]) {
		const height = width < 80 ? 2 : 5;
		expect(show(width, height)).toMatch(/ctx +2,911\/16,384/);
		expect(show(width, height, {context: {used: 1, size: 2 ** 31 - 1}})).toMatch(/ctx +(0 %|1\/2,147,483,647)/);
	}
});

test('whatever the values, every line is as wide as the pane and nothing is cut off', () => {
	const size = fc.double({min: 0, max: 900 * gib, noNaN: true});
	fc.assert(
		fc.property(
			fc.integer({min: 60, max: 240}),
			fc.record({used: size, own: size, pending: size}),
			fc.constantFrom(undefined, 0.31, 9.8, 18.4, 1420),
			fc.constantFrom(8192, 131_072, 1_048_576),
			(width, {used, own, pending}, rate, contextSize) => {
				const total = used + own + gib;
				const drawn = show(width, 5, {
					readings: {...writing.readings, vram: {totalBytes: total, usedBytes: used + own, ownBytes: own}},
					rates: {now: rate, mean: rate, firstTokenMs: 12_345, history: [1, 2, 3]},
					context: {used: contextSize / 2, size: contextSize},
					pending: {vramBytes: Math.min(gib, pending), ramBytes: 0},
				});
				const lines = drawn.trim().split('\n');
				expect(lines.map(line => [...line].length)).toEqual([width, width, width, width, width]);
				expect(drawn).not.toContain('…');
			},
		),
		{numRuns: 60},
	);
});
