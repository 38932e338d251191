import {describeError} from '../engine/engine-errors.js';
import type {WantedSettings} from '../engine/types.js';
import {markdown} from './bench-markdown.js';
import type {BenchOptions} from './bench-options.js';
import {type BenchRow, nanoseconds, tokensPerSecond} from './bench-rows.js';
import {benchSettings, settledValue} from './bench-settings.js';
import {type BenchPrinter, type BenchSubject, backendNames, modelName, weightBytes} from './bench-subject.js';

/** As llama-bench writes it; nothing given is 0. */
const tensorSplit = ({tensorSplit = '0'}: WantedSettings): string =>
	tensorSplit
		.split(',')
		.map(share => Number(share).toFixed(2))
		.join('/');

/** llama-bench's fields, as far as they apply here; `n_ctx` and `error` are ours. `null`: not known, or it failed. */
const fieldsOf = ({model, device, cpu}: BenchSubject, row: BenchRow) => {
	const [time, speed] = [nanoseconds(row), tokensPerSecond(row)];
	const settings = row.got ?? row.settings;
	const shown = benchSettings.map(setting => [setting.field, settledValue(setting, settings)] as const);
	return {
		cpu_info: cpu,
		gpu_info: device.names.join(', '),
		backends: backendNames[device.backend],
		model_filename: model.path,
		model_type: modelName(model),
		model_size: weightBytes(model),
		model_n_params: model.weights.parameters,
		...Object.fromEntries(shown),
		n_ubatch: settings.batchSize,
		no_kv_offload: settings.kvOffload === false,
		devices: settings.device?.replaceAll(',', '/') ?? 'auto',
		split_mode: settings.splitMode ?? 'layer',
		main_gpu: settings.mainGpu ?? 0,
		tensor_split: tensorSplit(settings),
		tensor_buft_overrides: settings.overrideTensor ?? 'none',
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

/** `room`: cells of a line of the terminal; undefined: it is none. */
export const benchPrinter = (
	subject: BenchSubject,
	options: Pick<BenchOptions, 'format' | 'shown' | 'ascii' | 'tests'>,
	room?: number,
): BenchPrinter => {
	if (options.format === 'json') return json(subject);
	return options.format === 'csv' ? csv(subject) : markdown(subject, options, room);
};
