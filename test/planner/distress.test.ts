import {expect, test} from 'vitest';
import {createAdviser} from '../../source/planner/adviser.js';
import {distressOf, noMemory} from '../../source/planner/distress.js';
import type {Advice} from '../../source/planner/types.js';
import {baseSettings} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const mib = 1024 ** 2;

test.each<[string, number, number, number | undefined, string | undefined]>([
	['fast', 100, 12, 0, undefined],
	['slow', 20, 0.31, 0, 'slow'],
	['just fast enough', 20, 0.5, 0, undefined],
	['too short to tell', 2, 0.1, 100 * mib, undefined],
	['a little was read', 100, 12, 500 * mib, undefined],
	['the disk was read for every token', 100, 12, 2000 * mib, 'paging'],
	['paging, which is why it was slow', 20, 0.2, 2000 * mib, 'paging'],
	['nobody knows what was read', 100, 12, undefined, undefined],
])('%s', (_what, tokens, tokensPerSecond, diskBytes, kind) => {
	expect(distressOf({tokens, tokensPerSecond, diskBytes})?.kind).toBe(kind);
});

const piece = (text: string, freesVramBytes: number | undefined = 1024 ** 3): Advice => ({
	text,
	freesVramBytes,
	moreLayers: undefined,
	tokensPerSecond: 4,
	settings: undefined,
});

const setUp = (advice: readonly Advice[]) => {
	const said: string[] = [];
	return {said, give: createAdviser({advise: async () => advice, say: text => said.push(text)})};
};

test('the best two that take less, once for the same settings', async () => {
	const {give, said} = setUp([piece('more layers', 0), piece('a'), piece('b'), piece('c')]);
	await give(noMemory, bigModel, baseSettings);
	await give(noMemory, bigModel, {...baseSettings});
	const effect = 'frees 1.0 GiB of VRAM, ≈ 4.00 tok/s';
	expect(said).toEqual([`What would help:\n- a: ${effect}\n- b: ${effect}`]);
	await give(noMemory, bigModel, {...baseSettings, contextSize: 2048});
	expect(said).toHaveLength(2);
});

test('what makes it fit before what only takes less', async () => {
	const {give, said} = setUp([piece('a'), {...piece('b', 0), verdict: 'fits'}]);
	await give(noMemory, bigModel, baseSettings);
	expect(said).toEqual(['What would help:\n- b: then it fits, ≈ 4.00 tok/s']);
});

test('nothing to say is not said, but that it was paging', async () => {
	const {give, said} = setUp([]);
	await give(noMemory, bigModel, baseSettings);
	const paging = distressOf({tokens: 10, tokensPerSecond: 1, diskBytes: 1000 * mib});
	if (paging) await give(paging, bigModel, baseSettings);
	expect(said).toEqual(['Paging: the weights do not stay in RAM, and the disk was read for this answer.']);
});
