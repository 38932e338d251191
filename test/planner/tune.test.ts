import {describe, expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {type Speed, type Tunable, tune} from '../../source/planner/tune.js';
import {baseSettings} from '../support/fake-engine.js';

type Machine = {
	readonly generation: (settings: Settings) => number | undefined;
	readonly prompt?: (settings: Settings) => number | undefined;
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
			measured.push([speed, settings]);
			return (speed === 'generation' ? generation : prompt)(settings);
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

test('nothing is measured twice, and what does not fit is not measured', async () => {
	const {measured} = await search({generation: ({gpuLayers, threads}) => gpuLayers + threads, fits: ({gpuLayers}) => gpuLayers <= 25});
	expect(new Set(measured.map(run => JSON.stringify(run))).size).toBe(measured.length);
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
