import {mkdtempSync, readFileSync, rmSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {getLlama, type Llama, LlamaChatSession, LlamaLogLevel, readGgufFileInfo} from 'node-llama-cpp';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {experts120b, guideVocabulary, llama70b, tinyDense, tinyExperts, tinySlidingWindow} from './gguf-shapes.ts';
import {f32, type GgufShape, i32, u16, u64, type WriteOptions, writeGguf} from './gguf-writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'vramble-writer-'));
const vocabulary = await guideVocabulary();
let llama: Llama;

beforeAll(async () => {
	llama = await getLlama({gpu: false, build: 'never', progressLogs: false, logger() {}, logLevel: LlamaLogLevel.error});
});

afterAll(async () => {
	await llama.dispose();
	rmSync(folder, {recursive: true});
});

const written = (shape: GgufShape, options?: WriteOptions): string => {
	const path = join(folder, 'model.gguf');
	writeGguf(path, shape, options);
	return path;
};

const reply = async (path: string): Promise<string> => {
	const model = await llama.loadModel({modelPath: path});
	const context = await model.createContext({contextSize: 256, threads: 1});
	const session = new LlamaChatSession({contextSequence: context.getSequence()});
	const text = await session.prompt('Hello', {maxTokens: 6, temperature: 0});
	await model.dispose();
	return text;
};

test('every kind of value comes back as it was written', async () => {
	const plain = {text: 'Grüße', flag: true, whole: 7, texts: ['a', ''], flags: [true, false], none: []};
	const typed = {short: u16(65_535), long: u64(2 ** 40), negative: i32(-3), real: f32(0.5), numbers: i32([1, -2])};
	const path = written({metadata: {'general.architecture': 'llama', ...plain, ...typed}, tensors: []});
	const {metadata} = await readGgufFileInfo(path, {logWarnings: false});
	expect(metadata).toMatchObject({...plain, short: 65_535, long: 2n ** 40n, negative: -3, real: 0.5, numbers: [1, -2]});
});

test('the same seed makes the same file', () => {
	const file = (seed: number) => readFileSync(written(tinyDense(vocabulary), {seed}));
	expect(file(1).equals(file(1))).toBe(true);
	expect(file(1).equals(file(2))).toBe(false);
});

describe('llama.cpp loads and runs', () => {
	test.each([
		['a dense model', tinyDense(vocabulary)],
		['F32 weights', tinyDense(vocabulary, {type: 'F32'})],
		['F16 weights', tinyDense(vocabulary, {type: 'F16'})],
		['Q4_0 weights', tinyDense(vocabulary, {type: 'Q4_0'})],
		['another size', tinyDense(vocabulary, {blocks: 9, width: 96, headSize: 32})],
		['a mixture of experts', tinyExperts(vocabulary)],
		['a sliding window', tinySlidingWindow(vocabulary)],
	])('%s', async (_, shape) => {
		const path = written(shape);
		const {fullTensorInfo, totalTensorCount} = await readGgufFileInfo(path, {logWarnings: false});
		expect(fullTensorInfo?.map(({name}) => name)).toEqual(shape.tensors.map(({name}) => name));
		expect(totalTensorCount).toBe(shape.tensors.length);
		expect(await reply(path)).not.toBe('');
	});
});

describe('sparse', () => {
	test.each([
		['Llama 70B', llama70b(vocabulary), 42.5e9, 80],
		['120B experts', experts120b(vocabulary), 63.4e9, 36],
	])('%s has its full size and takes little of the disk', async (name, shape, sizeBytes, blocks) => {
		const path = written(shape, {sparse: true});
		const stats = statSync(path);
		expect(Math.abs(stats.size - sizeBytes)).toBeLessThan(0.1e9);
		expect(stats.blocks * 512).toBeLessThan(40e6);
		const {metadata, architectureMetadata} = await readGgufFileInfo(path, {logWarnings: false});
		expect(metadata.general.name).toBe(name.replace('120B experts', 'Experts 120B'));
		expect(architectureMetadata.block_count).toBe(blocks);
	});
});
