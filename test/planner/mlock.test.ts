import {expect, test} from 'vitest';
import {checkMlock, parseMlockLimit} from '../../source/planner/mlock.js';

const line = (soft: string) =>
	`Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         ${soft}              unlimited            bytes\n`;

const capabilities = (effective: string) => `CapPrm:\t000001ffffffffff\nCapEff:\t${effective}\n`;

test.each([
	['8388608', '0000000000000000', 8_388_608],
	['8388608', '000001ffffffbfff', 8_388_608],
	['8388608', '000001fffeffffff', undefined],
	['unlimited', '0000000000000000', undefined],
])('a soft limit of %s with the capabilities %s', (soft, effective, bytes) => {
	expect(parseMlockLimit(line(soft), capabilities(effective))).toBe(bytes);
});

test('a system without such files has no limit to speak of', () => {
	expect(parseMlockLimit('', '')).toBeUndefined();
	expect(parseMlockLimit(line('8388608'), '')).toBe(8_388_608);
});

test('what is too much is refused with both numbers', () => {
	expect(() => checkMlock({mlock: true}, 3 * 1024 ** 3, 8 * 1024 ** 2)).toThrowError(
		expect.objectContaining({message: expect.stringContaining('3.0 GiB'), why: expect.stringContaining('8.0 MiB')}),
	);
});

test.each([
	['not asked for', false, 100, 1],
	['enough', true, 100, 100],
	['no limit', true, 100, undefined],
])('%s: nothing is said', (_what, mlock, bytes, limit) => {
	expect(() => checkMlock({mlock}, bytes, limit)).not.toThrow();
});
