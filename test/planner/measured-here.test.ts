import {describe, expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {machineKey} from '../../source/planner/calibration-store.js';
import {baseSettings, createFakeEngine, gib, gpuDevice, wantedAuto} from '../support/fake-engine.js';
import {bigModel, createFakeServices} from '../support/fake-services.js';

const machine = machineKey({cpu: 'Fake', cores: 8, ramBytes: 64 * gib, gpus: gpuDevice.names});

const fileWith = (kept: Settings | undefined, tokensPerSecond: number) =>
	JSON.stringify({
		version: 1,
		machines: {
			[machine]: {
				[`${bigModel.path} | ${bigModel.sizeBytes}`]: {measured: [{settings: baseSettings, tokensPerSecond, generatedTokens: 128}], kept},
			},
		},
	});

const opened = async (options: Parameters<typeof createFakeServices>[0]) => {
	const {services} = createFakeServices({fake: createFakeEngine(), ...options});
	await services.begin();
	await services.open(bigModel.path);
	return services;
};

test('a speed that was measured is said of these settings, and of no others', async () => {
	const services = await opened({measurements: fileWith(undefined, 18.43), wanted: baseSettings});
	await expect.poll(() => services.plan.get().plan?.measured).toEqual({tokensPerSecond: 18.43, generatedTokens: 128});
	services.plan.move('gpuLayers', 'less');
	await expect.poll(() => services.plan.get().plan).toMatchObject({exact: true, settings: {gpuLayers: 11}});
	expect(services.plan.get().plan?.measured).toBeUndefined();
	await services.dispose();
});

const kept: Settings = {...baseSettings, gpuLayers: 3, batchSize: 256, threads: 2};

describe('settings that were kept', () => {
	test.each([
		['are used', {}, kept],
		['not where others were given', {usesKept: false, wanted: {...wantedAuto, gpuLayers: 1}}, {gpuLayers: 1, batchSize: 512}],
		['not where they do not fit', {measurements: fileWith({...kept, gpuLayers: 81}, 1)}, {batchSize: 512}],
	] as const)('%s', async (_what, options, applied) => {
		const services = await opened({measurements: fileWith(kept, 1), ...options});
		expect(services.engine.get().applied).toMatchObject(applied);
		await services.dispose();
	});
});
