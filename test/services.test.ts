import {setImmediate as nextTurn} from 'node:timers/promises';
import {describe, expect, test} from 'vitest';
import type {EngineMemory, Settings} from '../source/engine/types.js';
import {baseSettings, createFakeEngine, gib, gpuDevice, wantedAuto} from './support/fake-engine.js';
import {bigModel, createFakeServices} from './support/fake-services.js';

const path = '/models/big-Q4_K_M.gguf';

/** A card of 24 GiB of which others hold 1; the driver takes 0.5 more than llama.cpp counts, which is what the dry run says and `moreBytes`. */
const tellingDevice =
	(moreBytes = 0) =>
	(settings: Settings | undefined): EngineMemory => {
		const onGpu = (settings?.gpuLayers ?? 0) / 81;
		const own = onGpu * (40 * gib + (settings?.contextSize ?? 0) * 320 * 1024) + (onGpu > 0 ? moreBytes : 0);
		return {
			vram: {totalBytes: 24 * gib, usedBytes: gib + own + (onGpu > 0 ? 0.5 * gib : 0)},
			ownVramBytes: own,
			ownRamBytes: 40 * gib * (1 - onGpu),
		};
	};

const createFile = () => {
	const file = {
		text: undefined as string | undefined,
		read: async () => file.text,
		async write(next: string) {
			file.text = next;
		},
	};
	return file;
};

const open = async (options: Parameters<typeof createFakeServices>[0]) => {
	const scene = createFakeServices(options);
	await scene.services.open(path);
	const {chat, plan, engine} = scene.services;
	const notes = () => chat.get().messages.map(({text}) => text);
	return {...scene, notes, plan, engine};
};

describe('what the driver takes', () => {
	test('is measured at the first load, planned with, shown apart, and known to the next run', async () => {
		const calibrationFile = createFile();
		const wanted = {...wantedAuto, gpuLayers: 12, contextSize: 4096};
		const first = await open({fake: createFakeEngine({memory: tellingDevice()}), wanted, calibrationFile});
		await expect.poll(() => first.plan.get().plan?.breakdown.vram.driver).toBe(0.5 * gib);
		const second = await open({
			fake: createFakeEngine({memory: tellingDevice()}),
			wanted: {...wantedAuto, contextSize: 4096},
			calibrationFile,
		});
		// 0.5 GiB are a layer less than without.
		expect(second.engine.get().applied?.gpuLayers).toBe(43);
		expect(
			(await open({fake: createFakeEngine({memory: tellingDevice()}), wanted: {...wantedAuto, contextSize: 4096}})).engine.get().applied
				?.gpuLayers,
		).toBe(44);
	});

	test('counts as ours, not as others', async () => {
		const {services} = await open({
			fake: createFakeEngine({memory: tellingDevice()}),
			wanted: {...wantedAuto, gpuLayers: 12, contextSize: 4096},
		});
		await expect.poll(() => services.monitor.get().vram?.ownBytes, {timeout: 3000}).toBeCloseTo((12 / 81) * 41.25 * gib + 0.5 * gib, -3);
	});

	test('is nothing that anybody knows on a device that reads 0', async () => {
		const memory = () => ({vram: {totalBytes: 12 * gib, usedBytes: 0}, ownVramBytes: 0, ownRamBytes: 0});
		const calibrationFile = createFile();
		const {plan} = await open({fake: createFakeEngine({memory}), wanted: wantedAuto, calibrationFile});
		await expect.poll(() => plan.get().plan?.exact).toBe(true);
		expect(plan.get().plan?.breakdown.vram.driver).toBe(0);
		expect(calibrationFile.text).toBeUndefined();
	});
});

test('an answer that was the last one is learned from before the end', async () => {
	const calibrationFile = createFile();
	const write = async (text: string) => {
		await nextTurn();
		await calibrationFile.write(text);
	};
	const reply = () => 'word '.repeat(20);
	const {services} = await open({fake: createFakeEngine({reply}), wanted: wantedAuto, calibrationFile: {...calibrationFile, write}});
	await services.begin();
	services.chat.send('hello');
	await expect.poll(() => services.engine.get().contextUsed).toBeGreaterThan(16);
	await expect.poll(() => services.engine.get().phase.name).toBe('ready');
	await services.dispose();
	expect(calibrationFile.text).toContain('"tokensPerSecond"');
});

describe('a budget', () => {
	const budgets = {vram: {bytes: 12 * gib}, ram: undefined};
	const wanted = {...wantedAuto, contextSize: 4096};

	test('is planned with, told to llama.cpp, and kept', async () => {
		const {engine, fake, notes} = await open({fake: createFakeEngine({memory: tellingDevice()}), wanted, budgets});
		expect(engine.get().applied?.gpuLayers).toBe(23);
		expect(fake.calls).toContain(`capVram ${12 * gib}`);
		expect(notes()[0]).toMatch(/^VRAM binds: 23 layers; the 24th needs [\d.]+ MiB more\.$/);
	});

	test('a breach is told with both numbers, after a load and after a change', async () => {
		const {services, plan, notes, fake} = await open({fake: createFakeEngine({memory: tellingDevice(gib)}), wanted, budgets});
		expect(notes().at(-1)).toBe('The VRAM budget is not kept: 13.2 GiB are taken, 1.2 GiB more than the 12.0 GiB of the budget.');
		plan.move('gpuLayers', 'less');
		await services.apply();
		expect(notes().filter(text => text.includes('not kept'))).toHaveLength(2);
		// From now on the driver's share is left to it.
		expect(fake.calls).toContain(`capVram ${11.5 * gib}`);
	});

	test('of more than the device has is said to change nothing, given or set', async () => {
		const said = 'The VRAM budget of 5000.0 GiB changes nothing: there are 24.0 GiB here.';
		const fake = createFakeEngine({memory: tellingDevice()});
		const {services, notes} = await open({fake, wanted, budgets: {vram: {bytes: 5000 * gib}, ram: undefined}});
		expect(notes().filter(text => text === said)).toHaveLength(1);
		await services.setBudget({bytes: 5000 * gib});
		expect(notes().filter(text => text === said)).toHaveLength(2);
	});

	test('settings that would not keep it are refused', async () => {
		const {services, plan, notes, engine} = await open({fake: createFakeEngine({memory: tellingDevice()}), wanted, budgets});
		plan.move('gpuLayers', 'most');
		await services.apply();
		expect(notes().at(-1)).toMatch(
			/^These settings do not keep the VRAM budget\. They take [\d.]+ GiB, [\d.]+ GiB more than the 12\.0 GiB of the budget\./,
		);
		expect(engine.get().applied).toMatchObject({...baseSettings, gpuLayers: 23});
	});
});

describe('settings that a load was refused with', () => {
	const refused = async () => {
		const scene = await open({
			fake: createFakeEngine({memory: tellingDevice()}),
			wanted: {...wantedAuto, gpuLayers: 60, contextSize: 4096},
			budgets: {vram: {bytes: 12 * gib}, ram: undefined},
		});
		await expect.poll(() => scene.services.monitor.get().vram, {timeout: 3000}).toBeDefined();
		return scene;
	};

	test.each<[string, (plan: Awaited<ReturnType<typeof refused>>['plan']) => Promise<void>]>([
		['fitted', plan => plan.fit()],
		[
			'as an advice says',
			async plan => {
				await plan.advise();
				plan.follow(0);
			},
		],
		[
			'moved',
			async plan => {
				for (let left = 60; left > 20; left--) plan.move('gpuLayers', 'less');
			},
		],
	])('%s, they load the model, with the threads that were left open', async (_how, change) => {
		const {services, plan, engine, notes} = await refused();
		expect(engine.get()).toMatchObject({phase: {name: 'failed'}, failedWith: {gpuLayers: 60}});
		expect(notes().at(-1)).toBe('In the tuner (Tab): f fits the settings, a numbers the advice, Enter loads the model.');
		await change(plan);
		const pending = plan.get().pending;
		expect(pending?.gpuLayers).toBeLessThan(24);
		await services.apply();
		expect(engine.get()).toMatchObject({phase: {name: 'ready'}, applied: {gpuLayers: pending?.gpuLayers}, hasAutoThreads: true});
		expect([engine.get().failedWith, plan.get().pending]).toEqual([undefined, undefined]);
	});

	test('put back, they are those that failed, and are refused again', async () => {
		const {services, plan, engine, notes} = await refused();
		plan.move('gpuLayers', 'least');
		plan.putBack();
		expect(plan.get().pending).toBeUndefined();
		await expect.poll(() => plan.get().plan?.settings.gpuLayers).toBe(60);
		await services.apply();
		expect(engine.get()).toMatchObject({phase: {name: 'failed'}, failedWith: {gpuLayers: 60}});
		expect(notes().filter(text => text.includes('do not keep the VRAM budget'))).toHaveLength(2);
	});
});

test('another model is refused while one is loaded: the tuner is about the one that is back, the advice about the other', async () => {
	const {services, plan, engine, notes} = await open({
		fake: createFakeEngine({memory: tellingDevice()}),
		wanted: {...wantedAuto, gpuLayers: 10, contextSize: 4096},
		budgets: {vram: {bytes: 12 * gib}, ram: undefined},
	});
	plan.move('gpuLayers', 'less');
	const other = {...bigModel, path: '/models/other.gguf', name: 'other'};
	await services.load(other, {settings: {...wantedAuto, gpuLayers: 60, contextSize: 4096}});
	expect(engine.get()).toMatchObject({phase: {name: 'ready'}, model: {path}, applied: {gpuLayers: 10}});
	expect([engine.get().failedWith, plan.get().pending]).toEqual([undefined, undefined]);
	await expect.poll(() => plan.get().plan?.settings.gpuLayers).toBe(10);
	expect(notes().some(text => text.endsWith('Now: going back to big.'))).toBe(true);
	expect(notes().at(-1)).toMatch(/^What would help:\n- GPU layers 60 → \d+: /);
});

test('a model that is asked for while another loads stays', async () => {
	const fake = createFakeEngine();
	const {services, engine, notes} = await open({fake});
	const release = fake.hold('loadModel');
	const loading = services.load({...bigModel, path: '/models/second.gguf', name: 'second'});
	await expect.poll(() => engine.get().phase).toMatchObject({name: 'loading', step: 'weights'});
	const third = services.load({...bigModel, path: '/models/third.gguf', name: 'third'});
	release();
	await Promise.all([loading, third]);
	expect(engine.get()).toMatchObject({phase: {name: 'ready'}, model: {name: 'third'}});
	expect(notes().filter(text => text.startsWith('Stopped'))).toEqual([]);
});

describe('advice by itself', () => {
	test('when the last load failed for want of memory, and about what was to be loaded', async () => {
		const fake = createFakeEngine({refuse: verb => (verb === 'loadModel' ? 'out-of-memory' : undefined)});
		const {notes} = await open({fake, wanted: {...wantedAuto, gpuLayers: 60, contextSize: 4096}});
		expect(notes()[0]).toMatch(/^No: loadModel\./);
		expect(notes()[1]).toMatch(/^What would help:\n- GPU layers 60 → \d+: /);
	});

	test('when the disk was read for an answer', async () => {
		let read = gib;
		const reply = () => {
			read += gib;
			return 'one two three four five';
		};
		const {services, notes} = await open({
			fake: createFakeEngine({reply}),
			wanted: {...wantedAuto, gpuLayers: 12, contextSize: 4096},
			diskBytes: () => read,
		});
		services.chat.send('count');
		await expect.poll(notes).toContainEqual(expect.stringMatching(/^Paging: the weights do not stay in RAM/));
	});
});

test.each([
	['a model with experts', 36, 'there was no compiler', 1],
	['a dense model', 0, 'there was no compiler', 0],
	['hooks that work', 36, undefined, 0],
])('what cannot be placed is said once: %s', async (_what, expertLayers, hooksOff, count) => {
	const {notes} = await open({
		fake: createFakeEngine({device: {...gpuDevice, hooksOff}}),
		models: {[path]: {...bigModel, expertLayers}},
	});
	expect(notes().filter(note => note.includes('the native hooks are off: there was no compiler.'))).toHaveLength(count);
});

test('a change that waits for an answer is made although other threads turned out to be faster meanwhile', async () => {
	const fake = createFakeEngine({tried: tokens => (tokens === 2 ? 3 : undefined)});
	const {services, plan, engine} = await open({fake});
	const release = fake.hold('answer');
	services.chat.send('hello');
	await expect.poll(() => engine.get().phase.name).toBe('writing');
	plan.move('gpuLayers', 'less');
	const {gpuLayers} = plan.get().pending ?? baseSettings;
	const applying = services.apply();
	const goOn = fake.hold('loadModel');
	release();
	await expect.poll(() => engine.get().phase.name).toBe('reloading');
	expect(plan.get().pending).toMatchObject({gpuLayers, threads: 3});
	goOn();
	await applying;
	expect(engine.get()).toMatchObject({applied: {gpuLayers}, hasAutoThreads: true});
	expect(plan.get().pending).toBeUndefined();
});
