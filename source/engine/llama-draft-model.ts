import {type Llama, type LlamaContext, type LlamaContextSequence, type LlamaModel, readGgufFileInfo} from 'node-llama-cpp';
import {draftSettingsOf} from '../planner/draft-settings.js';
import {leastConfidence} from './drafting-reach.js';
import {EngineError} from './engine-errors.js';
import type {Drafts, Guess} from './llama-drafter.js';
import {flash} from './llama-words.js';
import type {Placing} from './native-hooks.js';
import type {Settings, WantedSettings} from './types.js';
import {type Vocabulary, vocabularyDifference} from './vocabulary.js';

const vocabularyOf = async (path: string): Promise<Vocabulary> => {
	const {tokenizer} = (await readGgufFileInfo(path)).metadata;
	const {model, tokens, bos_token_id: bos, eos_token_id: eos} = tokenizer?.ggml ?? {};
	return {model, tokens, bos, eos};
};

/** @throws EngineError where the draft model cannot guess for the model at `target` */
export const checkVocabularies = async (target: string, draft: string): Promise<void> => {
	const difference = vocabularyDifference(await vocabularyOf(target), await vocabularyOf(draft));
	if (difference === undefined) return;
	throw new EngineError('unsupported', 'The draft model cannot guess for this model.', {
		why: `${difference[0]?.toUpperCase()}${difference.slice(1)}.`,
		advice: 'Use a smaller model of the same family, or --lookup.',
	});
};

/** Guesses what a smaller model would write. */
const guessWith =
	(draft: LlamaContextSequence): Guess =>
	async (tokens, most) => {
		if (tokens.length + most >= draft.contextSize) return undefined;
		const known = Math.min(draft.compareContextTokens([...tokens]).firstDifferentIndex, tokens.length - 1);
		await draft.eraseContextTokenRanges([{start: known, end: draft.nextTokenIndex}]);
		const guesses: Awaited<ReturnType<Guess>> = [];
		const writing = draft.evaluateWithMetadata(tokens.slice(known), {confidence: true}, {temperature: 0, yieldEogToken: true});
		for await (const {token, confidence} of writing) {
			if (confidence < leastConfidence) break;
			guesses.push(token);
			if (guesses.length >= most) break;
		}

		return guesses;
	};

/** The small model that guesses for the large one; there is at most one. */
export const createDraftModel = (placed: Placing) => {
	let model: LlamaModel | undefined;
	let context: LlamaContext | undefined;

	const freeContext = async () => {
		await context?.dispose();
		context = undefined;
	};

	return {
		/** @throws EngineError where it cannot guess for the model at `target` */
		async load(llama: Llama, target: string, settings: WantedSettings, signal: AbortSignal | undefined) {
			const {draftModel: modelPath} = settings;
			if (modelPath === undefined) return;
			await checkVocabularies(target, modelPath);
			const own = draftSettingsOf(settings);
			const load = () =>
				llama.loadModel({
					modelPath,
					gpuLayers: own.gpuLayers,
					defaultContextFlashAttention: flash(own),
					useMmap: own.mmap,
					useMlock: own.mlock,
					loadSignal: signal,
				});
			model = await placed(own, load);
		},
		/** The layers that it has got on the GPU; undefined: there is no draft model. */
		gpuLayers: () => model?.gpuLayers,
		/** undefined: there is no draft model. */
		async createContext(settings: Settings, signal: AbortSignal | undefined): Promise<Drafts | undefined> {
			const loaded = model;
			if (!loaded) return undefined;
			const own = draftSettingsOf(settings);
			const create = () =>
				loaded.createContext({
					contextSize: own.contextSize,
					batchSize: own.batchSize,
					threads: {ideal: own.threads, min: own.threads},
					flashAttention: flash(own),
					failedCreationRemedy: false,
					createSignal: signal,
				});
			context = await placed(own, create);
			const sequence = context.getSequence();
			return {sequence, guess: guessWith(sequence)};
		},
		freeContext,
		async free() {
			await freeContext();
			await model?.dispose();
			model = undefined;
		},
	};
};
