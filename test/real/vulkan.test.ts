import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import type {Engine, ModelFacts, Settings} from '../../source/engine/types.ts';
import {gib} from '../support/fake-engine.ts';
import {guideVocabulary, tinyDense} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {askStore, createRecordedStore, factsOf, guidePath, nobody, wanted} from './engines.ts';

// Mesa's lavapipe computes on the CPU, and compiles each shader at its first use: 8 s and more for the first tokens.
vi.setConfig({testTimeout: 240_000, hookTimeout: 120_000});

const folder = mkdtempSync(join(tmpdir(), 'vramble-vulkan-'));
const {store, engine, calls} = createRecordedStore(folder, 'vulkan');
const device = await store.start().catch(() => undefined);
const hasDevice = device !== undefined && device.names.length > 0;
const deviceBytes = hasDevice ? ((await engine.memory()).vram?.totalBytes ?? 0) : 0;
const reason = hasDevice
	? ''
	: ' (skipped: llama.cpp sees no Vulkan device; mesa-vulkan-drivers and GGML_VK_VISIBLE_DEVICES=0 make one of the CPU)';

afterAll(async () => {
	await store.dispose();
	rmSync(folder, {recursive: true});
});

const weightsOnly = async (port: Engine, settings: Settings): Promise<number> => {
	await port.freeContext();
	const {ownVramBytes} = await port.memory();
	await port.createContext({settings});
	return ownVramBytes;
};

describe.skipIf(!hasDevice)(`on a Vulkan device${reason}`, () => {
	let guide: ModelFacts;
	/** Evaluated in the second turn where the first one is still there. */
	const fewTokens = 30;
	const small = {...wanted, contextSize: 512, batchSize: 64} as const;

	beforeAll(async () => {
		guide = await factsOf(guidePath);
	});

	const load = async (gpuLayers: number) => {
		expect(await store.load(guide, {...small, gpuLayers}, nobody)).toEqual({ok: true});
		return {...(await engine.memory()), settings: applied()};
	};

	const applied = (): Settings => {
		const settings = store.get().applied;
		if (!settings) throw new Error('Nothing is applied.');
		return settings;
	};

	test('the backend and the device have names, the device has memory', async () => {
		expect(device).toMatchObject({backend: 'vulkan', names: [expect.any(String)]});
		expect((await engine.memory()).vram?.totalBytes).toBeGreaterThan(0);
	});

	test('the more layers are on it, the more VRAM is ours', async () => {
		const half = Math.floor(guide.layers / 2);
		const none = await load(0);
		const some = await load(half);
		const all = await load(9999);
		expect([none, some, all].map(({settings}) => settings.gpuLayers)).toEqual([0, half, guide.layers]);
		expect(some.ownVramBytes).toBeGreaterThan(none.ownVramBytes);
		expect(all.ownVramBytes).toBeGreaterThan(some.ownVramBytes);
		// Nearly all of the file is layers; the token embeddings stay on the CPU.
		expect(all.ownVramBytes - none.ownVramBytes).toBeGreaterThan(guide.sizeBytes * 0.8);
		expect(all.ownRamBytes).toBeLessThan(none.ownRamBytes);
	});

	test('the draft model takes the VRAM that was said before', async () => {
		const settings = {...small, gpuLayers: 4, cpuExpertLayers: 0, threads: 1, draftModel: guidePath, draftGpuLayers: 6};
		expect(await store.load(guide, settings, nobody)).toEqual({ok: true});
		const {weights, context, draft} = await engine.dryRun({path: guidePath, settings});
		expect(draft?.vramBytes).toBeGreaterThan(guide.sizeBytes / 3);
		expect((await engine.memory()).ownVramBytes).toBe(weights.vramBytes + context.vramBytes + (draft?.vramBytes ?? 0));
		expect(applied()).toMatchObject({gpuLayers: 4, draftGpuLayers: 6});
	});

	test('another context keeps the weights where they are', async () => {
		await load(guide.layers);
		const before = await weightsOnly(engine, applied());
		expect(before).toBeGreaterThan(guide.sizeBytes * 0.8);
		const {ownVramBytes} = await engine.memory();
		calls.length = 0;
		expect(await store.apply({...applied(), contextSize: 1024})).toEqual({ok: true});
		expect(calls).toEqual(['freeContext', 'createContext']);
		expect((await engine.memory()).ownVramBytes).toBeGreaterThan(ownVramBytes);
		expect(await weightsOnly(engine, applied())).toBe(before);
	});

	test('after a change of layers only new tokens are evaluated, and the answers are those of the CPU', async () => {
		await load(0);
		const onCpu = await askStore(store, 'what is vramble?', 16);
		expect(onCpu.text).toMatch(/^vramble is a full-screen/);
		const {contextUsed} = store.get();

		calls.length = 0;
		expect(await store.apply({...applied(), gpuLayers: guide.layers})).toEqual({ok: true});
		expect(calls).toEqual(['saveState', 'freeModel', 'loadModel', 'createContext', 'restoreState']);
		expect(store.get().contextUsed).toBe(contextUsed);
		const second = await askStore(store, 'hello', 4);
		expect(second.prompt.tokens).toBeLessThan(fewTokens);
		expect(second.contextUsed).toBeGreaterThan(contextUsed);

		await store.setConversation(() => nobody);
		expect((await askStore(store, 'what is vramble?', 16)).text).toBe(onCpu.text);
		expect(readdirSync(folder)).toEqual([]);
	});

	// Mesa's lavapipe says 2 GiB, whatever the machine has.
	test.skipIf(deviceBytes > 3 * gib)('what does not fit is explained, and the settings before are back', async () => {
		// 512 kB of KV cache a token.
		const path = join(folder, 'wide.gguf');
		writeGguf(path, tinyDense(await guideVocabulary(), {blocks: 16, heads: 32, kvHeads: 32, headSize: 256}), {sparse: true});
		const wide = await factsOf(path);
		expect(await store.load(wide, {...small, gpuLayers: wide.layers}, nobody)).toEqual({ok: true});
		const before = store.get();
		expect(await store.apply({...applied(), contextSize: 6144})).toMatchObject({ok: false, failure: {code: 'out-of-memory'}});
		expect(store.get()).toEqual(before);
		rmSync(path);
	});
});
