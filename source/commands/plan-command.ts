import {reaches} from '../engine/drafting-reach.js';
import {lookupMatch} from '../engine/lookup.js';
import type {GpuChoice, Settings, WantedSettings} from '../engine/types.js';

/** As a POSIX shell takes it for one word. */
export const shellQuote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/** `--load-mode` of llama.cpp v0.5.0; without it files are mapped where the device can. */
const loadMode = ({mmap, mlock}: Settings): readonly string[] => {
	if (mlock) return ['--load-mode', mmap ? 'mmap+mlock' : 'mlock'];
	return mmap ? [] : ['--load-mode', 'none'];
};

type Chosen = {readonly path: string; readonly settings: Settings; readonly threads: WantedSettings['threads']; readonly gpu: GpuChoice};

/** The same settings for llama.cpp's own server: one conversation at a time, batches that are not split. */
export const serverCommand = ({path, settings, threads, gpu}: Chosen): string => {
	const batchSize = String(Math.min(settings.batchSize, settings.contextSize));
	const words = [
		'llama-server',
		...['--model', path.startsWith('-') ? `./${path}` : path],
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
		...(threads === 'auto' ? [] : ['--threads', String(threads)]),
		...(settings.lookup ? ['--spec-type', 'ngram-simple', '--spec-ngram-simple-size-n', String(lookupMatch)] : []),
		...(settings.lookup ? ['--spec-ngram-simple-size-m', String(reaches.most)] : []),
		...['--parallel', '1'],
		...loadMode(settings),
	];
	return words.map(shellQuote).join(' ');
};
