import process from 'node:process';
import {expect, test} from 'vitest';
import {parseProcessStatus, readMemoryWith, readProcessMemory} from '../../source/monitor/process-memory.js';
import {readRamAndSwap} from '../../source/monitor/ram-and-swap.js';
import {ramShares} from '../../source/monitor/ram-shares.js';
import {vramOf} from '../../source/monitor/vram.js';

const gib = 1024 ** 3;
const status = 'Name:\tnode\nVmRSS:\t   92000 kB\nRssAnon:\t   34000 kB\nRssFile:\t   57000 kB\nRssShmem:\t    1000 kB\nThreads:\t11\n';

test('this machine has RAM, and what is used and available add up to it', async () => {
	const reading = await readRamAndSwap();
	expect(reading?.ram.totalBytes).toBeGreaterThan(0);
	expect((reading?.ram.usedBytes ?? 0) + (reading?.ram.availableBytes ?? 0)).toBe(reading?.ram.totalBytes);
});

test('Linux splits resident memory into its own and that of mapped files', () => {
	expect(parseProcessStatus(status)).toEqual({residentBytes: 92_000 * 1024, anonymousBytes: 35_000 * 1024, fileBytes: 57_000 * 1024});
	expect(parseProcessStatus('Name:\tnode\nVmRSS:\t92000 kB\n')).toBeUndefined();
});

test('elsewhere only the sum is known', async () => {
	const memory = await readProcessMemory({readStatus: async () => Promise.reject(new Error('ENOENT')), residentBytes: () => 5 * gib});
	expect(memory).toEqual({residentBytes: 5 * gib, anonymousBytes: undefined, fileBytes: undefined});
});

test('this process is resident', async () => {
	const memory = await readProcessMemory();
	expect(memory.residentBytes).toBeGreaterThan(10 * 1024 ** 2);
});

test('a process that works for this one counts with it; one that is gone does not', async () => {
	const edges = {readStatus: async () => status, residentBytes: () => 0};
	const alone = await readMemoryWith(undefined, edges);
	expect(alone).toEqual(parseProcessStatus(status));
	expect(await readMemoryWith(2 ** 30, edges)).toEqual(alone);
	const both = await readMemoryWith(process.pid, edges);
	if (process.platform === 'linux') expect(both.anonymousBytes).toBeGreaterThan((alone.anonymousBytes ?? 0) + 10 * 1024 ** 2);
});

test('VRAM: no device, no card, a driver that tells, and one that always says 0 (lavapipe)', () => {
	const of = (totalBytes: number, usedBytes: number) => vramOf({vram: {totalBytes, usedBytes}, ownVramBytes: 2 * gib, ownRamBytes: 0});
	expect(vramOf(undefined)).toBeUndefined();
	expect(vramOf({vram: undefined, ownVramBytes: 0, ownRamBytes: 0})).toBeUndefined();
	expect(of(0, 0)).toBeUndefined();
	expect(of(12 * gib, 3 * gib)).toEqual({totalBytes: 12 * gib, usedBytes: 3 * gib, ownBytes: 2 * gib});
	expect(of(12 * gib, 0)).toEqual({totalBytes: 12 * gib, usedBytes: 2 * gib, ownBytes: 2 * gib});
});

test('mapped weights count as used RAM, never beyond the total', () => {
	const ram = {totalBytes: 64 * gib, usedBytes: 12 * gib, availableBytes: 52 * gib};
	const own = (anonymous: number, file: number) => ({
		residentBytes: (anonymous + file) * gib,
		anonymousBytes: anonymous * gib,
		fileBytes: file * gib,
	});
	expect(ramShares(ram, own(4, 30))).toEqual({totalBytes: 64 * gib, usedBytes: 42 * gib, ownBytes: 34 * gib, otherBytes: 8 * gib});
	expect(ramShares(ram, own(4, 60))).toMatchObject({usedBytes: 64 * gib, ownBytes: 64 * gib, otherBytes: 0});
	expect(ramShares(ram, undefined)).toMatchObject({usedBytes: 12 * gib, ownBytes: 0, otherBytes: 12 * gib});
	// Without the split, mapped pages cannot be told from the rest.
	expect(ramShares(ram, {residentBytes: 20 * gib, anonymousBytes: undefined, fileBytes: undefined})).toMatchObject({
		usedBytes: 12 * gib,
		ownBytes: 12 * gib,
	});
});
