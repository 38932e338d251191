import fc from 'fast-check';
import {expect, test} from 'vitest';
import {gaugeCells, layerCells, type Run, sparkline} from '../../../source/ui/components/gauge-cells.js';

const draw = <Kind extends string>(runs: ReadonlyArray<Run<Kind>>, glyphs: Readonly<Record<Kind, string>>) =>
	runs.map(({kind, length}) => glyphs[kind].repeat(length)).join('');

const gauge = (other: number, own: number, pending: number, width = 12) =>
	draw(gaugeCells({total: 12, other, own, pending}, width), {other: 'x', own: '#', pending: '+', free: '.'});

test.each([
	['what others and we hold, and what is free', gauge(2, 6, 0), 'xx######....'],
	['what pending settings add', gauge(2, 6, 3), 'xx######+++.'],
	['what pending settings free', gauge(2, 6, -3), 'xx###+++....'],
	['more than there is', gauge(2, 6, 30), 'xx######++++'],
	['full, and more to come', gauge(2, 10, 5), 'xx#########+'],
	['next to nothing still has its cell', gauge(0.01, 0.01, 0.01), 'x#+.........'],
	['nearly full still has a free cell', gauge(0, 11.99, 0), '###########.'],
	['freeing more than is ours', gauge(4, 2, -9), 'xxxx++......'],
	['fewer cells than parts', gauge(2, 6, 2, 2).length, 2],
	['no total', draw(gaugeCells({total: 0, other: 0, own: 0, pending: 0}, 5), {other: 'x', own: '#', pending: '+', free: '.'}), '.....'],
])('gauge: %s', (_, drawn, expected) => {
	expect(drawn).toBe(expected);
});

const bytes = fc.oneof(fc.constant(0), fc.nat(), fc.nat(1e12));

test('gauge: runs are positive whole numbers, in order, and sum to the width', () => {
	const order = ['other', 'own', 'pending', 'free'];
	fc.assert(
		fc.property(bytes, bytes, bytes, fc.integer({min: -1e12, max: 1e12}), fc.nat(300), (total, other, own, pending, width) => {
			const runs = gaugeCells({total, other, own, pending}, width);
			expect(runs.reduce((sum, run) => sum + run.length, 0)).toBe(width);
			for (const {length} of runs) expect(Number.isInteger(length) && length > 0).toBe(true);
			const places = runs.map(run => order.indexOf(run.kind));
			expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
		}),
	);
});

test('gauge: what is there has a cell wherever there are four', () => {
	fc.assert(
		fc.property(fc.tuple(bytes, bytes, bytes, bytes), fc.integer({min: 4, max: 300}), ([other, own, pending, free], width) => {
			const kinds = new Set(gaugeCells({total: other + own + pending + free, other, own, pending}, width).map(run => run.kind));
			fc.pre(other + own + pending > 0);
			expect([kinds.has('other'), kinds.has('own'), kinds.has('pending')]).toEqual([other > 0, own > 0, pending > 0]);
		}),
	);
});

test.each([
	[-1, ['own', 'free']],
	[-30, ['own', 'pending', 'free']],
])('gauge: of 1,000 in 20 cells, %d that will be freed', (pending, kinds) => {
	expect(gaugeCells({total: 1000, other: 0, own: 500, pending}, 20).map(({kind}) => kind)).toEqual(kinds);
});

test('gauge: what we hold does not move what others hold', () => {
	fc.assert(
		fc.property(fc.integer({min: 10, max: 50}), fc.integer({min: 10, max: 50}), fc.integer({min: 40, max: 200}), (other, own, width) => {
			const otherCells = (ownNow: number) => gaugeCells({total: 200, other, own: ownNow, pending: 0}, width)[0]?.length;
			expect(otherCells(own)).toBe(otherCells(own + 50));
		}),
	);
});

const layers = (applied: number, pending: number, total: number, width: number) =>
	draw(layerCells(applied, pending, total, width), {on: '#', added: '+', removed: '-', off: '.'});

test.each([
	['one cell a layer', layers(4, 4, 10, 40), '####......'],
	['more', layers(4, 7, 10, 40), '####+++...'],
	['fewer', layers(7, 4, 10, 40), '####---...'],
	['none', layers(0, 0, 3, 40), '...'],
	['all', layers(3, 3, 3, 40), '###'],
	['scaled down', layers(40, 60, 80, 8), '####++..'],
	['one layer more is seen, however many there are', layers(40, 41, 80, 8), '###+....'],
	['more than there are', layers(99, 99, 4, 8), '####'],
])('layers: %s', (_, drawn, expected) => {
	expect(drawn).toBe(expected);
});

test('layers: never wider than the room or the number of layers', () => {
	fc.assert(
		fc.property(
			fc.integer({min: -5, max: 200}),
			fc.integer({min: -5, max: 200}),
			fc.nat(200),
			fc.nat(100),
			(applied, pending, total, width) => {
				const runs = layerCells(applied, pending, total, width);
				expect(runs.reduce((sum, run) => sum + run.length, 0)).toBe(Math.min(total, width));
				expect(runs.every(run => run.length > 0)).toBe(true);
			},
		),
	);
});

const glyphs = ['0', '1', '2', '3', '4'];

test.each([
	['from nothing to the highest', [0, 1, 2, 3, 4], 5, '01234'],
	['few values stand at the left', [2, 2], 5, '44   '],
	['the newest of many', [9, 9, 9, 1, 4], 2, '14'],
	['nothing but zeros', [0, 0], 2, '00'],
	['no values', [], 3, '   '],
	['no room', [1, 2], 0, ''],
])('sparkline: %s', (_, values, width, expected) => {
	expect(sparkline(values, width, glyphs)).toBe(expected);
});
