import type {DryRun} from '../engine/types.js';
import {fileCandidates, machineCandidates} from './advice-elsewhere.js';
import type {AdviceRequest, Found, Kind} from './advice-scene.js';
import {settingsCandidates} from './advice-settings.js';
import {type Ground, mostLayers} from './layer-search.js';
import type {Known} from './memory.js';
import type {Advice, AskDryRun} from './types.js';

const mostAdvice = 6;
/** Before there is more of a kind: a file and a machine are mentioned although there are many settings to change. */
const mostOfKind: Readonly<Record<Kind, number>> = {settings: 3, file: 2, machine: 2};
const kinds: readonly Kind[] = ['settings', 'file', 'machine'];

/** What repairs comes first, then what needs least, then what makes it faster. */
const inOrder = (a: Found, b: Found): number =>
	Number(b.fixes) - Number(a.fixes) || kinds.indexOf(a.kind) - kinds.indexOf(b.kind) || b.gain - a.gain;

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
What would make these settings better, at most six, best first; each was computed, by the engine's dry run where it is about this file.

Asks one thing after the other, at most 24 dry runs. What the engine cannot tell is left out.
*/
export const adviceFor = async (asked: AdviceRequest): Promise<readonly Advice[]> => {
	const request = {...asked, ask: limited(asked.ask)};
	const {plan, weights, machine, speeds, ask, facts, driverBytes, fillTokens} = request;
	const ground: Ground = {weights, machine, speeds, driverBytes, fillTokens};
	const {settings} = plan;
	const dryRun = await ask(settings).catch(() => undefined);
	if (!dryRun) return [];
	const known: Known = {settings, dryRun};
	const best = machine.vram && (await mostLayers(settings, facts.layers, known, ask, ground).catch(() => undefined));
	const found: Found[] = [];
	for (const candidate of [...settingsCandidates, ...fileCandidates, ...machineCandidates]) {
		try {
			const next = await candidate({...request, ground, known, best});
			if (next) found.push(next);
		} catch {
			// One question that cannot be answered is one piece of advice less.
		}
	}

	found.sort(inOrder);
	const rankInKind = (one: Found) => found.filter(({kind}) => kind === one.kind).indexOf(one);
	const [first, rest] = [
		found.filter(next => rankInKind(next) < mostOfKind[next.kind]),
		found.filter(next => rankInKind(next) >= mostOfKind[next.kind]),
	];
	const picked = [...first, ...rest].slice(0, mostAdvice);
	return picked.sort(inOrder).map(({advice}) => advice);
};
