import {existsSync, mkdtempSync, rmSync} from 'node:fs';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.js';
import type {CacheType, Settings} from '../../source/engine/types.js';
import {checkModelFile} from '../../source/models/model-file.js';
import {guideVocabulary, tinyDense, tinyExperts, tinySlidingWindow} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';

const mib = 1024 ** 2;

const engine = createLlamaEngine();
const device = await engine.start({gpu: 'auto'});
const isCpuOnly = device.backend === 'cpu';
const folder = mkdtempSync(join(tmpdir(), 'vramble-truth-'));
const vocabulary = await guideVocabulary();

const generated = (name: string, shape: Parameters<typeof writeGguf>[1]) => {
	const path = join(folder, `${name}.gguf`);
	writeGguf(path, shape);
	return path;
};

/** A block of q8_0: smaller heads take no quantized KV cache. */
const headSize = {width: 128, heads: 4, kvHeads: 2, headSize: 32};

const smolLm = process.env.VRAMBLE_TEST_MODEL ?? join(homedir(), '.cache/vramble-test-models/SmolLM2-135M-Instruct-Q4_1.gguf');
const models = [
	'models/guide.gguf',
	generated('dense', tinyDense(vocabulary, headSize)),
	generated('experts', tinyExperts(vocabulary)),
	generated('sliding-window', tinySlidingWindow(vocabulary, headSize)),
	...(existsSync(smolLm) ? [smolLm] : []),
];

afterAll(async () => {
	await engine.dispose();
	rmSync(folder, {recursive: true});
});

const settingsFor = (layers: number): Settings[] => {
	const counts = new Set([0, 1, Math.floor(layers / 2), layers - 1, layers]);
	return [...counts].flatMap(gpuLayers =>
		[512, 2048].flatMap(contextSize =>
			(['f16', 'q8_0'] as const).map((type: CacheType) => ({
				gpuLayers,
				cpuExpertLayers: 0,
				contextSize,
				cacheTypeK: type,
				cacheTypeV: type,
				batchSize: 512,
				threads: 1,
				flashAttention: 'auto' as const,
				mmap: false,
				mlock: false,
			})),
		),
	);
};

const reason = isCpuOnly ? ' (skipped: llama.cpp sees no device; with Mesa installed, GGML_VK_VISIBLE_DEVICES=0 gives one)' : '';

test.skipIf(isCpuOnly).each(models)(`%s takes what the dry run said, for every placement${reason}`, {timeout: 120_000}, async path => {
	const {facts} = await checkModelFile(path);
	for (const settings of settingsFor(facts.layers)) {
		const said = await engine.dryRun({path, settings});
		await engine.loadModel({path, settings});
		const {memory, settings: got} = await engine.createContext({settings});
		await engine.freeModel();
		const what = JSON.stringify(settings);
		expect(said.exact, what).toBe(true);
		expect(got.contextSize, what).toBe(settings.contextSize);
		const vram = said.weights.vramBytes + said.context.vramBytes;
		expect(vram - memory.ownVramBytes, `VRAM, never under: ${what}`).toBeGreaterThanOrEqual(0);
		expect(vram - memory.ownVramBytes, `VRAM: ${what}`).toBeLessThanOrEqual(Math.max(8 * mib, 0.01 * memory.ownVramBytes));
		const ram = said.weights.ramBytes + said.context.ramBytes;
		// Without mmap: with it llama.cpp counts all of the file from the first to the last tensor that stays on the CPU.
		expect(Math.abs(ram - memory.ownRamBytes), `RAM: ${what}`).toBeLessThanOrEqual(Math.max(mib, 0.05 * memory.ownRamBytes));
	}
});

test.skipIf(isCpuOnly)(`a filled context takes no more${reason}`, async () => {
	const path = join(folder, 'dense.gguf');
	const [settings] = settingsFor(3).filter(({gpuLayers, contextSize}) => gpuLayers === 3 && contextSize === 512);
	if (!settings) throw new Error('There are no such settings.');
	const said = await engine.dryRun({path, settings});
	await engine.loadModel({path, settings});
	await engine.createContext({settings});
	const prompt = 'what is a kv cache and what does it take? '.repeat(40);
	const sampling = {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05};
	const {contextUsed} = await engine.answer({prompt, sampling, maxTokens: 2});
	expect(contextUsed).toBeGreaterThan(400);
	expect(said.weights.vramBytes + said.context.vramBytes).toBeGreaterThanOrEqual((await engine.memory()).ownVramBytes);
});
