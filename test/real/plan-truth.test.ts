import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, afterEach, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.js';
import {createProcessEngine} from '../../source/engine/process-engine.js';
import {judge, measureTruth, truthModels, truthSettings} from '../support/plan-truth.ts';
import {factsOf} from './engines.ts';

const engine = createLlamaEngine();
const device = await engine.start({gpu: 'auto'});
const isCpuOnly = device.backend === 'cpu';
const folder = mkdtempSync(join(tmpdir(), 'vramble-truth-'));
const models = await truthModels(folder);

afterAll(async () => {
	await engine.dispose();
	rmSync(folder, {recursive: true});
});

const reason = isCpuOnly ? ' (skipped: llama.cpp sees no device; with Mesa installed, GGML_VK_VISIBLE_DEVICES=0 gives one)' : '';

test.skipIf(isCpuOnly).each(models)(`%s takes what the dry run said, for every placement${reason}`, {timeout: 120_000}, async path => {
	const {layers} = await factsOf(path);
	for (const settings of truthSettings(layers)) {
		const {exact, predicted, loaded} = await measureTruth(engine, path, settings, false);
		expect({exact, ...judge(predicted, loaded)}, JSON.stringify(settings)).toMatchObject({exact: true, isVramTrue: true, isRamTrue: true});
	}
});

describe.each(['off', 'auto'] as const)('without a GPU (%s)', gpu => {
	afterEach(() => vi.unstubAllEnvs());

	test.each(models)('%s takes what the dry run said', {timeout: 120_000}, async path => {
		// Where Vulkan is there, `auto` then has a backend without a device.
		vi.stubEnv('GGML_VK_VISIBLE_DEVICES', undefined);
		const alone = createProcessEngine(new URL('../../distribution/engine-process.js', import.meta.url));
		await alone.start({gpu});
		for (const settings of truthSettings(0)) {
			const {exact, predicted, loaded} = await measureTruth(alone, path, settings, false);
			expect({exact, ...judge(predicted, loaded)}, JSON.stringify(settings)).toMatchObject({exact: true, isRamTrue: true});
		}

		await alone.dispose();
	});
});

test.skipIf(isCpuOnly)(`a filled context takes no more${reason}`, {timeout: 120_000}, async () => {
	const path = models.find(model => model.endsWith('dense.gguf')) ?? '';
	const {layers} = await factsOf(path);
	const [settings] = truthSettings(layers).filter(({gpuLayers}) => gpuLayers === Math.floor(layers / 2));
	if (!settings) throw new Error('There are no such settings.');
	const {predicted, filled} = await measureTruth(engine, path, settings, true);
	if (!filled) throw new Error('Nothing was asked.');
	expect(judge(predicted, filled)).toMatchObject({isVramTrue: true, isRamTrue: true});
});
