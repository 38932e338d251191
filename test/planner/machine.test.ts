import {expect, test} from 'vitest';
import type {EngineMemory} from '../../source/engine/types.js';
import {vramOf} from '../../source/monitor/vram.js';
import {idleBudgets, machineOf} from '../../source/planner/machine.js';
import {gib} from '../support/fake-engine.js';

const none = {vram: undefined, ram: undefined};

/** 32 of RAM, 20 of them used; 8 are resident in this process. */
const machine = (memory: EngineMemory, residentBytes = 8) =>
	machineOf(
		{
			vram: vramOf(memory),
			ram: {totalBytes: 32, usedBytes: 20, availableBytes: 12},
			swap: undefined,
			processMemory: {residentBytes, anonymousBytes: residentBytes, fileBytes: 0},
		},
		none,
	);

test('a card of its own: what it holds is not RAM', () => {
	const on = machine({vram: {totalBytes: 12, usedBytes: 7}, ownVramBytes: 5, ownRamBytes: 4});
	expect([on.vram?.otherBytes, on.ram?.otherBytes, on.isUnified]).toEqual([2, 12, false]);
});

test.each([
	['the system counts it as the process', 18, 2],
	['the system does not', 4, 3],
])('a part of the RAM is taken for ours once, whether or not %s', (_what, resident, others) => {
	const on = machine({vram: {totalBytes: 24, usedBytes: 15, isUnified: true}, ownVramBytes: 13, ownRamBytes: 4}, resident);
	expect([on.vram?.otherBytes, on.ram?.otherBytes, on.isUnified]).toEqual([2, others, true]);
});

test('a budget of more than there is is said to change nothing', () => {
	const side = (totalBytes: number, budgetBytes?: number) => ({totalBytes, otherBytes: 0, budgetBytes});
	const said = (vramBudget?: number, ramBudget?: number) => idleBudgets({vram: side(2 * gib, vramBudget), ram: side(16 * gib, ramBudget)});
	expect(said()).toEqual([]);
	expect(said(2 * gib, 16 * gib)).toEqual([]);
	expect(said(5000 * gib, 17 * gib)).toEqual([
		'The VRAM budget of 5000.0 GiB changes nothing: there are 2.0 GiB here.',
		'The RAM budget of 17.0 GiB changes nothing: there are 16.0 GiB here.',
	]);
	expect(idleBudgets({vram: undefined, ram: undefined})).toEqual([]);
});
