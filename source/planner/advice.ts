import type {DryRun} from '../engine/types.js';
import {fileCandidates, machineCandidates} from './advice-elsewhere.js';
import {type AdviceRequest, type Found, leastGain, needs, type Scene} from './advice-scene.js';
import {mostFor} from './advice-search.js';
import {lastCandidates, settingsCandidates} from './advice-settings.js';
import type {Ground} from './layer-search.js';
import type {Known} from './memory.js';
import type {Advice, AskDryRun} from './types.js';

const mostAdvice = 8;
const mostOfKind = 2;

/** Speeds that differ by less than a step are the same: then the first candidate does less harm. Unknown ones come last. */
const speedStep = ({advice: {tokensPerSecond}}: Found): number =>
	tokensPerSecond === undefined ? Number.MIN_SAFE_INTEGER : Math.round(Math.log(tokensPerSecond) / Math.log1p(leastGain));

/** What repairs comes first, then what needs least, then what does not cost much quality, then what makes it faster. */
const inOrder = (a: Found, b: Found): number =>
	Number(b.improves) - Number(a.improves) ||
	needs[a.kind] - needs[b.kind] ||
	Number(a.losesMuchQuality ?? false) - Number(b.losesMuchQuality ?? false) ||
	speedStep(b) - speedStep(a);

/** The best of each kind before a second one of any. */
const shortened = (found: readonly Found[]): readonly Found[] => {
	const sorted = [...found].sort(inOrder);
	const rank = (one: Found) => sorted.filter(({kind}) => kind === one.kind).indexOf(one);
	return sorted
		.filter(one => rank(one) < mostOfKind)
		.sort((a, b) => rank(a) - rank(b))
		.slice(0, mostAdvice)
		.sort(inOrder);
};

/** A question about a large model takes up to half a second: after these only what was asked before is answered, and candidates that need more are left out. */
const mostQuestions = 24;

const limited = (ask: AskDryRun): AskDryRun => {
	const asked = new Map<string, Promise<DryRun>>();
	return async settings => {
		const key = JSON.stringify(settings);
		const known = asked.get(key);
		if (known) return known;
		if (asked.size >= mostQuestions) throw new Error('Enough was asked.');
		const answer = ask(settings);
		asked.set(key, answer);
		return answer;
	};
};

/**
What would make these settings better, at most eight, best first; each was computed, by the engine's dry run where it is about this file.

Asks one thing after the other, at most 24 dry runs. What the engine cannot tell is left out.
*/
export const adviceFor = async (asked: AdviceRequest): Promise<readonly Advice[]> => {
	const request = {...asked, ask: limited(asked.ask)};
	const {plan, weights, machine, speeds, ask, driverBytes, fillTokens} = request;
	const ground: Ground = {weights, machine, speeds, driverBytes, fillTokens};
	const {settings} = plan;
	const dryRun = await ask(settings).catch(() => undefined);
	if (!dryRun) return [];
	const known: Known = {settings, dryRun};
	const scene: Scene = {...request, ground, known, best: undefined};
	const best = machine.vram && (await mostFor(scene, settings, machine).catch(() => undefined));
	const found: Found[] = [];
	for (const candidate of [...settingsCandidates, ...fileCandidates, ...machineCandidates, ...lastCandidates]) {
		try {
			const next = await candidate({...scene, best});
			if (next) found.push(next);
		} catch {
			// One question that cannot be answered is one piece of advice less.
		}
	}

	return shortened(found).map(({advice}) => advice);
};
