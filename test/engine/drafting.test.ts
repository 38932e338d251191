import {expect, test} from 'vitest';
import {createDraftingJudge} from '../../source/engine/drafting-judge.ts';
import {nextReach} from '../../source/engine/drafting-reach.ts';
import {switchedOff} from '../../source/engine/drafting-words.ts';

/** Eight steps of each kind, with and without drafting; one token in 10 ms without. */
const judged = (ms: number, tokens: number) => {
	const judge = createDraftingJudge();
	for (let step = 0; step < 8; step++) judge.add({ms: 10, isDrafted: false, tokens: 1});
	for (let step = 0; step < 8 && judge.mayDraft(); step++) judge.add({ms, isDrafted: true, tokens});
	return judge;
};

test('nothing is drafted before it is known what a step takes without', () => {
	const judge = createDraftingJudge();
	for (let step = 0; step < 8; step++) {
		expect(judge.mayDraft()).toBe(false);
		judge.add({ms: 10, isDrafted: false, tokens: 1});
	}

	expect(judge.mayDraft()).toBe(true);
});

test.each([
	['twice the tokens in less than twice the time', 15, 2, undefined],
	['as fast as without', 10, 1, undefined],
	['twice the tokens in more than twice the time', 25, 2, {tokensPerSecondWith: 80, tokensPerSecondWithout: 100}],
	['no guess comes true', 12.5, 1, {tokensPerSecondWith: 80, tokensPerSecondWithout: 100}],
])('%s', (_, ms, tokens, off) => {
	const judge = judged(ms, tokens);
	expect(judge.off()).toEqual(off);
	expect(judge.mayDraft()).toBe(off === undefined);
});

test('the next answer tries again', () => {
	const judge = judged(25, 2);
	judge.beginAnswer();
	expect(judge.off()).toBeUndefined();
	expect(judge.mayDraft()).toBe(true);
});

test('it is tried again, each time later', () => {
	const judge = judged(25, 2);
	const pauses = [64, 128, 256].map(() => {
		let steps = 0;
		for (; !judge.mayDraft(); steps++) judge.add({ms: 10, isDrafted: false, tokens: 1});
		while (judge.mayDraft()) judge.add({ms: 25, isDrafted: true, tokens: 2});
		return steps;
	});
	expect(pauses).toEqual([64, 128, 256]);
});

test('now and then a step is done without drafting, to compare with', () => {
	const judge = judged(5, 2);
	const steps = Array.from({length: 60}, () => {
		const isDrafted = judge.mayDraft();
		judge.add({ms: isDrafted ? 5 : 10, isDrafted, tokens: 2});
		return isDrafted;
	});
	expect(steps.filter(isDrafted => !isDrafted)).toHaveLength(2);
});

test.each([
	[4, 4, 8],
	[16, 16, 16],
	[8, 5, 5],
	[8, 0, 2],
])('of %d guesses %d came true: %d the next time', (guessed, accepted, next) => {
	expect(nextReach(guessed, accepted)).toBe(next);
});

test('says what it was worth', () => {
	expect(switchedOff(undefined)).toBeUndefined();
	expect(switchedOff({drafted: 4, accepted: 2, off: undefined})).toBeUndefined();
	expect(switchedOff({drafted: 40, accepted: 2, off: {tokensPerSecondWith: 12.34, tokensPerSecondWithout: 15}})).toBe(
		'Drafting did not pay and was switched off: 12.3 tok/s with it, 15.0 without.',
	);
});
