import process from 'node:process';
import {afterAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Settings} from '../../source/engine/types.ts';
import {baseSettings} from '../support/fake-engine.ts';
import {askerOf, factsOf, guidePath} from './engines.ts';

vi.setConfig({testTimeout: 240_000, hookTimeout: 120_000});
// Mesa's lavapipe is two devices where it is named twice.
if (process.env.GGML_VK_VISIBLE_DEVICES === '0') process.env.GGML_VK_VISIBLE_DEVICES = '0,0';

const engine = createLlamaEngine();
const device = await engine.start({gpu: 'vulkan'}).catch(() => undefined);
const canChoose = device !== undefined && device.names.length > 1 && device.hooksOff === undefined;
const reason = canChoose ? '' : ' (skipped: there are no two Vulkan devices, or the native hooks are off)';

afterAll(() => engine.dispose());

describe.skipIf(!canChoose)(`chosen devices${reason}`, () => {
	test('take what a dry run says, change no word of an answer, and are refused where they are not there', async () => {
		const {layers} = await factsOf(guidePath);
		const all = {...baseSettings, gpuLayers: layers, contextSize: 512, batchSize: 64, threads: 1};
		const load = async (settings: Settings) => {
			await engine.freeModel();
			await engine.setConversation({system: undefined, messages: []});
			await engine.loadModel({path: guidePath, settings});
			await engine.createContext({settings});
			const {ownVramBytes, vram} = await engine.memory();
			return {ownVramBytes, vram, text: (await askerOf(engine)('what is vramble?', {maxTokens: 16})).text};
		};

		const {text, vram} = await load(all);
		for (const choice of [{tensorSplit: '3,1'}, {splitMode: 'none', mainGpu: 1}, {device: 'Vulkan1'}] as const) {
			const settings = {...all, ...choice};
			const {exact, weights, context} = await engine.dryRun({path: guidePath, settings});
			const got = await load(settings);
			expect({choice, exact, text: got.text}).toEqual({choice, exact: true, text});
			// Of two devices llama.cpp's own dry run says 0.2 MiB more than the load then takes.
			const more = weights.vramBytes + context.vramBytes - got.ownVramBytes;
			expect(more).toBeGreaterThanOrEqual(0);
			expect(more).toBeLessThan(got.ownVramBytes / 40);
			expect(got.vram?.totalBytes).toBeLessThan(vram?.totalBytes ?? 0);
		}

		expect((await engine.memory({settings: all})).vram).toEqual(vram);
		await engine.freeModel();
		for (const [choice, message] of [
			[{device: 'CUDA7'}, 'There is no device CUDA7 for --device.'],
			[{splitMode: 'none', mainGpu: 9}, 'There is no device 9 for --main-gpu.'],
			[{tensorSplit: '1,1,1,1,1'}, '--tensor-split has more shares (5)'],
		] as const) {
			const settings = {...all, ...choice};
			const refusal = {code: 'unsupported', message: expect.stringContaining(message), advice: expect.stringContaining('Vulkan0 (')};
			await expect(engine.loadModel({path: guidePath, settings})).rejects.toMatchObject(refusal);
			await expect(engine.dryRun({path: guidePath, settings})).rejects.toMatchObject(refusal);
		}
	});
});
