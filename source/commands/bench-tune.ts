import type {Device, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {rate} from '../lib/format.js';
import {concrete} from '../planner/settings.js';
import {type Speed, type Tuned, tune} from '../planner/tune.js';
import type {BenchOutside} from './bench.js';
import type {BenchOptions, TuneOptions} from './bench-options.js';
import {tokensPerSecond} from './bench-rows.js';
import {createBenchSession} from './bench-session.js';
import {type BenchTest, benchSettings, testName, tunableFlags} from './bench-settings.js';
import type {FlagName} from './flags.js';

const threadCounts = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
const usualBatchSize = 512;
const batchSizes = [64, 128, 256, 512, 1024, 2048];

type Scene = {
	readonly options: BenchOptions;
	readonly tune: TuneOptions;
	/** The planner's choice. */
	readonly start: WantedSettings;
	readonly model: ModelFacts;
	readonly device: Device;
	readonly outside: BenchOutside;
};

/** Of what is given the closest to what the planner would choose. */
const closest = (wish: number, given: readonly number[] = [wish]): number => given.findLast(value => value <= wish) ?? given[0] ?? wish;

/** What was given several times, or not at all, begins with the planner's choice. */
export const open = (wanted: WantedSettings, {values}: TuneOptions): WantedSettings => ({
	...wanted,
	gpuLayers: values.gpuLayers?.length === 1 ? wanted.gpuLayers : 'auto',
	threads: values.threads?.length === 1 ? wanted.threads : 'auto',
});

/** What the engine would make of what is still open. */
const numbered = ({start, tune: {values}, model, device, outside}: Scene): Settings => ({
	...concrete(start, model),
	gpuLayers: device.backend === 'cpu' || start.gpuLayers === 'auto' ? 0 : closest(start.gpuLayers, values.gpuLayers),
	threads: closest(start.threads === 'auto' ? Math.max(1, outside.threads - 1) : start.threads, values.threads),
	batchSize: closest(usualBatchSize, values.batchSize),
});

const rangesOf = ({tune: {values}, model, device, outside: {threads}}: Scene, {contextSize}: Settings) => ({
	threads: [...threadCounts.filter(count => count < threads), threads],
	batchSize: batchSizes.filter(size => size <= contextSize),
	...values,
	gpuLayers: device.backend === 'cpu' ? [] : (values.gpuLayers ?? Array.from({length: model.layers + 1}, (_, layers) => layers)),
});

const speedOf = ({promptTokens}: BenchTest): Speed => (promptTokens > 0 ? 'prompt' : 'generation');

const flagsOf = (settings: Settings): string =>
	benchSettings
		.filter(({flag}) => Object.values(tunableFlags).some(tunable => tunable === flag))
		.map(({flag, value}) => `--${flag} ${value(settings)}`)
		.join(' ');

const summary = ({settings, before, after}: Tuned, isChanged: boolean, tests: readonly BenchTest[]): string => {
	const speeds = tests.map(test => {
		if (!isChanged) return `${testName(test)} ${rate(after[speedOf(test)])} tok/s`;
		const was = before[speedOf(test)];
		const since = was === undefined ? "the planner's choice does not work" : `${rate(was)} with the planner's choice`;
		return `${testName(test)} ${rate(after[speedOf(test)])} tok/s (${since})`;
	});
	return `Fastest: ${flagsOf(settings)}${isChanged ? '' : ", the planner's choice"}\n${speeds.join(', ')}\n`;
};

/** Searches the fastest settings by real runs, and keeps them for this model where that is wanted. Resolves with the exit code. */
export const tuneBench = async (scene: Scene): Promise<number> => {
	const {options, model, device, outside} = scene;
	const {stdout, stderr, fits, confirm} = outside;
	const start = numbered(scene);
	const shown = new Set<FlagName>([...options.shown, ...Object.values(tunableFlags)]);
	const session = createBenchSession({options: {...options, shown}, model, device, outside, total: undefined});
	const testOf = (speed: Speed) => options.tests.find(test => speedOf(test) === speed);
	let tuned: Tuned;
	try {
		tuned = await tune({
			start,
			values: rangesOf(scene, start),
			speeds: options.tests.map(speedOf),
			// Where llama.cpp cannot even say what they would take, they are not worth a try.
			fits: settings => fits(settings).catch(() => false),
			async measure(settings, speed) {
				const test = testOf(speed);
				return test && tokensPerSecond(await session.measure(settings, test))?.mean;
			},
		});
	} finally {
		session.close();
	}

	if (Object.values(tuned.after).every(speed => speed === undefined)) return 1;
	const said = options.format === 'md' ? stdout : stderr;
	said.write(`${options.format === 'md' ? '\n' : ''}${summary(tuned, tuned.settings !== start, options.tests)}`);
	const isKept = scene.tune.yes || (await confirm?.('Open this model with these settings from now on? [y/N] '));
	if (isKept) await session.store.keep(model, tuned.settings);
	if (isKept) stderr.write('vramble: kept; flags about settings still win.\n');
	else if (!confirm) stderr.write('vramble: not kept; --yes keeps them for this model.\n');
	return 0;
};
