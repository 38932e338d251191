import {describeError} from '../engine/engine-errors.js';
import type {Device, ModelFacts} from '../engine/types.js';
import type {BenchOptions} from './bench-options.js';
import {type BenchRow, nanoseconds, tokensPerSecond} from './bench-rows.js';
import {type BenchSetting, benchSettings, testName} from './bench-settings.js';

export type BenchSubject = {readonly model: ModelFacts; readonly device: Device; readonly cpu: string};

/** `begin` and `end` stand around the rows, each of which is printed when it is there. */
export type BenchPrinter = {readonly begin: () => string; readonly row: (row: BenchRow) => string; readonly end: () => string};

const backendNames = {cpu: 'CPU', cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal'};

const weightBytes = ({weights: {sizes}}: ModelFacts): number =>
	sizes.inputBytes + sizes.outputBytes - (sizes.tiedBytes ?? 0) + sizes.blocks.reduce((sum, {bytes}) => sum + bytes, 0);

const modelName = ({name, quantization}: ModelFacts): string => [name, quantization].filter(Boolean).join(' ');

const mib = 1024 ** 2;

const sizeText = (bytes: number): string =>
	bytes < 1024 * mib ? `${(bytes / mib).toFixed(2)} MiB` : `${(bytes / (1024 * mib)).toFixed(2)} GiB`;

const parametersText = (parameters: number): string =>
	parameters < 1e9 ? `${(parameters / 1e6).toFixed(2)} M` : `${(parameters / 1e9).toFixed(2)} B`;

export const failureText = ({failure}: BenchRow): string => (failure?.code === 'out-of-memory' ? 'out of memory' : 'failed');

const speedText = (row: BenchRow, plusMinus: string): string => {
	const speed = tokensPerSecond(row);
	if (speed) return `${speed.mean.toFixed(2)} ${plusMinus} ${speed.deviation.toFixed(2)}`;
	return failureText(row);
};

type Column = {readonly title: string; readonly width: number; readonly value: (row: BenchRow) => string};

const markdown = ({model, device, cpu: _}: BenchSubject, {shown, ascii}: Pick<BenchOptions, 'shown' | 'ascii'>): BenchPrinter => {
	const isShown = ({flag}: BenchSetting) => shown.has(flag) || (device.backend === 'cpu' ? flag === 'threads' : flag === 'gpu-layers');
	const columns: readonly Column[] = [
		{title: 'model', width: -30, value: () => modelName(model)},
		{title: 'size', width: 10, value: () => sizeText(weightBytes(model))},
		{title: 'params', width: 10, value: () => parametersText(model.weights.parameters)},
		{title: 'backend', width: -10, value: () => backendNames[device.backend]},
		...benchSettings
			.filter(isShown)
			.map(({title, width, value}) => ({title, width, value: ({got, settings}: BenchRow) => String(value(got ?? settings))})),
		{title: 'test', width: 15, value: ({test}) => testName(test)},
		{title: 't/s', width: 20, value: row => speedText(row, ascii ? '+-' : '±')},
	];
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

/** llama-bench's fields, as far as they apply here; `n_ctx` and `error` are ours. `null`: not known, or it failed. */
const fieldsOf = ({model, device, cpu}: BenchSubject, row: BenchRow) => {
	const [time, speed] = [nanoseconds(row), tokensPerSecond(row)];
	const settings = benchSettings.map(({field, value}) => {
		const shown = value(row.got ?? row.settings);
		return [field, shown === 'auto' ? null : shown] as const;
	});
	return {
		cpu_info: cpu,
		gpu_info: device.names.join(', '),
		backends: backendNames[device.backend],
		model_filename: model.path,
		model_type: modelName(model),
		model_size: weightBytes(model),
		model_n_params: model.weights.parameters,
		...Object.fromEntries(settings),
		n_ubatch: (row.got ?? row.settings).batchSize,
		n_prompt: row.test.promptTokens,
		n_gen: row.test.generatedTokens,
		n_depth: 0,
		test_time: row.startedAt.toISOString().replace(/\.\d+Z$/, 'Z'),
		avg_ns: time ? Math.round(time.mean) : null,
		stddev_ns: time ? Math.round(time.deviation) : null,
		avg_ts: speed?.mean ?? null,
		stddev_ts: speed?.deviation ?? null,
		error: row.failure ? describeError(row.failure) : null,
	};
};

const json = (subject: BenchSubject): BenchPrinter => {
	let separator = '\n';
	return {
		begin: () => '[',
		row(row) {
			const object = {
				...fieldsOf(subject, row),
				samples_ns: nanoseconds(row)?.samples ?? [],
				samples_ts: tokensPerSecond(row)?.samples ?? [],
			};
			const text = `${separator}  ${JSON.stringify(object, undefined, 2).replaceAll('\n', '\n  ')}`;
			separator = ',\n';
			return text;
		},
		end: () => '\n]\n',
	};
};

const csv = (subject: BenchSubject): BenchPrinter => {
	let isFirst = true;
	return {
		begin: () => '',
		row(row) {
			const fields = fieldsOf(subject, row);
			const header = isFirst ? `${Object.keys(fields).join(',')}\n` : '';
			isFirst = false;
			const cells = Object.values(fields).map(value => `"${String(value ?? '').replaceAll('"', '""')}"`);
			return `${header}${cells.join(',')}\n`;
		},
		end: () => '',
	};
};

export const benchPrinter = (subject: BenchSubject, options: Pick<BenchOptions, 'format' | 'shown' | 'ascii'>): BenchPrinter => {
	if (options.format === 'json') return json(subject);
	return options.format === 'csv' ? csv(subject) : markdown(subject, options);
};
