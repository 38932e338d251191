import {expect, test} from 'vitest';
import type {Device, Settings} from '../../source/engine/types.js';
import {createDryRunPace, type Rival, rivalOf} from '../../source/planner/dry-run-pace.js';
import {baseSettings, cpuDevice, gpuDevice} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const setUp = async (tookMs: number, answerMs: number) => {
	let now = 1000;
	const pace = createDryRunPace(() => now);
	const run = (ms: number) =>
		pace.time(async () => {
			now += ms;
		});
	await run(5000); // before the answer
	pace.answerBegan();
	if (tookMs > 0) await run(tookMs);
	now += answerMs - tookMs;
	return pace;
};

test.each<[string, Rival, number, number, number]>([
	['the first one when the keys rest', 'an answer on all cores', 0, 0, 120],
	['a short one soon again', 'an answer', 30, 30, 120],
	['layers of a large model within half a second', 'an answer', 300, 300, 300],
	['a context that has no core of its own', 'an answer on all cores', 30, 30, 970],
	['layers that have none', 'an answer on all cores', 300, 300, 9700],
	['what the answer has taken counts', 'an answer on all cores', 300, 9000, 1000],
	['a long answer has room for several', 'an answer on all cores', 900, 30_000, 120],
	['there is none', 'nothing', 300, 300, 120],
])('during an answer: %s', async (_what, rival, tookMs, answerMs, delayMs) => {
	expect((await setUp(tookMs, answerMs)).delayMs(rival)).toBeCloseTo(delayMs);
});

test('one that fails has been paid for', async () => {
	let now = 0;
	const pace = createDryRunPace(() => now);
	const failing = pace.time(async () => {
		now = 30;
		throw new Error('refused');
	});
	await expect(failing).rejects.toThrow('refused');
	expect(pace.delayMs('an answer on all cores')).toBe(970);
});

const software: Device = {backend: 'vulkan', names: ['llvmpipe (LLVM 15.0.6, 256 bits)']};

test.each<[string, Rival, Partial<Settings>, Device]>([
	['a core is left', 'an answer', {threads: 7}, cpuDevice],
	['none is left', 'an answer on all cores', {threads: 8}, gpuDevice],
	['all layers are on the GPU', 'an answer', {threads: 8, gpuLayers: 81}, gpuDevice],
	['the GPU is a program', 'an answer on all cores', {threads: 1, gpuLayers: 81}, software],
	['it does nothing', 'an answer', {threads: 1, gpuLayers: 0}, software],
])('%s', (_what, rival, settings, device) => {
	const state = {applied: {...baseSettings, ...settings}, model: bigModel, device};
	expect(rivalOf({...state, phase: {name: 'writing'}}, 8)).toBe(rival);
	expect(rivalOf({...state, phase: {name: 'ready'}}, 8)).toBe('nothing');
});
