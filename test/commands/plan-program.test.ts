import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {experts120b, guideVocabulary, llama70b} from '../support/gguf-shapes.ts';
import {type GgufShape, i32, u16, writeGguf} from '../support/gguf-writer.ts';
import {guidePath, type Home, makeHome, testTimeout} from '../terminal/program.ts';
import {runProgram} from '../terminal/run-program.ts';

vi.setConfig({testTimeout});

let home: Home;
let large: string;

const writeSplit = (name: string, {metadata, tensors}: GgufShape, count: number): string => {
	const paths = Array.from({length: count}, (_, index) => join(home.folder, `${name}-0000${index + 1}-of-0000${count}.gguf`));
	const each = Math.ceil(tensors.length / count);
	for (const [index, path] of paths.entries()) {
		const split = {'split.no': u16(index), 'split.count': u16(count), 'split.tensors.count': i32(tensors.length)};
		const part = {metadata: index === 0 ? {...metadata, ...split} : split, tensors: tensors.slice(index * each, (index + 1) * each)};
		writeGguf(path, part, {sparse: true});
	}

	return paths[0] ?? '';
};

beforeAll(async () => {
	home = makeHome();
	large = join(home.folder, 'large.gguf');
	writeGguf(large, llama70b(await guideVocabulary()), {sparse: true});
});

afterAll(() => home.remove());

const software = {gpu: 'auto', env: {GGML_VK_VISIBLE_DEVICES: '0'}} as const;
const elsewhere = ['--vram', '12G', '--ram', '64G', '--gpu-bandwidth', '360', '--ram-bandwidth', '80'];

const planOf = async (args: readonly string[], run: Parameters<typeof runProgram>[2] = {}) => {
	const {code, stdout, stderr} = await runProgram(home, ['plan', ...args, '--json'], run);
	// The software device has a limit for a buffer that large tensors are over.
	expect({code, stderr}).toEqual({code: 0, stderr: expect.stringMatching(/^(?:vramble: This device does not take [^\n]*\n)?$/)});
	return JSON.parse(stdout);
};

type JsonPlan = {readonly gpuLayers: number; readonly vramBytes: number; readonly ramBytes: number; readonly recommended: boolean};
const byLayers = (plans: readonly JsonPlan[]) => plans.map(({gpuLayers}) => gpuLayers);
const gib = 1024 ** 3;

test('without a model it plans the guide, as plain text', async () => {
	const {code, stdout, stderr} = await runProgram(home, ['plan']);
	expect({code, stderr}).toEqual({code: 0, stderr: ''});
	expect(stdout).toMatch(/^guide · llama · Q8_0 · 13 layers · 5\.9 MB\nllama\.cpp uses no GPU here: /);
	expect(stdout).toMatch(/▸ {5}0 {5}— .* fits\n/);
	expect(stdout).toMatch(/^[\P{Cc}\n]*$/u);
});

test('a model of 42 GB for a machine that is not here, in one part and in three', async () => {
	const whole = await planOf([large, ...elsewhere]);
	expect(whole).toMatchObject({exact: false, model: {layers: 81, path: large}, devices: [{totalBytes: 12 * gib}]});
	const chosen = whole.plans.find(({recommended}: JsonPlan) => recommended);
	expect(chosen).toMatchObject({gpuLayers: 20, verdict: 'fits'});
	expect(chosen.vramBytes).toBeLessThan(12 * gib);
	expect(whole.plans.at(-1).vramBytes / gib).toBeCloseTo(41.9, 0);
	expect(chosen.tokensPerSecond).toBeGreaterThan(1.5);
	const first = writeSplit('parts', llama70b(await guideVocabulary()), 3);
	const split = await planOf([first, ...elsewhere]);
	expect(split.model.sizeBytes / whole.model.sizeBytes).toBeCloseTo(1, 2);
	expect(split.plans).toEqual(whole.plans);
});

test('a mixture of experts of 63 GB: only the experts that work count for the speed', async () => {
	const path = join(home.folder, 'experts.gguf');
	writeGguf(path, experts120b(await guideVocabulary()), {sparse: true});
	const {model, plans} = await planOf([path, ...elsewhere]);
	expect(model).toMatchObject({expertLayers: 36, layers: 37});
	const {gpuLayers, cpuExpertLayers, tokensPerSecond} = plans.find(({recommended}: JsonPlan) => recommended);
	expect([gpuLayers, cpuExpertLayers]).toEqual([37, 31]);
	expect(tokensPerSecond).toBeGreaterThan(10);
});

test('the same as a command for llama-server', async () => {
	const {code, stdout} = await runProgram(home, ['plan', large, ...elsewhere, '--print-command']);
	expect(code).toBe(0);
	expect(stdout).toBe(
		`llama-server --model ${large} --gpu-layers 20 --ctx-size 8192 --cache-type-k f16 --cache-type-v f16 ` +
			'--batch-size 512 --ubatch-size 512 --flash-attn auto --parallel 1\n',
	);
});

test('a model that llama.cpp cannot load ends with 1 and says why', async () => {
	const {metadata, tensors} = llama70b(await guideVocabulary());
	const path = join(home.folder, 'incomplete.gguf');
	writeGguf(path, {metadata, tensors: tensors.filter(({name}) => name !== 'blk.2.attn_k.weight')}, {sparse: true});
	const {code, stdout, stderr} = await runProgram(home, ['plan', path]);
	expect({code, stdout}).toEqual({code: 1, stdout: ''});
	expect(stderr).toMatch(/^vramble: .*"blk\.2\.attn_k\.weight" is missing in the file\./);
	const missing = await runProgram(home, ['plan', 'nowhere.gguf']);
	expect(missing).toMatchObject({code: 1, stdout: '', stderr: expect.stringMatching(/^vramble: There is no file ".*nowhere\.gguf"/)});
	const usage = await runProgram(home, ['plan', guidePath, '--vram', '12']);
	expect(usage).toMatchObject({
		code: 2,
		stdout: '',
		stderr: expect.stringMatching(/^vramble: --vram takes a size above zero with its unit/),
	});
});

describe('on a Vulkan device', async () => {
	let hasDevice: boolean;

	beforeAll(async () => {
		hasDevice = (await planOf([guidePath], software)).devices.length > 0;
	});

	test('exact, the budget kept, the more layers the more VRAM', async context => {
		if (!hasDevice) context.skip('llama.cpp sees no Vulkan device');
		const {exact, devices, plans, bindingLimit} = await planOf([large, '--vram', '1.5G'], software);
		expect(exact).toBe(true);
		expect(devices).toMatchObject([{backend: 'vulkan', budgetBytes: 1.5 * gib}]);
		expect(byLayers(plans)).toEqual(expect.arrayContaining([0, 81]));
		const vram = plans.map(({vramBytes}: JsonPlan) => vramBytes);
		expect(vram).toEqual([...vram].sort((a: number, b: number) => a - b));
		const chosen = plans.find(({recommended}: JsonPlan) => recommended);
		expect(chosen.vramBytes).toBeLessThanOrEqual(1.5 * gib);
		expect(bindingLimit).toMatchObject({limit: 'VRAM', nextGpuLayers: chosen.gpuLayers + 1});
	});

	test('a context that ends llama.cpp does not fit, or is the end of a search', async context => {
		if (!hasDevice) context.skip('llama.cpp sees no Vulkan device');
		const tooLarge = await planOf([large, '-ngl', '2', '-c', '131072', '--ram', '256G'], software);
		expect(tooLarge).toMatchObject({exact: false, plans: [{verdict: 'does not fit', contextSize: 131_072}]});
		const {largestContext} = await planOf([large, '-ngl', '2', '--ram', '128G'], software);
		expect(largestContext).toBe(65_536);
	});
});
