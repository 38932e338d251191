import type {Settings} from '../engine/types.js';

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
	/** Tokens per second; undefined: it does not work. */
	readonly measure: (settings: Settings, speed: Speed) => Promise<number | undefined>;
};

export type Tuned = {
	readonly settings: Settings;
	/** With the settings that the search began with, and with the best ones; undefined: not measured, or they did not work. */
	readonly before: Readonly<Partial<Record<Speed, number | undefined>>>;
	readonly after: Readonly<Partial<Record<Speed, number | undefined>>>;
};

/** Runs differ by that much from one to the next. */
const leastGain = 1.02;

/**
Searches the fastest settings by real runs: one setting after the other, with steps that begin at a quarter of its range and end at one.

It finds the top of a hill, which is what speed over layers, threads and batch size looks like; trying all combinations would take hours.
*/
export const tune = async ({start, values, speeds, fits, measure}: Options): Promise<Tuned> => {
	const known = new Map<string, number | undefined>();
	const speedOf = async (settings: Settings, speed: Speed): Promise<number> => {
		const key = JSON.stringify([settings, speed]);
		if (!known.has(key)) known.set(key, (await fits(settings)) ? await measure(settings, speed) : undefined);
		return known.get(key) ?? 0;
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
			if (triedSpeed <= speed * leastGain) return false;
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

	let best = start;
	for (const {setting, by} of dimensions) {
		if (speeds.includes(by) && (values[setting]?.length ?? 0) > 1) best = await climb(best, setting, by);
	}

	const both = async (settings: Settings) => {
		const all: Partial<Record<Speed, number>> = {};
		for (const speed of speeds) all[speed] = (await speedOf(settings, speed)) || undefined;
		return all;
	};

	return {settings: best, before: await both(start), after: await both(best)};
};
