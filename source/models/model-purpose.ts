import {architectureOf, type Metadata} from './model-facts.js';

/** Why a file is no model to chat with, and what to do. */
export type Unsuitable = {readonly why: string; readonly advice: string};

const chatModel = 'Choose a model made for chat.';
const mainModel = 'Open the main model instead.';

const embedding: Unsuitable = {
	why: 'It turns text into numbers for search (an embedding or ranking model) and cannot write.',
	advice: chatModel,
};
const projector: Unsuitable = {why: 'It is the picture or sound part (mmproj) of another model.', advice: mainModel};
const adapter: Unsuitable = {why: 'It is an adapter (LoRA), which only changes another model.', advice: mainModel};
const statistics: Unsuitable = {why: 'It is an importance matrix, made for quantizing another model.', advice: mainModel};
const draft: Unsuitable = {why: 'It is a draft model, which only makes another model faster.', advice: mainModel};
const speech: Unsuitable = {why: 'It makes sound, not text.', advice: chatModel};
const translator: Unsuitable = {why: 'It is an encoder-decoder model, which needs another program.', advice: chatModel};
const diffusion: Unsuitable = {why: 'It writes by diffusion, not word after word, which needs another program.', advice: chatModel};

/** `general.type`: `GGUFType` in llama.cpp's `constants.py`. */
const byType: ReadonlyMap<unknown, Unsuitable> = new Map([
	['adapter', adapter],
	['imatrix', statistics],
	['mmproj', projector],
]);

/**
The architectures of llama.cpp v0.5.0 that do not write text token by token: those without a KV cache (`create_memory` in `llama-model.cpp`), with a graph
for embeddings only, with an encoder (`llama_model_has_encoder`; decoding without it ends the process), and the helpers of other models.
*/
const byArchitecture: ReadonlyMap<unknown, Unsuitable> = new Map([
	...[
		'bert',
		'eurobert',
		'gemma-embedding',
		'jina-bert-v2',
		'jina-bert-v3',
		'llama-embed',
		'modern-bert',
		'neo-bert',
		'nomic-bert',
		'nomic-bert-moe',
		't5encoder',
	].map(name => [name, embedding] as const),
	...['pockettts', 'qwen3tts', 'wavtokenizer-dec'].map(name => [name, speech] as const),
	...['dflash', 'eagle3', 'gemma4-assistant'].map(name => [name, draft] as const),
	...['dream', 'llada', 'llada-moe', 'rnd1'].map(name => [name, diffusion] as const),
	['clip', projector],
	['t5', translator],
]);

/** undefined: as far as the file tells, it can chat. */
export const unsuitableForChat = (metadata: Metadata): Unsuitable | undefined => {
	const architecture = architectureOf(metadata);
	const pooling = metadata.get(`${architecture}.pooling_type`);
	return (
		byType.get(metadata.get('general.type')) ??
		byArchitecture.get(architecture) ??
		// llama.cpp's converters write a pooling type for sentence-transformers' and ranking models only (`_try_set_pooling_type` in `conversion/base.py`).
		(typeof pooling === 'number' && pooling > 0 ? embedding : undefined)
	);
};
