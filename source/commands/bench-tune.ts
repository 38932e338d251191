import type {Device, ModelFacts, Settings, WantedSettings} from '../engine/types.js';
import {rate} from '../lib/format.js';
import {mostCpuExperts} from '../planner/placement.js';
import {canPlaceExperts, concrete} from '../planner/settings.js';
import {type Speed, type Tuned, tune} from '../planner/tune.js';
import type {BenchOutside} from './bench.js';
import type {BenchOptions, TuneOptions} from './bench-options.js';
import {tokensPerSecond} from './bench-rows.js';
import {createBenchSession} from './bench-session.js';
import {type BenchTest, flagsWith, testName, tunableFlags} from './bench-settings.js';
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

/** Of what is given the closest to what the planner would choose; where that is possible it does not take more memory. */
const atMost = (wish: number, given: readonly number[] = [wish]): number => given.findLast(value => value <= wish) ?? given[0] ?? wish;
const atLeast = (wish: number, given: readonly number[] = [wish]): number => given.find(value => value >= wish) ?? given.at(-1) ?? wish;

/** What was given several times, or not at all, begins with the planner's choice. */
export const open = (wanted: WantedSettings, {values}: TuneOptions): WantedSettings => ({
	...wanted,
	gpuLayers: values.gpuLayers?.length === 1 ? wanted.gpuLayers : 'auto',
	cpuExpertLayers: values.cpuExpertLayers?.length === 1 ? wanted.cpuExpertLayers : 'auto',
	threads: values.threads?.length === 1 ? wanted.threads : 'auto',
});

/** What is searched: what was given, as far as this model and this machine have it. */
const rangesOf = ({tune: {values}, start, model, device, outside: {threads}}: Scene) => {
	const {contextSize} = concrete(start, model);
	const upTo = (most: number, given = Array.from({length: most + 1}, (_, index) => index) as readonly number[]) => [
		...new Set(given.map(value => Math.min(value, most))),
	];
	return {
		threads: values.threads ?? [...threadCounts.filter(count => count < threads), threads],
		gpuLayers: upTo(device.backend === 'cpu' ? 0 : model.layers, values.gpuLayers),
		cpuExpertLayers: upTo(canPlaceExperts(device) ? mostCpuExperts(model.weights.sizes) : 0, values.cpuExpertLayers),
		batchSize: values.batchSize ?? batchSizes.filter(size => size <= contextSize),
	};
};

const plannedThreads = ({threads}: BenchOutside): number => Math.max(1, threads - 1);

/** The planner's choice, or what is closest to it of what is searched. */
const beginning = ({start, tune: {values}, model, outside}: Scene, ranges: ReturnType<typeof rangesOf>): Settings => {
	const settings = concrete(start, model);
	return {
		...settings,
		gpuLayers: atMost(settings.gpuLayers, ranges.gpuLayers),
		cpuExpertLayers: atLeast(settings.cpuExpertLayers, ranges.cpuExpertLayers),
		threads: atMost(start.threads === 'auto' ? plannedThreads(outside) : start.threads, values.threads),
		batchSize: atMost(usualBatchSize, values.batchSize),
	};
};

/** What was given can keep the search from beginning with it. */
const isPlannersChoice = ({threads, batchSize}: Settings, {tune: {values}, outside}: Scene): boolean =>
	threads === plannedThreads(outside) &&
	batchSize === usualBatchSize &&
	values.gpuLayers?.length !== 1 &&
	values.cpuExpertLayers?.length !== 1;

const speedOf = ({promptTokens}: BenchTest): Speed => (promptTokens > 0 ? 'prompt' : 'generation');

/** Flags of what there is to search. */
const searchedFlags = ({model, device}: Scene): ReadonlySet<FlagName> => {
	const hasExperts = canPlaceExperts(device) && model.expertLayers > 0;
	return new Set(Object.values(tunableFlags).filter(flag => hasExperts || flag !== 'n-cpu-moe'));
};

const summary = ({settings, before, after}: Tuned, scene: Scene, isChanged: boolean): string => {
	const {tests} = scene.options;
	const speeds = tests.map(test => {
		if (!isChanged) return `${testName(test)} ${rate(after[speedOf(test)])} tok/s`;
		const was = before[speedOf(test)];
		const since = was === undefined ? "the planner's choice does not work" : `${rate(was)} with the planner's choice`;
		return `${testName(test)} ${rate(after[speedOf(test)])} tok/s (${since})`;
	});
	const searched = searchedFlags(scene);
	const whose = !isChanged && isPlannersChoice(settings, scene) ? ", the planner's choice" : '';
	return `Fastest: ${flagsWith(settings, ({flag}) => searched.has(flag))}${whose}\n${speeds.join(', ')}\n`;
};

/** Searches the fastest settings by real runs, and keeps them for this model where that is wanted. Resolves with the exit code. */
export const tuneBench = async (scene: Scene): Promise<number> => {
	const {options, model, device, outside} = scene;
	const {stdout, stderr, fits, confirm} = outside;
	const ranges = rangesOf(scene);
	const start = beginning(scene, ranges);
	const shown = new Set<FlagName>([...options.shown, ...searchedFlags(scene)]);
	const session = createBenchSession({options: {...options, shown}, model, device, outside, total: undefined});
	const testOf = (speed: Speed) => options.tests.find(test => speedOf(test) === speed);
	let tuned: Tuned;
	try {
		tuned = await tune({
			start,
			values: ranges,
			speeds: options.tests.map(speedOf),
			// Where llama.cpp cannot even say what they would take, they are not worth a try.
			fits: settings => fits(settings).catch(() => false),
			async measure(settings, speed) {
				const test = testOf(speed);
				return test && tokensPerSecond(await session.measure(settings, test));
			},
		});
	} finally {
		session.close();
	}

	for (const test of options.tests) await session.keep(tuned.settings, test, tuned.after[speedOf(test)]);
	if (Object.values(tuned.after).every(speed => speed === undefined)) return 1;
	const said = options.format === 'md' ? stdout : stderr;
	said.write(`${options.format === 'md' ? '\n' : ''}${summary(tuned, scene, tuned.settings !== start)}`);
	if (tuned.settings === start && isPlannersChoice(start, scene)) {
		const {kept} = await session.store.read(model);
		stderr.write(
			`vramble: the planner's choice is as fast as any: nothing to keep${kept ? '; --forget ends what was kept before' : ''}.\n`,
		);
		return 0;
	}

	const isKept = scene.tune.yes || (await confirm?.('Open this model with these settings from now on? [y/N] '));
	if (isKept) await session.store.keep(model, tuned.settings);
	if (isKept) stderr.write('vramble: kept; flags about settings still win.\n');
	else if (!confirm) stderr.write('vramble: not kept; --yes keeps them for this model.\n');
	return 0;
};
