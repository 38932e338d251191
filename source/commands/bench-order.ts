import type {WantedSettings} from '../engine/types.js';
import {needsReload} from '../planner/settings.js';

/** Each once, and those that share weights one after the other: reading 60 GB again takes longer than the tests. */
export const inOrder = (combinations: readonly WantedSettings[]): readonly WantedSettings[] => {
	const different = [...new Map(combinations.map(settings => [JSON.stringify(settings), settings])).values()];
	const groups: WantedSettings[][] = [];
	for (const settings of different) {
		const group = groups.find(([first]) => first && !needsReload(first, settings));
		if (group) group.push(settings);
		else groups.push([settings]);
	}

	return groups.flat();
};
