import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {ModelFacts, Settings} from '../../source/engine/types.ts';
import {baseSettings} from '../support/fake-engine.ts';
import {guideVocabulary, tinyExperts} from '../support/gguf-shapes.ts';
import {writeGguf} from '../support/gguf-writer.ts';
import {askerOf, factsOf} from './engines.ts';

vi.setConfig({testTimeout: 240_000, hookTimeout: 120_000});

const engine = createLlamaEngine();
const device = await engine.start({gpu: 'vulkan'}).catch(() => undefined);
const canPlace = device !== undefined && device.names.length > 0 && device.hooksOff === undefined;
const reason = canPlace ? '' : ' (skipped: there is no Vulkan device, or the native hooks are off)';

afterAll(() => engine.dispose());

describe.skipIf(!canPlace)(`experts on the CPU${reason}`, () => {
	const folder = mkdtempSync(join(tmpdir(), 'vramble-experts-'));
	const path = join(folder, 'experts.gguf');
	let facts: ModelFacts;
	let all: Settings;

	beforeAll(async () => {
		// Other types round otherwise on the CPU, and weights without meaning leave many words as likely as the next.
		writeGguf(path, tinyExperts(await guideVocabulary(), {type: 'F32', blocks: 4}));
		facts = await factsOf(path);
		all = {...baseSettings, gpuLayers: facts.layers, contextSize: 512, batchSize: 64, threads: 1};
	});

	afterAll(() => rmSync(folder, {recursive: true}));

	const load = async (settings: Settings) => {
		await engine.freeModel();
		await engine.setConversation({system: undefined, messages: []});
		await engine.loadModel({path, settings});
		const {ownVramBytes} = await engine.memory();
		await engine.createContext({settings});
		const {text} = await askerOf(engine)('hi', {maxTokens: 32});
		return {ownVramBytes, text};
	};

	test('take exactly their bytes out of VRAM, in dry runs and in loads, and change no word', async () => {
		const {blocks} = facts.weights.sizes;
		const {ownVramBytes: whole, text} = await load(all);
		for (let layers = 1; layers <= blocks.length; layers++) {
			const settings = {...all, cpuExpertLayers: layers};
			const expertBytes = blocks.slice(0, layers).reduce((sum, block) => sum + block.expertBytes, 0);
			const {weights, exact} = await engine.dryRun({path, settings});
			expect({layers, exact, vram: weights.vramBytes}).toEqual({layers, exact: true, vram: whole - expertBytes});
			expect({layers, ...(await load(settings))}).toEqual({layers, ownVramBytes: whole - expertBytes, text});
		}
	});

	test('and other tensors stay there by their names, as the KV cache does', async () => {
		const {weights, context} = await engine.dryRun({path, settings: all});
		const some = await engine.dryRun({path, settings: {...all, overrideTensor: '^blk\\.[12]\\.attn_q\\.=CPU,^output\\.=CPU'}});
		expect(some.exact).toBe(true);
		expect(some.weights.vramBytes).toBeLessThan(weights.vramBytes);
		const cached = await engine.dryRun({path, settings: {...all, kvOffload: false}});
		expect(cached.weights).toEqual(weights);
		expect(cached.context.vramBytes).toBeLessThan(context.vramBytes);
		expect((await load({...all, kvOffload: false})).text).toBe((await load(all)).text);
	});

	test('a pattern that is none is refused in plain words', async () => {
		await engine.freeModel();
		await expect(engine.loadModel({path, settings: {...all, overrideTensor: '[=CPU'}})).rejects.toMatchObject({
			message: expect.stringContaining('not a pattern'),
		});
	});
});
