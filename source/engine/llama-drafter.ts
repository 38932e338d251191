import type {LlamaContextSequence, SequenceEvaluateOptions, Token} from 'node-llama-cpp';
import {createDraftingJudge} from './drafting-judge.js';
import {nextReach, reaches} from './drafting-reach.js';
import {EngineError} from './engine-errors.js';
import {lookUp} from './lookup.js';
import type {Drafting, Settings} from './types.js';

/** Guesses what comes behind the tokens of a conversation; undefined: there is nothing to guess from, and no time was spent on it. */
export type Guess = (tokens: readonly Token[], most: number) => Token[] | undefined | Promise<Token[] | undefined>;

/** A draft model's own sequence, and what it guesses. */
export type Drafts = {readonly sequence: LlamaContextSequence; readonly guess: Guess};

export type Drafter = {
	/** Of the draft model, which has to evaluate a prompt, too. */
	readonly drafts: LlamaContextSequence | undefined;
	readonly beginAnswer: () => void;
	/** Of the answer so far, without tokens that are evaluated and not written yet. */
	readonly tokens: () => number;
	readonly report: () => Drafting;
};

/**
Lets what a sequence evaluates for an answer be guessed ahead, as long as that pays. Guesses are evaluated together with the next token, and kept as far as
sampling would have chosen them anyway: what is written does not depend on them.

node-llama-cpp has token predictors for it, but its `_speculativeEvaluate` (3.22.1) never fills `validatedTokens`, and so refutes all guesses but the first of
every evaluation.
*/
const createDrafter = (sequence: LlamaContextSequence, guess: Guess, drafts: LlamaContextSequence | undefined): Drafter => {
	const judge = createDraftingJudge();
	const evaluatePlainly = sequence.evaluate.bind(sequence);
	let reach: number = reaches.first;
	let count = {tokens: 0, drafted: 0, accepted: 0};

	/** What follows `pending` and every guess that comes true; the guesses that do not are taken back. */
	const check = async (pending: readonly Token[], guesses: readonly Token[], options: SequenceEvaluateOptions): Promise<Token[]> => {
		const generateNext = {token: true, options} as const;
		const firstAt = pending.length - 1;
		const input = [...pending, ...guesses];
		const output = await sequence.controlledEvaluate(input.map((token, at) => (at < firstAt ? token : [token, {generateNext}])));
		const sampled: Token[] = [];
		for (const result of output.slice(firstAt)) {
			const token = result?.next.token;
			if (token === undefined || token === null) throw new EngineError('failed', 'No token could be sampled.');
			sampled.push(token);
			if (token !== guesses[sampled.length - 1]) break;
		}

		const end = sequence.nextTokenIndex;
		await sequence.eraseContextTokenRanges([{start: end - (guesses.length - (sampled.length - 1)), end}]);
		const accepted = sampled.length - 1;
		reach = nextReach(guesses.length, accepted);
		count = {...count, drafted: count.drafted + guesses.length, accepted: count.accepted + accepted};
		return sampled;
	};

	async function* evaluate(tokens: Token[], options: SequenceEvaluateOptions = {}): AsyncGenerator<Token, void, undefined> {
		const {temperature, topK, topP, minP, seed = Math.floor(Math.random() * 2 ** 32)} = options;
		const known = [...sequence.contextTokens, ...tokens];
		let pending = tokens;
		let plain: ReturnType<typeof evaluatePlainly> | undefined;
		let unwritten = 0;
		let end = 0;
		/** Every sampler begins with its seed: with the same one, what is drawn would repeat. */
		let samplers = 0;
		const withSeed = () => ({...options, seed: (seed + samplers++) % 2 ** 32});
		try {
			for (let isFirst = true; ; isFirst = false) {
				const startedAt = performance.now();
				// With fewer than two cells left node-llama-cpp begins to forget.
				const room = sequence.contextSize - 2 - sequence.nextTokenIndex - pending.length;
				const guesses = !isFirst && judge.mayDraft() && room > 0 ? await guess(known, Math.min(reach, room)) : undefined;
				let next: Token[];
				if (guesses && guesses.length > 0) {
					await plain?.return();
					plain = undefined;
					next = await check(pending, guesses, {temperature, topK, topP, minP, seed: withSeed().seed});
				} else {
					plain ??= evaluatePlainly(pending, withSeed());
					const {value, done} = await plain.next();
					if (done) return;
					next = [value];
				}

				unwritten = next.length;
				end = sequence.nextTokenIndex;
				for (const token of next) {
					count = {...count, tokens: count.tokens + 1};
					known.push(token);
					unwritten--;
					yield token;
				}

				pending = next.slice(-1);
				// The first token may have had to wait for the end of the prompt.
				if (!isFirst) judge.add({ms: performance.now() - startedAt, isDrafted: guesses !== undefined, tokens: next.length});
			}
		} finally {
			await plain?.return();
			// Somebody else may have cut the conversation already.
			if (unwritten > 0 && sequence.nextTokenIndex === end) await sequence.eraseContextTokenRanges([{start: end - unwritten, end}]);
		}
	}

	Object.assign(sequence, {evaluate});

	return {
		drafts,
		beginAnswer() {
			judge.beginAnswer();
			count = {tokens: 0, drafted: 0, accepted: 0};
		},
		tokens: () => count.tokens,
		report: () => ({drafted: count.drafted, accepted: count.accepted, off: judge.off()}),
	};
};

/** undefined: there is nothing to guess with, or `draftingOff` says why not. What stood there before comes first: it costs nothing. */
export const drafterFor = (sequence: LlamaContextSequence, {lookup}: Settings, drafts: Drafts | undefined): Drafter | undefined => {
	if (sequence.needsCheckpoints || drafts?.sequence.needsCheckpoints || (!lookup && !drafts)) return undefined;
	const guess: Guess = (tokens, most) => (lookup ? lookUp(tokens, most) : undefined) ?? drafts?.guess(tokens, most);
	return createDrafter(sequence, guess, drafts?.sequence);
};

/** Why settings that ask for drafts get none. */
export const draftingOff = ({lookup, draftModel}: Settings): string | undefined => {
	if (!lookup && draftModel === undefined) return undefined;
	return `what ${draftModel === undefined ? 'this model has' : 'this model or its draft model has'} evaluated cannot be taken back token by token`;
};
