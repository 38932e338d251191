import {describe, expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {statistic} from '../../source/lib/statistic.js';
import {type Speed, type Tunable, tune} from '../../source/planner/tune.js';
import {baseSettings} from '../support/fake-engine.js';

/** One run, or each of them; undefined: it does not work. */
type Runs = number | readonly number[] | undefined;

/** `nth`: how often the same was measured before. */
type Machine = {
	readonly generation: (settings: Settings, nth: number) => Runs;
	readonly prompt?: (settings: Settings, nth: number) => Runs;
	readonly fits?: (settings: Settings) => boolean;
	readonly values?: Readonly<Partial<Record<Tunable, readonly number[]>>>;
	readonly speeds?: readonly Speed[];
};

const upTo = (most: number) => Array.from({length: most + 1}, (_, index) => index);
const everything = {
	threads: [1, 2, 4, 6, 8, 12, 16],
	gpuLayers: upTo(40),
	cpuExpertLayers: upTo(8),
	batchSize: [64, 128, 256, 512, 1024, 2048],
};

const search = async ({
	generation,
	prompt = () => 100,
	fits = () => true,
	values = everything,
	speeds = ['generation', 'prompt'],
}: Machine) => {
	const measured: Array<readonly [Speed, Settings]> = [];
	const tuned = await tune({
		start: {...baseSettings, gpuLayers: 20, cpuExpertLayers: 6, threads: 4},
		values,
		speeds,
		fits: async settings => fits(settings),
		async measure(settings, speed) {
			const key = JSON.stringify([speed, settings]);
			const nth = measured.filter(run => JSON.stringify(run) === key).length;
			measured.push([speed, settings]);
			const runs = (speed === 'generation' ? generation : prompt)(settings, nth);
			return runs === undefined ? undefined : statistic(typeof runs === 'number' ? [runs] : runs);
		},
	});
	return {...tuned, measured};
};

const hill = (top: number, at: number) => 100 - Math.abs(top - at);

describe('the top of a hill', () => {
	test.each([
		[{generation: ({threads}) => 3 * hill(8, threads) - 200}, {threads: 8, gpuLayers: 20, batchSize: 512}],
		[{generation: ({threads}) => 10 - threads}, {threads: 1}],
		[{generation: ({threads}) => threads}, {threads: 16}],
		[{generation: ({gpuLayers}) => 10 + gpuLayers}, {gpuLayers: 40}],
		[{generation: ({gpuLayers}) => 10 + gpuLayers, fits: ({gpuLayers}) => gpuLayers <= 27}, {gpuLayers: 27}],
		[{generation: ({gpuLayers}) => (gpuLayers > 17 ? undefined : 10 + gpuLayers)}, {gpuLayers: 17}],
		[{generation: ({gpuLayers}) => 100 - 2 * gpuLayers}, {gpuLayers: 0}],
		[
			{generation: ({cpuExpertLayers}) => 100 - 5 * cpuExpertLayers, fits: ({cpuExpertLayers}) => cpuExpertLayers >= 3},
			{cpuExpertLayers: 3},
		],
		[
			{generation: () => 10, prompt: ({batchSize}) => batchSize},
			{threads: 4, gpuLayers: 20, batchSize: 2048},
		],
		[{generation: () => 10, prompt: ({batchSize}) => batchSize, fits: ({batchSize}) => batchSize <= 1024}, {batchSize: 1024}],
	] satisfies ReadonlyArray<readonly [Machine, Partial<Settings>]>)('%#', async (machine, settings) => {
		expect((await search(machine)).settings).toMatchObject(settings);
	});
});

test('what is not faster by more than runs differ is not worth a change', async () => {
	const {settings} = await search({generation: ({threads, gpuLayers}) => 100 + (threads === 8 ? 1 : 0) + (gpuLayers === 19 ? 1 : 0)});
	expect(settings).toMatchObject({gpuLayers: 20, cpuExpertLayers: 6, threads: 4});
});

describe('the start wins', () => {
	const two = {threads: [2, 4]};
	test.each<[string, Machine]>([
		['within the deviation', {values: two, generation: ({threads}) => (threads === 2 ? [0, 37, 75] : [20, 31, 42])}],
		['where prompts lose more', {values: two, generation: ({threads}) => (threads === 2 ? 37 : 31), prompt: ({threads}) => 35 * threads}],
		[
			'where faster prompts cost generation',
			{
				values: {batchSize: [256, 512]},
				generation: ({batchSize}) => (batchSize === 256 ? [700, 824, 950] : [850, 956, 1060]),
				prompt: ({batchSize}) => (batchSize === 256 ? 4856 : 4236),
			},
		],
		['where the winner was only lucky', {values: two, generation: ({threads}, nth) => (threads === 2 && nth === 0 ? 60 : 30)}],
		['where the start was only unlucky', {values: two, generation: ({threads}, nth) => (threads === 4 && nth === 0 ? 20 : 30)}],
	])('%s', async (_what, machine) => {
		expect((await search(machine)).settings).toMatchObject({threads: 4, batchSize: 512});
	});
});

test.each<[string, Machine, Partial<Settings>]>([
	['by more than the deviation', {generation: ({threads}) => (threads === 8 ? [39, 40, 41] : [29, 30, 31])}, {threads: 8}],
	['where prompts lose less', {generation: ({threads}) => (threads === 2 ? 37 : 31), prompt: ({threads}) => 90 + threads}, {threads: 2}],
])('the winner wins %s', async (_what, machine, settings) => {
	expect((await search({values: {threads: [2, 4, 8]}, ...machine})).settings).toMatchObject(settings);
});

test('the start and the winner are measured twice more, by turns', async () => {
	const {measured} = await search({generation: ({threads}) => threads, values: {threads: [4, 8]}, speeds: ['generation']});
	expect(measured.map(([, {threads}]) => threads)).toEqual([4, 8, 4, 8, 4, 8]);
});

test('what has won is not compared with a start that does not work', async () => {
	const {measured, before} = await search({
		generation: ({threads}) => (threads === 8 ? 10 : undefined),
		values: {threads: [4, 8]},
		speeds: ['generation'],
	});
	expect([measured.length, before.generation]).toEqual([2, undefined]);
});

test('the search measures nothing twice, and nothing that does not fit', async () => {
	const {measured} = await search({generation: ({gpuLayers, threads}) => gpuLayers + threads, fits: ({gpuLayers}) => gpuLayers <= 25});
	const toCompare = 2 * 2 * 2;
	expect(new Set(measured.map(run => JSON.stringify(run))).size).toBe(measured.length - toCompare);
	expect(measured.every(([, {gpuLayers}]) => gpuLayers <= 25)).toBe(true);
	expect(measured.length).toBeLessThan(30);
});

test('only what may change changes, only what is asked is measured', async () => {
	const {measured, settings} = await search({
		generation: ({threads, gpuLayers}) => threads + gpuLayers,
		values: {threads: [4], gpuLayers: [18, 20]},
		speeds: ['generation'],
	});
	expect(settings).toMatchObject({gpuLayers: 20, cpuExpertLayers: 6, threads: 4});
	expect(measured.map(([speed, {gpuLayers}]) => [speed, gpuLayers])).toEqual([
		['generation', 20],
		['generation', 18],
	]);
});

test('before and after', async () => {
	const {before, after} = await search({generation: ({threads}) => 10 * threads, prompt: () => undefined});
	expect([before, after]).toEqual([
		{generation: 40, prompt: undefined},
		{generation: 160, prompt: undefined},
	]);
});
