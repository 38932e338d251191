import {describe, expect, test} from 'vitest';
import {inOrder} from '../../source/commands/bench-order.js';
import {benchPrinter} from '../../source/commands/bench-output.js';
import {type BenchRow, nanoseconds, tokensPerSecond} from '../../source/commands/bench-rows.js';
import {describeSettings} from '../../source/commands/bench-settings.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import {baseSettings, cpuDevice, gpuDevice} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const row: BenchRow = {
	settings: baseSettings,
	got: baseSettings,
	test: {promptTokens: 512, generatedTokens: 0},
	samplesMs: [500, 512, 524],
	startedAt: new Date('2026-01-02T03:04:05.678Z'),
	failure: undefined,
};
const failed: BenchRow = {
	...row,
	got: undefined,
	samplesMs: [],
	failure: new EngineError('out-of-memory', 'No room.', {why: 'It is "full".'}),
};

test('mean and deviation as llama-bench computes them', () => {
	expect(nanoseconds(row)).toMatchObject({mean: 512e6, deviation: 12e6, samples: [500e6, 512e6, 524e6]});
	expect(tokensPerSecond(row)?.mean).toBeCloseTo(1000.37, 2);
	expect(tokensPerSecond(row)?.deviation).toBeCloseTo(23.45, 1);
	expect(tokensPerSecond({...row, samplesMs: [256]})).toEqual({mean: 2000, deviation: 0, samples: [2000]});
	expect(tokensPerSecond(failed)).toBeUndefined();
});

test.each([
	[true, false, 'mmap'],
	[false, false, 'none'],
	[true, true, 'mlock'],
])('the load mode with mmap %s and mlock %s is %s', (mmap, mlock, mode) => {
	const described = describeSettings({...baseSettings, mmap, mlock}, new Set(['mmap']));
	expect(described).toBe(`lm ${mode}`);
});

const tests = [row.test, {promptTokens: 0, generatedTokens: 128}] as const;

const print = (
	format: 'md' | 'json' | 'csv',
	shown: readonly ('batch-size' | 'mmap')[] = [],
	device = gpuDevice,
	ascii = false,
	room?: number,
) => {
	const printer = benchPrinter({model: bigModel, device, cpu: 'Some CPU'}, {format, shown: new Set(shown), ascii, tests}, room);
	const tg = {...row, test: tests[1]};
	return printer.begin() + printer.row(tg) + printer.row(failed) + printer.end();
};

describe('Markdown', () => {
	test('of a GPU, with a row that does not fit', () => {
		expect(print('md')).toBe(
			[
				'| model                          |       size |     params | backend    | ngl |            test |                  t/s |',
				'| ------------------------------ | ---------: | ---------: | ---------- | --: | --------------: | -------------------: |',
				'| big Q4_K_M                     |  39.67 GiB |    70.00 B | CUDA       |  12 |           tg128 |        250.09 ± 5.86 |',
				'| big Q4_K_M                     |  39.67 GiB |    70.00 B | CUDA       |  12 |           pp512 |        out of memory |',
				'',
			].join('\n'),
		);
	});

	test.each([
		[[], cpuDevice, ['threads']],
		[['batch-size'], gpuDevice, ['ngl', 'n_batch']],
		[['mmap'], gpuDevice, ['ngl', 'lm']],
	] as const)('columns of %j', (shown, device, titles) => {
		const [header = ''] = print('md', shown, device).split('\n');
		expect(header.split('|').map(cell => cell.trim())).toEqual(['', 'model', 'size', 'params', 'backend', ...titles, 'test', 't/s', '']);
	});

	test.each([
		[120, 120, 7],
		[119, 78, 7],
		[78, 78, 7],
		[77, 56, 5],
		[10, 56, 5],
	])('a terminal of %i cells: %i are used, by %i columns', (room, width, columns) => {
		const lines = print('md', [], gpuDevice, false, room).trimEnd().split('\n');
		expect(lines.map(line => line.length)).toEqual([width, width, width, width]);
		expect(lines.map(line => line.split('|').length - 2)).toEqual(Array.from({length: 4}, () => columns));
	});

	test('--ascii', () => {
		expect(print('md', [], gpuDevice, true)).toMatch(/250\.09 \+- 5\.86/);
	});
});

const common = {
	cpu_info: 'Some CPU',
	gpu_info: 'RTX 3060',
	backends: 'CUDA',
	model_filename: '/models/big-Q4_K_M.gguf',
	model_type: 'big Q4_K_M',
	model_size: 42.6e9,
	model_n_params: 70e9,
	n_gpu_layers: 12,
	n_cpu_moe: 0,
	no_kv_offload: false,
	devices: 'auto',
	split_mode: 'layer',
	main_gpu: 0,
	tensor_split: '0.00',
	tensor_buft_overrides: 'none',
	n_threads: 4,
	n_batch: 512,
	n_ubatch: 512,
	type_k: 'f16',
	type_v: 'f16',
	flash_attn: -1,
	load_mode: 'mmap',
	n_ctx: 4096,
	n_depth: 0,
	test_time: '2026-01-02T03:04:05Z',
};

test("JSON with llama-bench's fields; what failed is null and says why", () => {
	expect(JSON.parse(print('json'))).toEqual([
		{
			...common,
			n_prompt: 0,
			n_gen: 128,
			avg_ns: 512e6,
			stddev_ns: 12e6,
			avg_ts: expect.closeTo(250.09, 2),
			stddev_ts: expect.closeTo(5.86, 2),
			error: null,
			samples_ns: [500e6, 512e6, 524e6],
			samples_ts: [256, 250, expect.closeTo(244.27, 2)],
		},
		{
			...common,
			n_prompt: 512,
			n_gen: 0,
			avg_ns: null,
			stddev_ns: null,
			avg_ts: null,
			stddev_ts: null,
			error: 'No room. It is "full".',
			samples_ns: [],
			samples_ts: [],
		},
	]);
});

test('JSON that was stopped before its first row', () => {
	const printer = benchPrinter({model: bigModel, device: gpuDevice, cpu: ''}, {format: 'json', shown: new Set(), ascii: false, tests});
	expect(JSON.parse(printer.begin() + printer.end())).toEqual([]);
});

test('CSV with a header, everything in quotes', () => {
	const [header = '', first = '', second = '', rest] = print('csv').split('\n');
	expect(header).toMatch(/^cpu_info,gpu_info,backends,model_filename,.*,avg_ts,stddev_ts,error$/);
	expect(first.split('","')).toHaveLength(header.split(',').length);
	expect(second).toMatch(/,"","","","","No room\. It is ""full""\."$/);
	expect(rest).toBe('');
});

test('each combination once, those with the same weights together', () => {
	const of = (gpuLayers: number, contextSize: number) => ({...baseSettings, gpuLayers, contextSize});
	const ordered = inOrder([of(0, 512), of(8, 512), of(0, 1024), of(8, 512), of(8, 1024), of(0, 512)]);
	expect(ordered).toEqual([of(0, 512), of(0, 1024), of(8, 512), of(8, 1024)]);
});
