import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {
	following,
	rowsBelow,
	type ScrollEvent,
	type ScrollState,
	scrollReducer,
	visibleTop,
} from '../../../source/ui/components/scroll-reducer.js';

const extent = {total: 100, height: 10, width: 80};
const longer = {...extent, total: 500};
const stateAfter = (...events: readonly ScrollEvent[]) => events.reduce(scrollReducer, following);
const pageUp: ScrollEvent = {type: 'pagedUp', ...extent};
const pageDown: ScrollEvent = {type: 'pagedDown', ...extent};

describe('scrolling', () => {
	test.each<[string, readonly ScrollEvent[], number]>([
		['follows the end', [], 90],
		['a page back keeps one row', [pageUp], 81],
		['and forth', [pageUp, pageUp, pageDown], 81],
		['to the top', [{type: 'wentToTop', ...extent}], 0],
		['not over the top', [{type: 'wentToTop', ...extent}, pageUp], 0],
		['to the end', [pageUp, {type: 'wentToEnd'}], 90],
		['by rows', [{type: 'moved', rows: -3, ...extent}], 87],
	])('%s', (_, events, top) => {
		expect(visibleTop(stateAfter(...events), extent)).toBe(top);
	});

	test('follows again once the end is reached', () => {
		expect(stateAfter(pageUp, pageDown)).toBe(following);
	});

	test('what comes below moves nothing', () => {
		const state = stateAfter(pageUp);
		expect(visibleTop(scrollReducer(state, {type: 'measured', ...longer, top: 81}), longer)).toBe(81);
		expect(rowsBelow(state, longer)).toBe(409);
	});

	test('wrapped to another width, it is at the row that is named, or follows where that is the end', () => {
		const wrapped = {...extent, total: 150, width: 50};
		expect(scrollReducer(stateAfter(pageUp), {type: 'measured', ...wrapped, top: 120})).toEqual({top: 120, width: 50});
		expect(scrollReducer(stateAfter(pageUp), {type: 'measured', ...wrapped, top: 140})).toBe(following);
	});

	test('follows again when everything fits', () => {
		expect(scrollReducer(stateAfter(pageUp), {type: 'measured', ...extent, total: 5, top: 0})).toBe(following);
	});

	test.each<[string, ScrollState, ScrollEvent]>([
		['the end at the end', following, {type: 'wentToEnd'}],
		['forth at the end', following, pageDown],
		['back where everything fits', following, {type: 'pagedUp', ...extent, total: 5}],
		['back at the top', {top: 0, width: 80}, pageUp],
		['more rows', {top: 3, width: 80}, {type: 'measured', ...extent, total: 200, top: 3}],
	])('%s changes nothing', (_, state, event) => {
		expect(scrollReducer(state, event)).toBe(state);
	});

	test('never shows rows that are not there', () => {
		const size = fc.record({total: fc.nat(200), height: fc.integer({min: 1, max: 50}), width: fc.constantFrom(60, 80), top: fc.nat(300)});
		const event: fc.Arbitrary<ScrollEvent> = fc
			.tuple(fc.constantFrom('pagedUp', 'pagedDown', 'wentToTop', 'wentToEnd', 'measured', 'moved'), size, fc.integer({min: -30, max: 30}))
			.map(([type, measured, rows]) => ({type, rows, ...measured}) as ScrollEvent);
		fc.assert(
			fc.property(fc.array(event), size, (events, measured) => {
				const top = visibleTop(stateAfter(...events), measured);
				expect(top).toBeGreaterThanOrEqual(0);
				expect(top).toBeLessThanOrEqual(Math.max(0, measured.total - measured.height));
			}),
		);
	});
});
