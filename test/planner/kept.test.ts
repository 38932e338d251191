import {expect, test} from 'vitest';
import {EngineError} from '../../source/engine/engine-errors.ts';
import type {Settings, WantedSettings} from '../../source/engine/types.ts';
import {keptOr} from '../../source/planner/kept.ts';
import {baseSettings, gib, wantedAuto} from '../support/fake-engine.ts';
import {bigModel} from '../support/fake-services.ts';

const kept: Settings = {...baseSettings, gpuLayers: 20, device: 'CUDA1'};

const choose = (vramBytes: number, failure?: Error): Promise<WantedSettings> =>
	keptOr(kept, wantedAuto, {
		model: bigModel,
		readMachine: async () => {
			if (failure) throw failure;
			return {vram: {totalBytes: 12 * gib, otherBytes: 0, budgetBytes: undefined}, ram: undefined, isUnified: false};
		},
		driverBytes: 0,
		dryRun: async () => ({exact: true, weights: {vramBytes, ramBytes: 0}, context: {vramBytes: 0, ramBytes: 0}, compute: undefined}),
	});

test('kept settings are used where there is room for them, and the devices they name', async () => {
	expect(await choose(gib)).toMatchObject(kept);
	expect(await choose(13 * gib)).toEqual(wantedAuto);
	expect(await choose(gib, new EngineError('unsupported', 'There is no device CUDA1 for --device.'))).toEqual(wantedAuto);
	await expect(choose(gib, new EngineError('bad-model', 'No.'))).rejects.toThrow('No.');
});
