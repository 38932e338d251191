import {expect, test} from 'vitest';
import {readDiskBytes} from '../../source/monitor/disk-reads.js';

test.skipIf(process.platform !== 'linux')('whole blocks, never fewer than before', () => {
	const first = readDiskBytes();
	expect(first).toBeTypeOf('number');
	expect((first ?? 1) % 512).toBe(0);
	expect(readDiskBytes()).toBeGreaterThanOrEqual(first ?? 0);
});
