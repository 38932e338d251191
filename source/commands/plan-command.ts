import {leastConfidence, reaches} from '../engine/drafting-reach.js';
import {lookupMatch} from '../engine/lookup.js';
import type {GpuChoice, Settings} from '../engine/types.js';
import {usedBatchSize} from '../planner/settings.js';
import {allLayers} from './flag-values.js';

/** As a POSIX shell takes it for one word. */
export const shellQuote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

const asPath = (path: string): string => (path.startsWith('-') ? `./${path}` : path);

/** `--load-mode` of llama.cpp v0.5.0; without it files are mapped where the device can, and with `mlock` node-llama-cpp maps none. */
const loadMode = ({mmap, mlock}: Settings): readonly string[] => {
	if (mlock) return ['--load-mode', 'mlock'];
	return mmap ? [] : ['--load-mode', 'none'];
};

const drafting = ({lookup, draftModel, draftGpuLayers = 0}: Settings): readonly string[] => {
	const most = String(reaches.most);
	if (!lookup && draftModel === undefined) return [];
	return [
		...['--spec-type', [lookup && 'ngram-simple', draftModel !== undefined && 'draft-simple'].filter(Boolean).join(',')],
		...(lookup ? ['--spec-ngram-simple-size-n', String(lookupMatch), '--spec-ngram-simple-size-m', most] : []),
		...(draftModel === undefined
			? []
			: ['--model-draft', asPath(draftModel), '--gpu-layers-draft', draftGpuLayers === allLayers ? 'all' : String(draftGpuLayers)]),
		...(draftModel === undefined ? [] : ['--spec-draft-n-max', most, '--spec-draft-p-min', String(leastConfidence)]),
	];
};

type Chosen = {
	readonly path: string;
	readonly settings: Settings;
	/** undefined: as many as the machine that it is for has cores. */
	readonly threads: number | undefined;
	readonly gpu: GpuChoice;
};

/** The same settings for llama.cpp's own server: one conversation at a time, batches that are not split. */
export const serverCommand = ({path, settings, threads, gpu}: Chosen): string => {
	const batchSize = String(usedBatchSize(settings));
	const words = [
		'llama-server',
		...['--model', asPath(path)],
		...['--gpu-layers', String(settings.gpuLayers)],
		...(settings.cpuExpertLayers > 0 ? ['--n-cpu-moe', String(settings.cpuExpertLayers)] : []),
		...(settings.overrideTensor === undefined ? [] : ['--override-tensor', settings.overrideTensor]),
		...(settings.kvOffload === false ? ['--no-kv-offload'] : []),
		...(settings.device === undefined ? [] : ['--device', settings.device]),
		...(settings.splitMode === undefined ? [] : ['--split-mode', settings.splitMode]),
		...(settings.mainGpu === undefined ? [] : ['--main-gpu', String(settings.mainGpu)]),
		...(settings.tensorSplit === undefined ? [] : ['--tensor-split', settings.tensorSplit]),
		...(gpu === 'off' && settings.gpuLayers === 0 ? ['--device', 'none'] : []),
		...['--ctx-size', String(settings.contextSize)],
		...['--cache-type-k', settings.cacheTypeK, '--cache-type-v', settings.cacheTypeV],
		...['--batch-size', batchSize, '--ubatch-size', batchSize],
		...['--flash-attn', settings.flashAttention],
		...(threads === undefined ? [] : ['--threads', String(threads)]),
		...drafting(settings),
		...['--parallel', '1'],
		...loadMode(settings),
	];
	return words.map(shellQuote).join(' ');
};
