import {rate} from '../lib/format.js';
import {failureText} from './bench-markdown.js';
import {type BenchRow, tokensPerSecond} from './bench-rows.js';
import {describeSettings, testName} from './bench-settings.js';
import type {FlagName} from './flags.js';

type Options = {readonly shown: ReadonlySet<FlagName>; readonly ascii: boolean; readonly columns: number};

const mostBarCells = 50;

const layersOf = ({got, settings}: BenchRow): number => Number((got ?? settings).gpuLayers);

/** One line a number of layers; all charts have the same scale as long as they show the same test. */
const bars = (rows: readonly BenchRow[], highest: number, {ascii, columns}: Options): string => {
	const cells = Math.max(1, Math.min(mostBarCells, columns - 24));
	const lines = [...rows]
		.sort((a, b) => layersOf(a) - layersOf(b))
		.map(row => {
			const speed = tokensPerSecond(row)?.mean;
			const bar = speed === undefined ? '' : (ascii ? '#' : '█').repeat(Math.max(1, Math.round((speed / highest) * cells)));
			return `${String(layersOf(row)).padStart(5)} ${[bar, speed === undefined ? failureText(row) : rate(speed)].filter(Boolean).join(' ')}\n`;
		});
	return lines.join('');
};

/** Tokens per second over GPU layers, a chart for each test and each combination of the other settings; empty: nothing was measured with several numbers of layers. */
export const layerCharts = (rows: readonly BenchRow[], options: Options): string => {
	const others = new Set([...options.shown].filter(flag => flag !== 'gpu-layers'));
	const titleOf = (row: BenchRow) => {
		const settings = describeSettings(row.got ?? row.settings, others);
		return `${testName(row.test)} tok/s over GPU layers${settings === '' ? '' : ` (${settings})`}`;
	};
	const numbered = rows.filter(row => Number.isFinite(layersOf(row)));
	return [...Map.groupBy(numbered, titleOf)]
		.filter(([, group]) => new Set(group.map(layersOf)).size > 1 && group.some(({got}) => got !== undefined))
		.map(([title, group]) => {
			const [first] = group;
			const sameTest = rows.filter(({test}) => first && testName(test) === testName(first.test));
			const highest = Math.max(...sameTest.map(row => tokensPerSecond(row)?.mean ?? 0));
			return `\n${title}\n${bars(group, highest, options)}`;
		})
		.join('');
};
