import {guideVocabulary, tinyDense} from './gguf-shapes.ts';
import {type GgufMetadata, i32, writeGguf} from './gguf-writer.ts';

/** What a model without weights says again and again at temperature 0: all tokens are equally likely, so the first one wins, on every machine. */
export const endlessWord = 'layer';

/** The guide model's vocabulary with an ordinary word as token 0. */
export const endlessVocabulary = async () => {
	const {metadata, size} = await guideVocabulary();
	const tokens = metadata['tokenizer.ggml.tokens'] as readonly string[];
	const types = (metadata['tokenizer.ggml.token_type'] as {readonly value: readonly number[]}).value;
	const at = tokens.indexOf(`Ġ${endlessWord}`);
	const swapped = <T>(list: readonly T[]): T[] => list.with(0, list[at] as T).with(at, list[0] as T);
	const changed: GgufMetadata = {
		'tokenizer.ggml.tokens': swapped(tokens),
		'tokenizer.ggml.token_type': i32(swapped(types)),
		'tokenizer.ggml.bos_token_id': at,
		'tokenizer.ggml.padding_token_id': at,
	};
	return {size, metadata: {...metadata, ...changed}};
};

/** Answers do not end at temperature 0. 87 MB that cost no disk; some 100 tokens a second on one core. */
export const writeEndlessModel = async (path: string): Promise<string> => {
	const size = {blocks: 12, width: 384, heads: 6, kvHeads: 3, headSize: 64, feedForward: 1024} as const;
	writeGguf(path, tinyDense(await endlessVocabulary(), {type: 'F32', ...size}), {sparse: true});
	return path;
};

/**
Loads slowly the first time: llama.cpp has the kernel fill the memory map of 2.2 GB (which cost no disk) in one piece, which takes one to four seconds
and cannot be interrupted.
*/
export const writeSlowLoadingModel = async (path: string): Promise<string> => {
	const size = {blocks: 32, width: 2048, heads: 16, kvHeads: 8, headSize: 128, feedForward: 8192} as const;
	writeGguf(path, tinyDense(await endlessVocabulary(), {type: 'Q8_0', ...size}), {sparse: true});
	return path;
};
