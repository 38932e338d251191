import {describe, expect, test} from 'vitest';
import {count, duration, fileSize, gibibytes, memory, percent, rate} from '../../source/lib/format.js';

const gib = 1024 ** 3;
const mib = 1024 ** 2;

const tables: Record<string, [format: (value: number | undefined) => string, rows: ReadonlyArray<readonly [number | undefined, string]>]> =
	{
		gibibytes: [
			gibibytes,
			[
				[undefined, '—'],
				[0, '0.0'],
				[10.44 * gib, '10.4'],
				[1000 * gib, '1000.0'],
			],
		],
		memory: [
			memory,
			[
				[undefined, '—'],
				[0, '0 MiB'],
				[1, '1 KiB'],
				[1024, '1 KiB'],
				[0.1 * mib, '0.1 MiB'],
				[1.5 * mib, '1.5 MiB'],
				[10 * mib, '10 MiB'],
				[812.4 * mib, '812 MiB'],
				[gib, '1.0 GiB'],
				[10.44 * gib, '10.4 GiB'],
			],
		],
		count: [
			count,
			[
				[undefined, '—'],
				[0, '0'],
				[999, '999'],
				[16_384, '16,384'],
				[1_048_576, '1,048,576'],
			],
		],
		rate: [
			rate,
			[
				[undefined, '—'],
				[Number.NaN, '—'],
				[Number.POSITIVE_INFINITY, '—'],
				[0, '0.00'],
				[0.004, '< 0.01'],
				[0.005, '0.01'],
				[0.314, '0.31'],
				[9.87, '9.87'],
				[18.44, '18.4'],
				[142.4, '142'],
			],
		],
		duration: [
			duration,
			[
				[undefined, '—'],
				[Number.NaN, '—'],
				[0, '0 ms'],
				[350.4, '350 ms'],
				[1240, '1.2 s'],
				[12_400, '12 s'],
				[59_400, '59 s'],
				[59_600, '1 min 0 s'],
				[125_000, '2 min 5 s'],
				[3_600_000, '1 h 0 min'],
				[7_500_000, '2 h 5 min'],
			],
		],
		percent: [
			percent,
			[
				[undefined, '—'],
				[0, '0 %'],
				[0.043, '4 %'],
				[1, '100 %'],
			],
		],
	};

describe.each(Object.entries(tables))('%s', (_name, [format, rows]) => {
	test.each(rows)('%s → %s', (value, expected) => {
		expect(format(value)).toBe(expected);
	});
});

test.each([
	[0, '0 kB'],
	[1, '1 kB'],
	[999_001, '1000 kB'],
	[5_640_000, '5.6 MB'],
	[144_800_000, '145 MB'],
	[63_400_000_000, '63.4 GB'],
])('a file of %i bytes: %s', (bytes, expected) => {
	expect(fileSize(bytes)).toBe(expected);
});
