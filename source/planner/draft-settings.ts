import type {WantedSettings} from '../engine/types.js';

type Drafts = Pick<WantedSettings, 'draftModel' | 'draftGpuLayers' | 'lookup'>;

/** Of the model itself: what it takes does not depend on who guesses for it. */
export const withoutDrafting = <S extends Drafts>(settings: S): S => ({
	...settings,
	draftModel: undefined,
	draftGpuLayers: undefined,
	lookup: undefined,
});

/** What the draft model runs with: the same context and devices, with layers of its own and llama.cpp's default cache. */
export const draftSettingsOf = <S extends WantedSettings>(
	settings: S,
): S & {readonly gpuLayers: number; readonly cpuExpertLayers: number} => ({
	...withoutDrafting(settings),
	gpuLayers: settings.draftGpuLayers ?? 0,
	cpuExpertLayers: 0,
	overrideTensor: undefined,
	kvOffload: undefined,
	cacheTypeK: 'f16',
	cacheTypeV: 'f16',
});
