import {count} from '../lib/format.js';

/** As a GGUF file has it. */
export type Vocabulary = {
	readonly model?: string | undefined;
	readonly tokens?: readonly string[] | undefined;
	readonly bos?: number | undefined;
	readonly eos?: number | undefined;
};

/** As llama.cpp compares them (`SPEC_VOCAB_…` in its `speculative.cpp`): models of a family differ in what fills their vocabularies up. */
const mostTokensMore = 128;
const firstCompared = 5;

/** Why one model cannot guess the tokens of the other; undefined: it can. */
export const vocabularyDifference = (target: Vocabulary, draft: Vocabulary): string | undefined => {
	const [tokens, others] = [target.tokens ?? [], draft.tokens ?? []];
	if (target.model !== draft.model)
		return `its tokenizer is ${draft.model ?? 'unknown'}, and that of the model ${target.model ?? 'unknown'}`;
	if (Math.abs(tokens.length - others.length) > mostTokensMore)
		return `its vocabulary has ${count(others.length)} tokens, and that of the model ${count(tokens.length)}`;
	if (target.bos !== draft.bos || target.eos !== draft.eos) return 'its texts begin or end with other tokens';
	const common = Math.min(tokens.length, others.length);
	for (let at = firstCompared; at < common; at++) {
		if (tokens[at] !== others[at]) return `its token ${at} is "${others[at]}", and that of the model "${tokens[at]}"`;
	}

	return undefined;
};
