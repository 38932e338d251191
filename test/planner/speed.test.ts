import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {kernelKey} from '../../source/engine/types.js';
import {type Calibration, calibrate, type Observation, speedsOf} from '../../source/planner/calibration.js';
import {promptTokensPerSecond, tokensPerSecond, workOf} from '../../source/planner/speed.js';
import {bytesByType, kernelsOf, meanCosts} from '../../source/planner/tensor-costs.js';
import type {ModelWeights, Speeds} from '../../source/planner/types.js';
import {baseSettings} from '../support/fake-engine.js';

const model = (bytes: number, {experts = 0, activeExperts = 1, type = 'Q8_0'} = {}): ModelWeights => ({
	sizes: {
		inputBytes: 0,
		blocks: Array.from({length: 10}, () => ({bytes: bytes / 10, expertBytes: (experts * bytes) / 10})),
		outputBytes: 0,
	},
	activeExperts,
	parameters: bytes,
	types: {shared: {[type]: bytes}, experts: {[type]: bytes}},
});

/** With what ten layers take (0.09 ms), 1 ms a token. */
const speeds: Speeds = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 50e9, overheadMs: 0.91};
const cpu = {...baseSettings, gpuLayers: 0, threads: 8};
const gpu = {...baseSettings, gpuLayers: 11};

describe('tokens per second', () => {
	test.each<[string, ModelWeights, Partial<typeof cpu>, number]>([
		['all on the CPU', model(5e9), {gpuLayers: 0}, 1 / 0.101],
		['all on the GPU', model(30e9), {gpuLayers: 11}, 1 / 0.101],
		['half and half', model(10e9), {gpuLayers: 6}, 1 / (5 / 300 + 5 / 50 + 0.001)],
		['an eighth of the experts', model(10e9, {experts: 0.8, activeExperts: 1 / 8}), {gpuLayers: 0}, 1 / (3 / 50 + 0.001)],
		[
			'experts on the CPU',
			model(10e9, {experts: 0.8, activeExperts: 1 / 8}),
			{gpuLayers: 11, cpuExpertLayers: 10},
			1 / (2 / 300 + 1 / 50 + 0.001),
		],
	])('%s', (_what, weights, change, expected) => {
		expect(tokensPerSecond(speeds, {settings: {...cpu, ...change}, weights})).toBeCloseTo(expected, 6);
	});

	test('a full context is read too', () => {
		const load = {settings: cpu, weights: model(5e9), cache: {gpu: 0, cpu: 5e9}};
		expect(tokensPerSecond(speeds, {...load, fillTokens: 0})).toBeCloseTo(1 / 0.101);
		expect(tokensPerSecond(speeds, {...load, fillTokens: 4096})).toBeCloseTo(1 / 0.201);
		expect(tokensPerSecond(speeds, {...load, fillTokens: 99_999})).toBeCloseTo(1 / 0.201);
	});

	test('few threads compute more slowly than RAM is read, some types more than others', () => {
		const slow = {...speeds, threadBytesPerSecond: 10e9};
		expect(tokensPerSecond(slow, {settings: {...cpu, threads: 1}, weights: model(5e9)})).toBeCloseTo(1 / 0.501);
		expect(tokensPerSecond(slow, {settings: {...cpu, threads: 16}, weights: model(5e9)})).toBeCloseTo(1 / 0.101);
		expect(tokensPerSecond(slow, {settings: {...cpu, threads: 1}, weights: model(5e9, {type: 'Q4_1'})})).toBeCloseTo(1 / 1.076);
	});

	test('are not known where a side was not measured', () => {
		const half = {...speeds, gpuBytesPerSecond: undefined};
		expect(tokensPerSecond(half, {settings: gpu, weights: model(5e9)})).toBeUndefined();
		expect(tokensPerSecond(half, {settings: cpu, weights: model(5e9)})).toBeDefined();
	});

	test('a full context is computed once for each head that reads it, in short heads more slowly', () => {
		const slow = {...speeds, threadBytesPerSecond: 10e9, shortHeadCost: 20};
		const at = (headsPerKvHead: number, headSize: number, change: Partial<typeof cpu> = {}) =>
			1 /
			(tokensPerSecond(slow, {
				settings: {...cpu, threads: 1, ...change},
				weights: {...model(5e9), attention: {headsPerKvHead, headSize}},
				cache: {gpu: 0, cpu: 1e9},
				fillTokens: 4096,
			}) ?? 0);
		const without = 0.501;
		expect(at(1, 128) - without).toBeCloseTo(0.175);
		expect(at(4, 128) - without).toBeCloseTo(0.7);
		expect(at(1, 32) - without).toBeCloseTo(2);
		expect(at(1, 96) - without).toBeCloseTo((0.175 * 2) / 3 + 2 / 3);
		expect(at(1, 32, {cacheTypeK: 'q8_0'}) - without).toBeCloseTo(0.5);
	});

	// Measured with the guide model on an Intel Xeon, one thread: milliseconds a token at 800 tokens of context.
	test.each([
		['f16', 16, 10.8],
		['q8_0', 8.5, 2.5],
		['q5_1', 6, 4.5],
		['q5_0', 5.5, 4.6],
		['q4_1', 5, 3.8],
		['q4_0', 4.5, 2.8],
		['iq4_nl', 4.5, 5.4],
	] as const)('a KV cache of %s is as slow as it is to unpack, however small', (cacheTypeK, bits, ms) => {
		const here: Speeds = {
			gpuBytesPerSecond: undefined,
			cpuBytesPerSecond: 24e9,
			threadBytesPerSecond: 10e9,
			overheadMs: 0.15,
			shortHeadCost: 16,
		};
		const perSecond = tokensPerSecond(here, {
			settings: {...cpu, threads: 1, contextSize: 2048, cacheTypeK},
			weights: {...model(5.4e6), attention: {headsPerKvHead: 2, headSize: 32}},
			cache: {gpu: 0, cpu: (9.4e6 * bits) / 16},
			fillTokens: 800,
		});
		expect(Math.abs(1000 / (perSecond ?? 0) / ms - 1)).toBeLessThan(0.25);
	});

	test('of a prompt go by what is computed, with threads', () => {
		const load = {settings: {...cpu, threads: 1}, weights: model(5e9)};
		expect(promptTokensPerSecond(speeds, load)).toBeUndefined();
		const known = {...speeds, promptPerSecond: {gpu: undefined, cpu: 500e9}};
		expect(promptTokensPerSecond(known, load)).toBeCloseTo(100);
		expect(promptTokensPerSecond(known, {...load, settings: {...cpu, threads: 4}})).toBeCloseTo(100 * 4 ** 0.9);
		expect(promptTokensPerSecond(known, {...load, promptThreads: 4})).toBeCloseTo(100 * 4 ** 0.9);
		expect(promptTokensPerSecond(known, {...load, weights: model(5e9, {type: 'F16'})})).toBeCloseTo(100 / 1.2);
	});

	test('go by what was measured on this machine, where it was', () => {
		const kernelCosts = {
			F16: {token: 2, prompt: 3},
			'experts F16': {token: 4, prompt: 5},
			'attention f16 32 x 2': {token: 6, prompt: 7},
		};
		const here = {
			...speeds,
			cpuBytesPerSecond: 500e9,
			threadBytesPerSecond: 10e9,
			promptPerSecond: {gpu: undefined, cpu: 100e9},
			kernelCosts,
		};
		const settings = {...cpu, threads: 1};
		const secondsOf = (weights: ModelWeights, cache = 0) => {
			const load = {settings, weights, cache: {gpu: 0, cpu: cache}, fillTokens: 4096};
			return [1 / (tokensPerSecond(here, load) ?? 0) - 0.001, 1 / (promptTokensPerSecond(here, load) ?? 0)];
		};
		const half = {experts: 0.5, activeExperts: 1 / 5};
		const withHeads = {...model(5e9), attention: {headsPerKvHead: 2, headSize: 32}};
		const expected = [
			[secondsOf(model(5e9, {type: 'F16'})), [1, 0.15]],
			[secondsOf(model(5e9, {type: 'Q4_K'})), [0.625, 0.075]],
			[secondsOf(model(5e9, {type: 'F16', ...half})), [0.7, 0.1]],
			[secondsOf(withHeads, 1e9), [0.5 + 1.2, 0.05 + 0.07]],
		] as const;
		for (const [seconds, told] of expected) {
			expect(seconds[0]).toBeCloseTo(told[0]);
			expect(seconds[1]).toBeCloseTo(told[1]);
		}
	});

	test('rise where a cache holds the weights, and with threads by what those are worth for a type', () => {
		const here = {
			...speeds,
			overheadMs: 0,
			cpuBytesPerSecond: 1e12,
			threadBytesPerSecond: 10e9,
			cachedBytesPerSecond: 40e9,
			threadsExponent: 0.5,
			kernelCosts: {
				Q4_1: {token: 2, prompt: 1, threadsExponent: 0.25},
				'attention f16 64 x 2': {token: 3, prompt: 1, threadsExponent: 0.5},
			},
		};
		const secondsAt = (weights: ModelWeights, threads = 1, cache = 0) =>
			0.94 *
			(1 / (tokensPerSecond(here, {settings: {...cpu, threads}, weights, cache: {gpu: 0, cpu: cache}, fillTokens: 4096}) ?? 0) - 0.00009);
		const mib = 2 ** 20;
		expect(secondsAt(model(64 * mib))).toBeCloseTo((64 * mib) / 10e9);
		expect(secondsAt(model(8 * mib))).toBeCloseTo((8 * mib) / 40e9);
		expect(secondsAt(model(Math.sqrt(8 * 64) * mib))).toBeCloseTo((Math.sqrt(8 * 64) * mib) / 20e9);
		expect(secondsAt(model(1e9), 16)).toBeCloseTo(1 / 40);
		expect(secondsAt(model(1e9, {type: 'Q4_1'}), 16)).toBeCloseTo(2 / 80);
		const withHeads = {...model(1e9), attention: {headsPerKvHead: 2, headSize: 64}};
		expect(secondsAt(withHeads, 16, 1e9) - secondsAt(withHeads, 16)).toBeCloseTo((3 * 2) / (40 * 16));
	});

	test('never fall with more layers on a faster GPU', () => {
		fc.assert(
			fc.property(fc.integer({min: 0, max: 10}), fc.integer({min: 1, max: 100}), (gpuLayers, size) => {
				const at = (layers: number) => tokensPerSecond(speeds, {settings: {...cpu, gpuLayers: layers}, weights: model(size * 1e9)}) ?? 0;
				expect(at(gpuLayers + 1)).toBeGreaterThanOrEqual(at(gpuLayers) - 1e-9);
			}),
		);
	});
});

test('bytes by type, and what they cost', () => {
	const types = bytesByType([
		{type: 'Q8_0', sizeBytes: 10},
		{type: 'Q4_1', sizeBytes: 5},
		{type: 'Q8_0', sizeBytes: 5},
	]);
	expect(types).toEqual({Q8_0: 15, Q4_1: 5});
	expect(meanCosts(types, 'weights').token).toBeCloseTo((15 + 5 * 2.15) / 20);
	expect(meanCosts(types, 'weights').prompt).toBeCloseTo((15 + 5 * 3.4) / 20);
	expect(meanCosts(undefined, 'weights')).toEqual({token: 1.3, prompt: 1.6});
});

const probed: Speeds = {gpuBytesPerSecond: undefined, cpuBytesPerSecond: 40e9, threadBytesPerSecond: 10e9, overheadMs: 0.5};
const fresh: Calibration = {probed, observed: []};
const answer = (name: string, weights: ModelWeights, perSecond: number, change: Partial<typeof cpu> = {}): Observation => ({
	model: name,
	settings: {...cpu, ...change},
	weights,
	tokensPerSecond: perSecond,
});

test('what has to be measured for a model', () => {
	const weights = {...model(1e9), types: {shared: {Q4_K: 90e6, Q6_K: 9e6, F32: 1e6, XYZ: 50e6}, experts: {Q4_K: 1e9}}};
	const keys = (headSize: number) =>
		kernelsOf({...weights, attention: {headsPerKvHead: 3, headSize}}, ['f16', 'q8_0', 'f16']).map(kernelKey);
	expect(keys(64)).toEqual(['Q4_K', 'Q6_K', 'experts Q4_K', 'attention f16 64 x 3', 'attention q8_0 64 x 3']);
	expect(keys(80)).toEqual(['Q4_K', 'Q6_K', 'experts Q4_K', 'attention f16 80 x 3']);
	expect(kernelsOf(weights, ['f16']).map(kernelKey)).toEqual(['Q4_K', 'Q6_K', 'experts Q4_K']);
});

describe('calibration', () => {
	test('starts from the probe', () => {
		expect(speedsOf(fresh)).toMatchObject({...probed, modelFactor: undefined});
	});

	test('after one real answer the model is predicted as measured', () => {
		fc.assert(
			fc.property(fc.double({min: 0.1, max: 100, noNaN: true}), fc.integer({min: 0, max: 11}), (perSecond, gpuLayers) => {
				const observation = answer('a', model(5e9), perSecond, {gpuLayers});
				const after = calibrate(fresh, observation);
				expect(tokensPerSecond(speedsOf(after, 'a'), observation)).toBeCloseTo(perSecond, 6);
			}),
			{numRuns: 30},
		);
	});

	test('one model tells the speed of others, also of tiny ones whose overhead decides', () => {
		const truth: Speeds = {...probed, threadBytesPerSecond: 16e9, overheadMs: 0.8};
		const at = (bytes: number) => tokensPerSecond(truth, {settings: {...cpu, threads: 1}, weights: model(bytes)}) ?? 0;
		const after = calibrate(fresh, answer('a', model(100e6), at(100e6), {threads: 1}));
		for (const bytes of [30e6, 300e6, 1e9]) {
			const predicted = tokensPerSecond(speedsOf(after), {settings: {...cpu, threads: 1}, weights: model(bytes)}) ?? 0;
			expect(Math.abs(predicted / at(bytes) - 1)).toBeLessThan(0.25);
		}
	});

	test('a tiny model with short heads tells what those cost, and little of others', () => {
		const tiny = {...model(6e6), attention: {headsPerKvHead: 2, headSize: 32}};
		const about = {model: 'tiny', settings: {...cpu, threads: 1}, weights: tiny, cache: {gpu: 0, cpu: 40e6}};
		const truth: Speeds = {...probed, overheadMs: 0.4, shortHeadCost: 16};
		const at = (fillTokens: number) => tokensPerSecond(truth, {...about, fillTokens}) ?? 0;
		const after = calibrate(fresh, {...about, fillTokens: 200, tokensPerSecond: at(200)});
		const big = {settings: {...cpu, threads: 1}, weights: model(1e9)};
		expect(Math.abs((tokensPerSecond(speedsOf(after), big) ?? 0) / (tokensPerSecond(truth, big) ?? 0) - 1)).toBeLessThan(0.2);
		const later = tokensPerSecond(speedsOf(after, 'tiny'), {...about, fillTokens: 800}) ?? 0;
		expect(Math.abs(later / at(800) - 1)).toBeLessThan(0.25);
	});

	test.each([
		// A short answer of the guide model on the screen, where drawing takes some time, too.
		[50, 1.6],
		[41, 1.55],
	])('what a screen takes for each token, told by %i tokens of context in %f ms, does not grow with the context', (fillTokens, ms) => {
		const machine = {...probed, cpuBytesPerSecond: 43e9, threadBytesPerSecond: 21e9, overheadMs: 0.15, shortHeadCost: 16};
		const tiny = {...model(5.8e6), attention: {headsPerKvHead: 2, headSize: 32}};
		const about = {model: 'tiny', settings: {...cpu, threads: 1, contextSize: 2048}, weights: tiny, cache: {gpu: 0, cpu: 9.4e6}};
		const after = calibrate({probed: machine, observed: []}, {...about, fillTokens, tokensPerSecond: 1000 / ms});
		const later = tokensPerSecond(speedsOf(after, 'tiny'), {...about, fillTokens: 200}) ?? 0;
		expect(Math.abs(later / 279 - 1)).toBeLessThan(0.1);
	});

	test('learns what more threads are worth', () => {
		const truth: Speeds = {...probed, threadsExponent: 0.5};
		const load = (name: string, threads: number) => {
			const settings = {...cpu, threads};
			return answer(name, model(1e9), tokensPerSecond(truth, {settings, weights: model(1e9)}) ?? 0, {threads});
		};
		const after = speedsOf([load('a', 1), load('b', 4)].reduce(calibrate, fresh));
		expect(after.threadsExponent).toBeGreaterThan(0.4);
		expect(after.threadsExponent).toBeLessThan(0.65);
	});

	test('a model that only the RAM holds up leaves threads as the probe found them', () => {
		const start = {...probed, cpuBytesPerSecond: 20e9, threadsExponent: 0.5};
		const ramBound = {settings: {...cpu, threads: 2}, weights: model(5e9, {type: 'F16'})};
		const after = speedsOf(
			calibrate({probed: start, observed: []}, {model: 'a', ...ramBound, tokensPerSecond: tokensPerSecond(start, ramBound) ?? 0}),
		);
		expect(after.threadsExponent).toBeCloseTo(0.5);
		const others = {settings: {...cpu, threads: 2}, weights: model(1e9, {type: 'Q4_1'})};
		expect((tokensPerSecond(after, others) ?? 0) / (tokensPerSecond(start, others) ?? 0)).toBeCloseTo(1, 1);
	});

	test('learns the bandwidth of a GPU from the first answer on it', () => {
		const truth: Speeds = {...probed, gpuBytesPerSecond: 900e9};
		const at = (bytes: number) => tokensPerSecond(truth, {settings: gpu, weights: model(bytes)}) ?? 0;
		expect(speedsOf(fresh).gpuBytesPerSecond).toBeUndefined();
		const after = speedsOf(calibrate(fresh, answer('a', model(8e9), at(8e9), gpu)));
		expect(Math.abs((after.gpuBytesPerSecond ?? 0) / 900e9 - 1)).toBeLessThan(0.15);
	});

	test('one answer beside a busy program does not decide over others', () => {
		const truth: Speeds = {...probed, threadBytesPerSecond: 8e9};
		const at = (bytes: number) => tokensPerSecond(truth, {settings: {...cpu, threads: 1}, weights: model(bytes)}) ?? 0;
		const sizes = [1e9, 2e9, 3e9, 4e9];
		const good = sizes.reduce(
			(calibration, bytes) => calibrate(calibration, answer(`${bytes}`, model(bytes), at(bytes), {threads: 1})),
			fresh,
		);
		const after = speedsOf(calibrate(good, answer('busy', model(5e9), at(5e9) / 10, {threads: 1})));
		const predicted = tokensPerSecond(after, {settings: {...cpu, threads: 1}, weights: model(2e9)}) ?? 0;
		expect(Math.abs(predicted / at(2e9) - 1)).toBeLessThan(0.15);
	});

	test.each([1, 2])(
		'an answer that others held up fifty times, with %i threads, says little of other models where kernels were measured',
		threads => {
			const here: Speeds = {...probed, cachedBytesPerSecond: 20e9, kernelCosts: {Q8_0: {token: 1, prompt: 1}}};
			const load = (bytes: number) => ({settings: {...cpu, threads}, weights: model(bytes)});
			const at = (speeds: Speeds, bytes: number) => tokensPerSecond(speeds, load(bytes)) ?? 0;
			const after = speedsOf(calibrate({probed: here, observed: []}, answer('busy', model(1e9), at(here, 1e9) / 50, {threads})));
			expect(at(after, 3e9) / at(here, 3e9)).toBeGreaterThan(0.7);
		},
	);

	test('a few slow tokens with more threads leave what many said of fewer, and of other models', () => {
		const truth: Speeds = {...probed, threadBytesPerSecond: 8e9};
		const load = (bytes: number, threads: number) => ({settings: {...cpu, threads}, weights: model(bytes)});
		const at = (bytes: number, threads: number) => tokensPerSecond(truth, load(bytes, threads)) ?? 0;
		const told = (threads: number, tokens: number, slower: number) => ({
			...answer('a', model(1e9), at(1e9, threads) / slower, {threads}),
			tokens,
		});
		const after = [told(1, 829, 1), told(2, 40, 7)].reduce(calibrate, fresh);
		for (const [name, bytes] of [
			['a', 1e9],
			['b', 3e9],
		] as const) {
			const predicted = tokensPerSecond(speedsOf(after, name), load(bytes, 1)) ?? 0;
			expect(Math.abs(predicted / at(bytes, 1) - 1)).toBeLessThan(0.1);
		}
	});

	test('a few tokens are averaged with those before, many replace them', () => {
		const told = (perSecond: number, tokens: number, fillTokens: number) => ({
			...answer('a', model(1e9), perSecond),
			cache: {gpu: 0, cpu: 4096},
			tokens,
			fillTokens,
		});
		const [before, latest] = [told(16, 829, 100), told(2, 32, 300)];
		const [mixed] = [before, latest].reduce(calibrate, fresh).observed;
		// A quarter of 128 tokens: 16 to the power of 3/4 times 2 to the power of 1/4.
		expect(mixed?.tokensPerSecond).toBeCloseTo(2 ** 3.25);
		expect(mixed).toMatchObject({tokens: 128, work: {cpuBytes: 1e9 + 150}});
		const [short] = [told(2, 32, 300), told(8, 32, 300)].reduce(calibrate, fresh).observed;
		expect(short).toMatchObject({tokens: 64, tokensPerSecond: expect.closeTo(4)});
		const [replaced] = [before, told(2, 128, 300)].reduce(calibrate, fresh).observed;
		expect(replaced).toMatchObject({tokens: 128, tokensPerSecond: 2, work: {cpuBytes: 1e9 + 300}});
	});

	test('a few tokens of much more work are not averaged with those before', () => {
		const told = (perSecond: number, fillTokens: number) => ({
			...answer('a', model(1e9), perSecond),
			cache: {gpu: 0, cpu: 40e9},
			tokens: 32,
			fillTokens,
		});
		const [latest] = [told(16, 100), told(2, 2000)].reduce(calibrate, fresh).observed;
		expect(latest).toMatchObject({tokens: 32, tokensPerSecond: 2});
	});

	test.each([2, 3, 5])('a slow answer with %i of 11 layers on the GPU is not laid to the GPU alone', gpuLayers => {
		const settings = {...cpu, gpuLayers};
		const load = {settings, weights: model(5e9)};
		const truth: Speeds = {...probed, gpuBytesPerSecond: 300e9};
		const slow = (tokensPerSecond(truth, load) ?? 0) / 10;
		const after = speedsOf(calibrate(fresh, answer('busy', model(5e9), slow, settings)));
		const all = {settings: gpu, weights: model(5e9)};
		expect(tokensPerSecond(after, all)).toBeGreaterThan((tokensPerSecond(truth, all) ?? 0) / 10);
	});

	test('on a software device a slow answer is laid to that, and not to the CPU', () => {
		const settings = {...cpu, gpuLayers: 5};
		const truth: Speeds = {...probed, gpuBytesPerSecond: 0.3e9};
		const slow = tokensPerSecond(truth, {settings, weights: model(5e9)}) ?? 0;
		const after = speedsOf(calibrate(fresh, answer('a', model(5e9), slow, settings)), undefined, 'software');
		const alone = {settings: cpu, weights: model(5e9)};
		expect(Math.abs((tokensPerSecond(after, alone) ?? 0) / (tokensPerSecond(truth, alone) ?? 0) - 1)).toBeLessThan(0.25);
	});

	test('keeps the latest of each, and not what is no speed', () => {
		const first = calibrate(fresh, answer('a', model(1e9), 10));
		expect(calibrate(first, answer('a', model(1e9), Number.NaN))).toBe(first);
		expect(calibrate(first, answer('a', model(1e9), 0))).toBe(first);
		const second = calibrate(first, answer('a', model(1e9), 12));
		expect(second.observed.map(({tokensPerSecond: perSecond}) => perSecond)).toEqual([12]);
		const many = Array.from({length: 50}, (_, index) => answer(`${index}`, model(1e9), 10)).reduce(calibrate, fresh);
		expect(many.observed).toHaveLength(32);
	});

	test('learns the prompt speed from prompts that are long enough', () => {
		const observation = answer('a', model(5e9), 10);
		const short = calibrate(fresh, {...observation, prompt: {tokens: 5, tokensPerSecond: 100}});
		expect(speedsOf(short).promptPerSecond).toEqual({gpu: undefined, cpu: undefined});
		// The clock stops at the first token of the answer: 5 s less a tenth of one.
		const long = calibrate(fresh, {...observation, prompt: {tokens: 500, tokensPerSecond: 100}});
		expect(promptTokensPerSecond(speedsOf(long), {settings: cpu, weights: model(10e9)})).toBeCloseTo(500 / 4.9 / 2);
		expect(promptTokensPerSecond(speedsOf(long, 'a'), {settings: cpu, weights: model(5e9)})).toBeCloseTo(500 / 4.9);
	});

	test('what the latest answer does not tell stays known', () => {
		const told = answer('a', model(5e9), 10);
		const prompt = {tokens: 500, tokensPerSecond: 100};
		const known = calibrate(fresh, {...told, prompt});
		for (const [latest, speeds] of [
			[{...told, tokensPerSecond: 12, prompt: {tokens: 5, tokensPerSecond: 100}}, [12, 500 / 4.9]],
			[{...told, tokensPerSecond: undefined, roughTokensPerSecond: 20, prompt: {tokens: 500, tokensPerSecond: 200}}, [10, 500 / 2.45]],
			[{...told, tokensPerSecond: undefined, roughTokensPerSecond: 20}, [10, 500 / 4.9]],
		] as const) {
			const after = calibrate(known, latest);
			expect(after.observed).toHaveLength(1);
			expect([after.observed[0]?.tokensPerSecond, after.observed[0]?.promptTokensPerSecond]).toEqual(speeds);
			expect(after.observed[0]?.work.promptCost).toBe(known.observed[0]?.work.promptCost);
		}
	});

	test('a short answer to a long prompt tells of the prompt alone', () => {
		const after = calibrate(fresh, {
			...answer('a', model(5e9), 10),
			tokensPerSecond: undefined,
			roughTokensPerSecond: 10,
			prompt: {tokens: 500, tokensPerSecond: 100},
		});
		expect(promptTokensPerSecond(speedsOf(after, 'a'), {settings: cpu, weights: model(5e9)})).toBeCloseTo(500 / 4.9);
		expect(speedsOf(after, 'a')).toMatchObject({...probed, modelFactor: undefined});
	});

	test('work is what a token needs', () => {
		expect(workOf({settings: cpu, weights: model(1e9, {type: 'Q4_0'})})).toEqual({
			gpuBytes: 0,
			cpuBytes: 1e9,
			cpuCost: 1.05e9,
			cachedCost: 0,
			shortHeadBytes: 0,
			threads: 8,
			blocks: 10,
			gpuParameters: 0,
			promptCost: 1.5e9,
		});
	});
});
