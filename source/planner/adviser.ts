import type {ModelFacts, Settings} from '../engine/types.js';
import type {Distress} from './distress.js';
import {adviceText} from './plan-words.js';
import type {Advice} from './types.js';

type Options = {
	readonly advise: (model: ModelFacts, settings: Settings, wish: {readonly savesMemory: boolean}) => Promise<readonly Advice[]>;
	readonly say: (text: string) => void;
};

const mostSaid = 2;

/** What makes it fit; where the plan saw no want of memory, although there was one, what takes less. */
const thatSaves = (advice: readonly Advice[]): readonly Advice[] => {
	const fixing = advice.filter(({verdict}) => verdict !== undefined);
	return fixing.length > 0 ? fixing : advice.filter(({freesVramBytes = 0}) => freesVramBytes > 0);
};

/** Gives advice that nobody asked for, once for the same settings in the same distress. */
export const createAdviser = ({advise, say}: Options) => {
	const told = new Set<string>();
	return async ({kind, text}: Distress, model: ModelFacts, settings: Settings): Promise<void> => {
		const key = JSON.stringify([kind, model.path, settings]);
		if (told.has(key)) return;
		told.add(key);
		const isMemory = kind === 'no memory';
		const all = await advise(model, settings, {savesMemory: isMemory}).catch(() => []);
		const advice = isMemory ? thatSaves(all) : all;
		if (advice.length > 0) say([text, ...advice.slice(0, mostSaid).map(one => `- ${adviceText(one)}`)].join('\n'));
		else if (kind === 'paging') say(text.replace(/ What would help:$/, ''));
	};
};
