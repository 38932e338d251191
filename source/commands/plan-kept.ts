import type {Settings} from '../engine/types.js';
import {rate} from '../lib/format.js';
import {generationTest} from '../planner/plan-words.js';
import {type BenchSetting, flagsWith, tunableFlags} from './bench-settings.js';
import type {FlagName} from './flags.js';
import type {Report} from './plan-report.js';

/** What `vramble bench --tune` has found for a model, and it is opened with from then on. */
export type Kept = {
	readonly settings: Settings;
	/** undefined: generation was not measured. */
	readonly tokensPerSecond: number | undefined;
	/** In an empty context; undefined: not known any more. */
	readonly generatedTokens: number | undefined;
	/** There is room for it now; without, it is opened as if nothing were kept. */
	readonly fits: boolean;
};

/** Named where they are not what the plan has. */
const others: readonly FlagName[] = ['ctx-size', 'cache-type-k', 'cache-type-v'];

export const keptWords = ({kept, chosen, target, model}: Report): readonly string[] => {
	if (!kept) return [];
	const isNamed = ({flag, value}: BenchSetting): boolean => {
		if (flag === 'gpu-layers') return target.machine.vram !== undefined;
		if (flag === 'n-cpu-moe') return target.machine.vram !== undefined && model.expertLayers > 0;
		const isOther = others.includes(flag) && value(kept.settings) !== value(chosen.settings);
		return isOther || Object.values(tunableFlags).some(tunable => tunable === flag);
	};
	const speed = kept.tokensPerSecond === undefined ? '' : ` (${generationTest(kept.generatedTokens)}: ${rate(kept.tokensPerSecond)} tok/s)`;
	const then = kept.fits
		? 'The model is opened with these settings where no others are given; vramble bench MODEL --forget ends that.'
		: 'They do not fit now: the model is opened as if nothing were kept.';
	return [`Kept by bench --tune: ${flagsWith(kept.settings, isNamed)}${speed}. ${then}`];
};
