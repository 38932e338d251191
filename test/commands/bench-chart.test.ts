import {expect, test} from 'vitest';
import {layerCharts} from '../../source/commands/bench-chart.js';
import type {BenchRow} from '../../source/commands/bench-rows.js';
import type {FlagName} from '../../source/commands/flags.js';
import {EngineError} from '../../source/engine/engine-errors.js';
import {baseSettings} from '../support/fake-engine.js';

const row = (gpuLayers: number, tokensPerSecond: number | undefined, threads = 4): BenchRow => {
	const settings = {...baseSettings, gpuLayers, threads};
	return {
		settings,
		got: tokensPerSecond === undefined ? undefined : settings,
		test: {promptTokens: 0, generatedTokens: 10},
		samplesMs: tokensPerSecond === undefined ? [] : [10_000 / tokensPerSecond],
		startedAt: new Date(0),
		failure: tokensPerSecond === undefined ? new EngineError('out-of-memory', 'No room.') : undefined,
	};
};

const chart = (rows: readonly BenchRow[], {columns = 34, ascii = true, shown = ['gpu-layers'] as readonly FlagName[]} = {}) =>
	layerCharts(rows, {columns, ascii, shown: new Set(shown)});

test('a bar for each number of layers, in their order', () => {
	expect(chart([row(16, 20), row(0, 5), row(32, undefined), row(8, 10), row(4, 0.01)])).toBe(
		`
tg10 tok/s over GPU layers
    0 ### 5.00
    4 # 0.01
    8 ##### 10.0
   16 ########## 20.0
   32 out of memory
`,
	);
	expect(chart([row(0, 5), row(8, 10)], {ascii: false})).toContain('    0 █████ 5.00\n    8 ██████████ 10.0\n');
});

test('other settings that were given have their own charts with one scale', () => {
	const drawn = chart([row(0, 5, 1), row(8, 10, 1), row(0, 20, 2), row(8, 10, 2)], {shown: ['gpu-layers', 'threads']});
	expect(drawn).toBe(
		`
tg10 tok/s over GPU layers (threads 1)
    0 ### 5.00
    8 ##### 10.0

tg10 tok/s over GPU layers (threads 2)
    0 ########## 20.0
    8 ##### 10.0
`,
	);
});

test.each([
	['nothing', []],
	['one number of layers', [row(8, 10), row(8, 10)]],
	['nothing that works', [row(8, undefined), row(16, undefined)]],
])('%s: no chart', (_what, rows) => {
	expect(chart(rows)).toBe('');
});

test('bars end where the terminal does', () => {
	for (const columns of [10, 40, 60, 80, 200]) {
		const widest = Math.max(
			...chart([row(0, 12345), row(8, 1)], {columns})
				.split('\n')
				.slice(2)
				.map(line => line.length),
		);
		expect(widest).toBeLessThanOrEqual(Math.max(24, columns));
	}
});
