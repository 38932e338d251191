import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {toEngineError} from '../../source/engine/engine-errors.ts';
import {createProcessEngine, type ProcessEngine} from '../../source/engine/process-engine.ts';
import type {ModelFacts, Settings} from '../../source/engine/types.ts';
import {factsOf} from '../real/engines.ts';
import {judge, measureTruth, type Truth, truthModels, truthSettings} from '../support/plan-truth.ts';
import type {Line} from './report.ts';

const mib = (bytes: number) => (bytes / 1024 ** 2).toFixed(2);
const signed = (bytes: number) => (bytes < 0 ? '' : '+') + mib(bytes);

const widths = [16, 6, 7, 5, 6, 9, 9, 9, 8, 9, 9, 9, 8] as const;
const tableRow = (cells: readonly string[]) =>
	cells.map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index] ?? 0))).join(' ');

const header = [
	'model',
	'layers',
	'context',
	'batch',
	'KV',
	'VRAM ≈',
	'loaded',
	'filled',
	'off',
	'RAM ≈',
	'loaded',
	'filled',
	'off',
	' verdict',
];

/** The worse of both moments, where there are two. */
const verdictOf = ({exact, predicted, loaded, filled}: Truth) => {
	const [first, second] = [judge(predicted, loaded), judge(predicted, filled ?? loaded)];
	const further = (a: number, b: number) => (Math.abs(b) > Math.abs(a) ? b : a);
	return {
		exact,
		vram: further(first.vram, second.vram),
		ram: further(first.ram, second.ram),
		isVramTrue: first.isVramTrue && second.isVramTrue,
		isRamTrue: first.isRamTrue && second.isRamTrue,
	};
};

const words = ({exact, vram, isVramTrue, isRamTrue}: ReturnType<typeof verdictOf>) => {
	const wrong = [
		...(exact ? [] : ['only guessed']),
		...(isVramTrue ? [] : [vram < 0 ? 'VRAM under' : 'VRAM over']),
		...(isRamTrue ? [] : ['RAM']),
	];
	return wrong.length === 0 ? 'true' : wrong.join(', ');
};

const placeOf = (name: string, {gpuLayers, contextSize, cacheTypeK, batchSize}: Settings) => [
	name,
	String(gpuLayers),
	String(contextSize),
	String(batchSize),
	cacheTypeK,
];

const rowOf = (name: string, truth: Truth) => {
	const {settings, predicted, loaded, filled} = truth;
	const verdict = verdictOf(truth);
	const of = (side: 'vramBytes' | 'ramBytes', off: number) => [
		mib(predicted[side]),
		mib(loaded[side]),
		filled ? mib(filled[side]) : '—',
		signed(off),
	];
	return tableRow([...placeOf(name, settings), ...of('vramBytes', verdict.vram), ...of('ramBytes', verdict.ram), ` ${words(verdict)}`]);
};

/**
Mesa's software device of Debian 12 ends the process where a token follows a longer batch with flash attention and experts: it binds a buffer that it has
freed. `llama-bench -pg 13,4 -fa 1` ends there, too.
*/
const expertsBatch = 8;

const settingsOf = ({layers, expertLayers}: ModelFacts): readonly Settings[] =>
	truthSettings(layers).map(settings => (expertLayers > 0 ? {...settings, batchSize: expertsBatch} : settings));

/** Mesa's software device also ends the process now and then, whatever it is asked (`corrupted size vs. prev_size`): as often as it may. */
const tries = 4;

const measureRow = async (engine: ProcessEngine, path: string, settings: Settings): Promise<Truth> => {
	for (let left = tries - 1; ; left--) {
		const before = engine.deaths();
		try {
			return await measureTruth(engine, path, settings, true);
		} catch (error) {
			if (engine.deaths() === before || left === 0) throw error;
		}
	}
};

const measure = async (
	folder: string,
): Promise<{readonly truths: readonly Truth[]; readonly failures: number; readonly deaths: number} | undefined> => {
	const engine = createProcessEngine(new URL('../../distribution/engine-process.js', import.meta.url));
	try {
		const {backend, names} = await engine.start({gpu: 'auto'});
		if (backend === 'cpu') return undefined;
		console.log(`What was predicted and what was taken, in MiB, on ${names.join(', ')}:\n\n${tableRow(header)}`);
		const truths: Truth[] = [];
		let failures = 0;
		for (const path of await truthModels(folder)) {
			const name = basename(path, '.gguf').slice(0, widths[0]);
			for (const settings of settingsOf(await factsOf(path))) {
				try {
					const truth = await measureRow(engine, path, settings);
					console.log(rowOf(name, truth));
					truths.push(truth);
				} catch (error) {
					failures++;
					console.log(`${tableRow(placeOf(name, settings))}  ${toEngineError(error).message}`);
				}
			}
		}

		return {truths, failures, deaths: engine.deaths()};
	} finally {
		await engine.dispose();
	}
};

const most = (values: readonly number[]) => values.reduce((far, value) => (Math.abs(value) > Math.abs(far) ? value : far), 0);

/** Predicted and real memory of every placement, after the load and after a prompt that fills the context. */
export const benchPlan = async (): Promise<Line[]> => {
	// Mesa's software device, where it is installed: llama.cpp leaves it out unless it is named.
	process.env.GGML_VK_VISIBLE_DEVICES ??= '0';
	const folder = mkdtempSync(join(tmpdir(), 'vramble-plan-'));
	const measured = await measure(folder).finally(() => rmSync(folder, {recursive: true}));
	if (!measured) return [{name: 'plans', value: undefined, unit: '', digits: 0, detail: 'skipped: llama.cpp sees no GPU here'}];
	console.log('');
	const {truths, failures, deaths} = measured;
	const verdicts = truths.map(verdictOf);
	const off = (side: 'vram' | 'ram') => `furthest off ${signed(most(verdicts.map(verdict => verdict[side])))} MiB`;
	const line = (name: string, wrong: number, detail: string): Line => ({
		name,
		value: wrong,
		unit: `of ${truths.length}`,
		digits: 0,
		bar: 0,
		detail,
	});
	return [
		line('VRAM ≠ plan by > 1 %, 8 MiB', verdicts.filter(({isVramTrue, exact}) => !isVramTrue || !exact).length, off('vram')),
		line('RAM ≠ plan by > 5 %', verdicts.filter(({isRamTrue}) => !isRamTrue).length, off('ram')),
		line('not measured', failures, `the device ended the process ${deaths} times`),
	];
};
