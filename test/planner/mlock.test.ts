import {expect, test} from 'vitest';
import {checkMlock, parseMlockLimit} from '../../source/planner/mlock.js';

const line = (soft: string) =>
	`Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         ${soft}              unlimited            bytes\n`;

test.each([
	['8388608', 8_388_608],
	['unlimited', undefined],
])('a soft limit of %s', (soft, bytes) => {
	expect(parseMlockLimit(line(soft))).toBe(bytes);
});

test('a system without such a file has no limit to speak of', () => {
	expect(parseMlockLimit('')).toBeUndefined();
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
