import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {bytesOf, parseSize, sizeProblem, sizeText} from '../../source/lib/size.js';

const gib = 1024 ** 3;

describe('sizes', () => {
	test.each<[string, number]>([
		['11.5G', 11.5 * gib],
		['11500M', 11_500 * 1024 ** 2],
		['11.5GiB', 11.5 * gib],
		['11.5 gib', 11.5 * gib],
		['12GB', 12e9],
		['12gb', 12e9],
		['700MB', 700e6],
		['512K', 512 * 1024],
		['512KiB', 512 * 1024],
		['512kB', 512_000],
		['.5G', gib / 2],
		['1T', 1024 * gib],
		['1.5TB', 1.5e12],
		['4096B', 4096],
		['4096 b', 4096],
		['  8G ', 8 * gib],
		['0.3B', 0],
	])('%s', (text, bytes) => {
		expect(parseSize(text)).toEqual(bytes === 0 ? undefined : {bytes});
	});

	test.each<[string, number]>([
		['90%', 0.9],
		['90 %', 0.9],
		['100%', 1],
		['0.5%', 0.005],
	])('%s', (text, ratio) => {
		expect(parseSize(text)).toEqual({ratio});
	});
});

test.each([
	'',
	'G',
	'%',
	'12',
	'0',
	'0G',
	'0%',
	'-1G',
	'-5%',
	'+5G',
	'101%',
	'100.1%',
	'1,5G',
	'1.G',
	'1.5.2G',
	'1e3M',
	'0x10G',
	'12GG',
	'12Gi',
	'12 G B',
	'12iB',
	'twelve',
	'NaN',
	'Infinity',
	'12G of it',
	'999999999999T',
	'١٢G',
])('"%s" is no size', text => {
	expect(parseSize(text)).toBeUndefined();
});

test('never anything but bytes that can be counted, or a share', () => {
	fc.assert(
		fc.property(
			fc.oneof(
				fc.string(),
				fc.tuple(fc.double(), fc.constantFrom('G', 'GB', '%', 'B', 'K')).map(parts => parts.join('')),
			),
			text => {
				const size = parseSize(text);
				if (!size) return true;
				return 'bytes' in size ? size.bytes > 0 && Number.isSafeInteger(size.bytes) : size.ratio > 0 && size.ratio <= 1;
			},
		),
	);
});

test.each(['11.5G', '11500M', '12GB', '90%', '0.5%', '4096B', '1T', '512K'])('%s is written as it was read', text => {
	const size = parseSize(text);
	expect(size && parseSize(sizeText(size))).toEqual(size);
	expect(size && sizeText(size)).toBe(text.replace('4096B', '4K'));
});

test('a share of what there is', () => {
	expect(bytesOf({ratio: 0.9}, 1001)).toBe(900);
	expect(bytesOf({bytes: 5}, 1001)).toBe(5);
});

test.each([
	['0', 'more than 0'],
	['0%', 'more than 0'],
	['-1G', 'more than 0'],
	['200%', 'at most 100%'],
	['8192T', 'less than 8192T'],
	['99999999999999999999G', 'less than 8192T'],
	['much', undefined],
	['12', undefined],
])('what is wrong with %s', (text, problem) => {
	expect([parseSize(text), sizeProblem(text)]).toEqual([undefined, problem]);
});
