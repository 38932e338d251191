import {expect, test} from 'vitest';
import {deviceMemoryOf} from '../../source/engine/device-memory.js';

const gib = 1024 ** 3;

test.each([
	['no device', {total: 0, used: 0, unifiedSize: 0}, [], undefined],
	['a card', {total: 12, used: 3, unifiedSize: 0}, ['RTX 3060'], {totalBytes: 12, usedBytes: 3, devices: 1, isUnified: false}],
	[
		'two cards',
		{total: 24, used: 3, unifiedSize: 0},
		['RTX 3060', 'RTX 3060'],
		{totalBytes: 24, usedBytes: 3, devices: 2, isUnified: false},
	],
	['Apple silicon', {total: 21, used: 3, unifiedSize: 21}, ['Apple M3'], {totalBytes: 21, usedBytes: 3, devices: 1, isUnified: true}],
	[
		'a card beside an integrated GPU, which llama.cpp leaves alone',
		{total: 24, used: 13, unifiedSize: 16},
		['RTX 4060', 'Intel UHD'],
		{totalBytes: 8, usedBytes: 8, devices: 1, isUnified: false},
	],
])('%s', (_what, state, names, expected) => {
	const inGib = {total: state.total * gib, used: state.used * gib, unifiedSize: state.unifiedSize * gib};
	expect(deviceMemoryOf(inGib, names)).toEqual(
		expected && {...expected, totalBytes: expected.totalBytes * gib, usedBytes: expected.usedBytes * gib},
	);
});
