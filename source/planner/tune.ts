import type {Settings} from '../engine/types.js';
import {type Statistic, statistic} from '../lib/statistic.js';

/** What a search may change. Another one is a line here and its values where the search is asked for. */
const dimensions = [
	{setting: 'threads', by: 'generation'},
	{setting: 'gpuLayers', by: 'generation'},
	{setting: 'cpuExpertLayers', by: 'generation'},
	{setting: 'batchSize', by: 'prompt'},
] as const satisfies ReadonlyArray<{readonly setting: keyof Settings; readonly by: Speed}>;

/** What is measured: tokens per second of generation, or of prompts. */
export type Speed = 'generation' | 'prompt';
export type Tunable = (typeof dimensions)[number]['setting'];

type Options = {
	readonly start: Settings;
	/** In rising order; a setting without values, or with one, stays as it is. */
	readonly values: Readonly<Partial<Record<Tunable, readonly number[]>>>;
	readonly speeds: readonly Speed[];
	/** Whether there is room for it. */
	readonly fits: (settings: Settings) => Promise<boolean>;
	/** Tokens per second, anew each time; undefined: it does not work. */
	readonly measure: (settings: Settings, speed: Speed) => Promise<Statistic | undefined>;
};

export type Tuned = {
	readonly settings: Settings;
	/** With the settings that the search began with, and with the best ones; undefined: not measured, or they did not work. */
	readonly before: Readonly<Partial<Record<Speed, number | undefined>>>;
	readonly after: Readonly<Partial<Record<Speed, number | undefined>>>;
};

type Measured = Readonly<Partial<Record<Speed, Statistic>>>;

const failed = statistic([0]);

/** Runs differ by that much from one to the next. */
const leastGain = 1.02;

const isFaster = (a: Statistic, b: Statistic): boolean =>
	a.mean > b.mean * leastGain && a.mean - b.mean > Math.hypot(a.deviation, b.deviation);

/** How many times as fast; 1 where neither works, or nobody asks. */
const ratio = ({mean: a} = failed, {mean: b} = failed): number => (a === b ? 1 : a / b);

/** Faster generation may cost as much of the speed of prompts as it gains, faster prompts nothing of that of generation. */
const isBetter = (a: Measured, b: Measured): boolean => {
	const generation = ratio(a.generation, b.generation);
	if (isFaster(a.generation ?? failed, b.generation ?? failed)) return generation * ratio(a.prompt, b.prompt) > 1;
	return isFaster(a.prompt ?? failed, b.prompt ?? failed) && generation * leastGain >= 1;
};

const means = ({generation, prompt}: Measured): Tuned['after'] => ({
	generation: generation?.mean || undefined,
	prompt: prompt?.mean || undefined,
});

/** How often the start and the winner are measured again. */
const turns = 2;

/**
Searches the fastest settings by real runs: one setting after the other, with steps that begin at a quarter of its range and end at one.

It finds the top of a hill, which is what speed over layers, threads and batch size looks like; trying all combinations would take hours. Of many runs the fastest was
lucky, too: in the end it is measured again, by turns with the start, which wins a tie.
*/
export const tune = async ({start, values, speeds, fits, measure}: Options): Promise<Tuned> => {
	const known = new Map<string, Statistic>();
	const speedOf = async (settings: Settings, speed: Speed): Promise<Statistic> => {
		const key = JSON.stringify([settings, speed]);
		const speeds = known.get(key) ?? ((await fits(settings)) ? await measure(settings, speed) : undefined) ?? failed;
		known.set(key, speeds);
		return speeds;
	};

	const climb = async (from: Settings, setting: Tunable, by: Speed): Promise<Settings> => {
		const range = [...new Set([...(values[setting] ?? []), from[setting]])].sort((a, b) => a - b);
		let best = from;
		let at = range.indexOf(from[setting]);
		let speed = await speedOf(from, by);
		const isBetterAt = async (index: number): Promise<boolean> => {
			const value = range[index];
			if (value === undefined) return false;
			const tried = {...best, [setting]: value};
			const triedSpeed = await speedOf(tried, by);
			if (!isFaster(triedSpeed, speed)) return false;
			[best, at, speed] = [tried, index, triedSpeed];
			return true;
		};

		for (let step = Math.ceil((range.length - 1) / 4); step >= 1; step = Math.floor(step / 2)) {
			for (const direction of [-step, step]) {
				while (await isBetterAt(at + direction));
			}
		}

		return best;
	};

	const all = async (settings: Settings): Promise<Measured> => {
		const measured: Partial<Record<Speed, Statistic>> = {};
		for (const speed of speeds) measured[speed] = await speedOf(settings, speed);
		return measured;
	};

	const byTurns = async (both: readonly [Settings, Settings]): Promise<readonly [Measured, Measured]> => {
		const samples = both.map(settings => ({settings, prompt: [] as number[], generation: [] as number[]}));
		for (let turn = 0; turn < turns; turn++) {
			for (const {settings, ...of} of samples) {
				for (const speed of speeds) of[speed].push(...((await measure(settings, speed)) ?? failed).samples);
			}
		}

		const [first, second] = samples.map(of => Object.fromEntries(speeds.map(speed => [speed, statistic(of[speed])])));
		return [first ?? {}, second ?? {}];
	};

	let best = start;
	for (const {setting, by} of dimensions) {
		if (!speeds.includes(by) || (values[setting]?.length ?? 0) < 2) continue;
		const top = await climb(best, setting, by);
		if (top !== best && isBetter(await all(top), await all(best))) best = top;
	}

	const atStart = await all(start);
	const doesStartWork = Object.values(atStart).some(({mean}) => mean > 0);
	if (best === start || !doesStartWork) return {settings: best, before: means(atStart), after: means(await all(best))};
	const [before, after] = await byTurns([start, best]);
	return isBetter(after, before)
		? {settings: best, before: means(before), after: means(after)}
		: {settings: start, before: means(before), after: means(before)};
};
