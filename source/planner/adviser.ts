import type {ModelFacts, Settings} from '../engine/types.js';
import type {Distress} from './distress.js';
import {adviceText} from './plan-words.js';
import type {Advice} from './types.js';

type Options = {
	readonly advise: (model: ModelFacts, settings: Settings) => Promise<readonly Advice[]>;
	readonly say: (text: string) => void;
};

const mostSaid = 2;

/** The plan may have seen no want of memory where there was one: then more layers are no help. */
const takesLess = ({freesVramBytes, verdict}: Advice): boolean => (freesVramBytes ?? 0) > 0 || verdict !== undefined;

/** Gives advice that nobody asked for, once for the same settings in the same distress. */
export const createAdviser = ({advise, say}: Options) => {
	const told = new Set<string>();
	return async ({kind, text}: Distress, model: ModelFacts, settings: Settings): Promise<void> => {
		const key = JSON.stringify([kind, model.path, settings]);
		if (told.has(key)) return;
		told.add(key);
		const all = await advise(model, settings).catch(() => []);
		const advice = kind === 'no memory' ? all.filter(takesLess) : all;
		if (advice.length > 0) say([text, ...advice.slice(0, mostSaid).map(one => `- ${adviceText(one)}`)].join('\n'));
		else if (kind === 'paging') say(text.replace(/ What would help:$/, ''));
	};
};
