import type {BenchOptions} from './bench-options.js';
import {type BenchRow, tokensPerSecond} from './bench-rows.js';
import {type BenchSetting, benchSettings, settledValue, testName} from './bench-settings.js';
import {type BenchPrinter, type BenchSubject, backendNames, modelName, weightBytes} from './bench-subject.js';

const mib = 1024 ** 2;

const sizeText = (bytes: number): string =>
	bytes < 1024 * mib ? `${(bytes / mib).toFixed(2)} MiB` : `${(bytes / (1024 * mib)).toFixed(2)} GiB`;

const parametersText = (parameters: number): string =>
	parameters < 1e9 ? `${(parameters / 1e6).toFixed(2)} M` : `${(parameters / 1e9).toFixed(2)} B`;

export const failureText = ({failure}: BenchRow): string => {
	if (failure?.code === 'over-budget') return 'over budget';
	return failure?.code === 'out-of-memory' ? 'out of memory' : 'failed';
};

const speedText = (row: BenchRow, plusMinus: string): string => {
	const speed = tokensPerSecond(row);
	if (speed) return `${speed.mean.toFixed(2)} ${plusMinus} ${speed.deviation.toFixed(2)}`;
	return failureText(row);
};

type Column = {
	readonly title: string;
	/** llama-bench's; below 0: aligned to the left. */
	readonly width: number;
	/** What its values need where a terminal has no room for that. */
	readonly least: number;
	readonly value: (row: BenchRow) => string;
	/** The same in every row, and known to who sits there. */
	readonly isSpare?: boolean;
};

const columnsFor = (
	{model, device}: BenchSubject,
	{shown, ascii, tests}: Pick<BenchOptions, 'shown' | 'ascii' | 'tests'>,
): readonly Column[] => {
	const isShown = ({flag}: BenchSetting) => shown.has(flag) || (device.backend === 'cpu' ? flag === 'threads' : flag === 'gpu-layers');
	const [name, size, parameters] = [modelName(model), sizeText(weightBytes(model)), parametersText(model.weights.parameters)];
	const settings = benchSettings.filter(isShown).map(setting => ({
		title: setting.title,
		width: setting.width,
		least: Math.min(6, Math.abs(setting.width)),
		value: ({got, settings}: BenchRow) => String(settledValue(setting, got ?? settings) ?? ''),
	}));
	return [
		{title: 'model', width: -30, least: Math.min(30, name.length), value: () => name},
		{title: 'size', width: 10, least: size.length, value: () => size, isSpare: true},
		{title: 'params', width: 10, least: parameters.length, value: () => parameters, isSpare: true},
		{title: 'backend', width: -10, least: backendNames[device.backend].length, value: () => backendNames[device.backend]},
		...settings,
		{title: 'test', width: 15, least: Math.max(...tests.map(test => testName(test).length)), value: ({test}) => testName(test)},
		{title: 't/s', width: 20, least: 15, value: row => speedText(row, ascii ? '+-' : '±')},
	];
};

const lineWidth = (columns: readonly Column[]): number => columns.reduce((sum, {width}) => sum + Math.abs(width) + 3, 1);

/** As wide as llama-bench's, or as a terminal has room for. */
const fitted = (columns: readonly Column[], room: number): readonly Column[] => {
	const narrow = columns.map(column => ({...column, width: Math.sign(column.width) * Math.max(column.least, column.title.length)}));
	const fewest = narrow.filter(({isSpare}) => !isSpare);
	return [columns, narrow].find(wide => lineWidth(wide) <= room) ?? fewest;
};

/** `room`: cells of a line of the terminal. */
export const markdown = (
	subject: BenchSubject,
	options: Pick<BenchOptions, 'shown' | 'ascii' | 'tests'>,
	room = Number.POSITIVE_INFINITY,
): BenchPrinter => {
	const columns = fitted(columnsFor(subject, options), room);
	const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
	const padded = (text: string, width: number) => (width < 0 ? text.padEnd(-width) : text.padStart(width));
	const row = (value: (column: Column) => string) => line(columns.map(column => padded(value(column), column.width)));
	const rule = columns.map(({width}) => ` ${'-'.repeat(Math.abs(width) - 1)}${width < 0 ? '-' : ':'} `);
	return {
		begin: () => `${row(({title}) => title)}|${rule.join('|')}|\n`,
		row: each => row(({value}) => value(each)),
		end: () => '',
	};
};
