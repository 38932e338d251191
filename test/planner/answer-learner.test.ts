import {expect, test} from 'vitest';
import type {Answer} from '../../source/engine/types.js';
import {observationOf} from '../../source/planner/answer-learner.js';
import {baseSettings} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const answer: Answer = {
	text: 'Yes.',
	stopReason: 'end',
	prompt: {tokens: 100, ms: 500, threads: 8},
	generation: {tokens: 200, ms: 10_000, tokensPerSecond: 20, firstTokenMs: 500},
	steady: {threads: 8, tokens: 199, tokensPerSecond: 20, fillTokens: 200.5},
	contextUsed: 300,
	forgot: false,
};
const learn = (part: Partial<Answer>, readBytes?: number) =>
	observationOf({...answer, ...part}, bigModel, {...baseSettings, threads: 8}, {cache: {gpu: 1, cpu: 2}, untakenBytes: 3}, readBytes);

test('an answer tells of its part that was written with the same threads, and with which', () => {
	expect(learn({})).toMatchObject({tokensPerSecond: 20, settings: {threads: 8}, promptThreads: 8, fillTokens: 200.5, untakenBytes: 3});
	expect(learn({steady: {threads: 4, tokens: 160, tokensPerSecond: 25, fillTokens: 180}})).toMatchObject({
		tokensPerSecond: 25,
		tokens: 160,
		settings: {threads: 4},
		prompt: {tokens: 100, tokensPerSecond: 200},
		promptThreads: 8,
		fillTokens: 180,
	});
});

test.each([
	[undefined, {tokens: 100, tokensPerSecond: 200}],
	[0.04, {tokens: 100, tokensPerSecond: 200}],
	[0.06, undefined],
])('the prompt waited for %f of the weights from the disk', (share, prompt) => {
	expect(learn({}, share && share * bigModel.sizeBytes)?.prompt).toEqual(prompt);
});

test.each([
	['too short a part', {threads: 4, tokens: 15, tokensPerSecond: 25, fillTokens: 150}],
	['none', {threads: 4, tokens: 0, tokensPerSecond: undefined, fillTokens: 300}],
])('%s teaches only of the prompt', (_what, steady) => {
	expect(learn({steady})).toMatchObject({tokensPerSecond: undefined, roughTokensPerSecond: 20, prompt: {tokens: 100}});
});
