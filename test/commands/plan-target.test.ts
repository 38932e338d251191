import {describe, expect, test} from 'vitest';
import {UsageError} from '../../source/commands/flags.js';
import type {PlanOptions} from '../../source/commands/options.js';
import {targetsOf} from '../../source/commands/plan-target.js';
import type {Readings} from '../../source/monitor/types.js';
import type {Speeds} from '../../source/planner/types.js';
import {gib} from '../support/fake-engine.js';

const readings: Readings = {
	vram: {totalBytes: 12 * gib, usedBytes: gib, ownBytes: 0},
	ram: {totalBytes: 32 * gib, usedBytes: 4 * gib, availableBytes: 28 * gib},
	swap: undefined,
	processMemory: undefined,
};
const speeds: Speeds = {
	gpuBytesPerSecond: 300e9,
	cpuBytesPerSecond: 40e9,
	threadBytesPerSecond: 10e9,
	overheadMs: 0.3,
	promptPerSecond: {gpu: 1e12, cpu: 1e11},
	modelFactor: 0.9,
};
const nothing: PlanOptions = {vram: [], ram: undefined, gpuBytesPerSecond: undefined, ramBytesPerSecond: undefined, printCommand: false};
const size = (gibibytes: number) => ({bytes: gibibytes * gib});

const targets = (options: Partial<PlanOptions> = {}, read = readings) => targetsOf(read, speeds, {...nothing, ...options});

describe('this machine', () => {
	test('without flags, as it was read', () => {
		expect(targets()).toEqual([
			{
				machine: {
					vram: {totalBytes: 12 * gib, otherBytes: gib, budgetBytes: undefined},
					ram: {totalBytes: 32 * gib, otherBytes: 4 * gib, budgetBytes: undefined},
					isUnified: false,
				},
				speeds,
				isElsewhere: false,
				hasOtherCard: false,
			},
		]);
	});

	test('a size that it has is a budget on it, a share too', () => {
		const [target] = targets({vram: [size(11)], ram: {ratio: 0.5}});
		expect(target).toMatchObject({
			machine: {vram: {totalBytes: 12 * gib, otherBytes: gib, budgetBytes: 11 * gib}, ram: {budgetBytes: 16 * gib}},
			isElsewhere: false,
		});
	});
});

describe('another machine', () => {
	test('more VRAM than there is: another card, of which nothing else is known', () => {
		const [target] = targets({vram: [size(24)]});
		expect(target).toMatchObject({
			machine: {vram: {totalBytes: 24 * gib, otherBytes: 0, budgetBytes: undefined}, ram: {totalBytes: 32 * gib, otherBytes: 4 * gib}},
			speeds: {gpuBytesPerSecond: undefined, cpuBytesPerSecond: 40e9, modelFactor: undefined, promptPerSecond: {gpu: undefined}},
			isElsewhere: true,
			hasOtherCard: true,
		});
	});

	test('as described, and without what this CPU has taught', () => {
		const [target] = targets({vram: [size(8)], ram: size(16), gpuBytesPerSecond: 360e9, ramBytesPerSecond: 80e9});
		expect(target).toMatchObject({
			machine: {vram: {totalBytes: 8 * gib, budgetBytes: undefined}, ram: {totalBytes: 16 * gib, otherBytes: 0}},
			speeds: {gpuBytesPerSecond: 360e9, cpuBytesPerSecond: 80e9, overheadMs: 0.15},
			isElsewhere: true,
		});
		expect(target?.speeds?.threadBytesPerSecond).toBeUndefined();
	});

	test.each<[Partial<PlanOptions>, boolean, number | undefined]>([
		[{ramBytesPerSecond: 80e9}, false, 10e9],
		[{ramBytesPerSecond: 80e9, ram: size(64)}, false, 10e9],
		[{ramBytesPerSecond: 80e9, vram: [size(24)]}, false, undefined],
		[{ramBytesPerSecond: 80e9, gpuBytesPerSecond: 360e9}, false, undefined],
		[{ramBytesPerSecond: 80e9, vram: [size(24)]}, true, 10e9],
	])('%j, threads given: %j: a thread computes %s', (options, areThreadsGiven, threadBytesPerSecond) => {
		const [target] = targetsOf(readings, speeds, {...nothing, ...options}, areThreadsGiven);
		expect([target?.speeds?.cpuBytesPerSecond, target?.speeds?.threadBytesPerSecond]).toEqual([80e9, threadBytesPerSecond]);
	});

	test('several cards, one after the other', () => {
		expect(targets({vram: [size(8), size(12)]}).map(({machine, hasOtherCard}) => [machine.vram?.totalBytes, hasOtherCard])).toEqual([
			[8 * gib, true],
			[12 * gib, true],
		]);
	});

	test('more RAM beside the card that is here', () => {
		const [target] = targets({ram: size(64)});
		expect(target).toMatchObject({
			machine: {vram: {totalBytes: 12 * gib, otherBytes: gib}, ram: {totalBytes: 64 * gib, otherBytes: 0}},
			speeds: {gpuBytesPerSecond: 300e9},
			isElsewhere: true,
			hasOtherCard: false,
		});
	});

	test('any card is another one where there is none', () => {
		const [target] = targets({vram: [size(4)]}, {...readings, vram: undefined});
		expect(target).toMatchObject({machine: {vram: {totalBytes: 4 * gib}}, hasOtherCard: true});
	});

	test('a share of it says nothing', () => {
		expect(() => targets({vram: [{ratio: 0.9}]}, {...readings, vram: undefined})).toThrow(UsageError);
		expect(() => targets({vram: [{ratio: 0.5}, size(8)]})).toThrow('--vram takes one share, which is a budget on the card here;');
	});
});

test('how fast the GPU is says nothing where there is none', () => {
	expect(() => targets({gpuBytesPerSecond: 360e9}, {...readings, vram: undefined})).toThrow(UsageError);
	expect(targets({gpuBytesPerSecond: 360e9, vram: [size(8)]}, {...readings, vram: undefined})).toHaveLength(1);
});
