import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Device, Engine} from '../../source/engine/types.ts';
import {askerOf, guidePath, nobody, wanted} from './engines.ts';

vi.setConfig({testTimeout: 240_000, hookTimeout: 120_000});

const places = [
	['the CPU', 'off', 0],
	['a Vulkan device', 'vulkan', 9999],
] as const;

describe.each(places)('on %s', (_place, gpu, gpuLayers) => {
	const engine: Engine = createLlamaEngine();
	let device: Device | undefined;
	const small = {...wanted, gpuLayers, contextSize: 512, batchSize: 16};

	beforeAll(async () => {
		device = await engine.start({gpu}).catch(() => undefined);
		if (gpu === 'vulkan' && !device?.names.length) return;
		await engine.setConversation(nobody);
		await engine.loadModel({path: guidePath, settings: small});
		await engine.createContext({settings: small});
	});

	afterAll(() => engine.dispose());

	test('prompts and generation take their time, and the conversation afterwards is as it was', async context => {
		if (gpu === 'vulkan' && !device?.names.length) context.skip('llama.cpp sees no Vulkan device');
		const progress: number[] = [];
		const onEvent = (event: {readonly progress: number}) => progress.push(event.progress);
		const prompt = await engine.measure({promptTokens: 40, generatedTokens: 0}, {onEvent});
		expect(prompt).toEqual({promptMs: expect.any(Number), generationMs: expect.closeTo(0, 0)});
		expect(progress).toEqual([16 / 40, 32 / 40, 1]);
		const generation = await engine.measure({promptTokens: 0, generatedTokens: 4});
		expect(generation.generationMs).toBeGreaterThan(prompt.promptMs / 40);

		const ask = askerOf(engine);
		const {text} = await ask('hello', {maxTokens: 4});
		await engine.measure({promptTokens: 4, generatedTokens: 1});
		await engine.setConversation(nobody);
		expect((await ask('hello', {maxTokens: 4})).text).toBe(text);
	});

	test('what the context does not hold is refused; it can be stopped', async context => {
		if (gpu === 'vulkan' && !device?.names.length) context.skip('llama.cpp sees no Vulkan device');
		await expect(engine.measure({promptTokens: 512, generatedTokens: 0})).rejects.toMatchObject({code: 'unsupported'});
		const controller = new AbortController();
		const stopped = engine.measure({promptTokens: 64, generatedTokens: 0}, {signal: controller.signal, onEvent: () => controller.abort()});
		await expect(stopped).rejects.toMatchObject({code: 'aborted'});
	});
});
