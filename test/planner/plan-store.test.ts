import {describe, expect, test} from 'vitest';
import {createEngineStore} from '../../source/engine/engine-store.js';
import type {Settings} from '../../source/engine/types.js';
import {createStore} from '../../source/lib/store.js';
import {noReadings, type Readings} from '../../source/monitor/types.js';
import {machineOf} from '../../source/planner/machine.js';
import {createPlanStore} from '../../source/planner/plan-store.js';
import type {Machine, Speeds} from '../../source/planner/types.js';
import {baseSettings, cpuDevice, createFakeEngine, gib} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

/** A 12 GiB card of which others hold 1 GiB. */
const readings: Readings = {
	...noReadings,
	vram: {totalBytes: 12 * gib, usedBytes: gib, ownBytes: 0},
	ram: {totalBytes: 64 * gib, usedBytes: 8 * gib, availableBytes: 56 * gib},
};

const greedy = {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05};

type Options = NonNullable<Parameters<typeof createFakeEngine>[0]> & {readonly speeds?: Speeds; readonly mlockLimitBytes?: number};

const setUp = ({speeds, mlockLimitBytes, ...options}: Options = {}) => {
	const fake = createFakeEngine(options);
	const engine = createEngineStore({
		engine: fake.engine,
		gpu: 'auto',
		temporaryFile: () => ({path: '/nowhere/state.bin', remove: async () => {}}),
	});
	const monitor = createStore(readings);
	/** What is read next, in place of what the monitor has. */
	const machines: Machine[] = [];
	const budgets = {vram: undefined, ram: undefined};
	const plan = createPlanStore({
		dryRun: ({path}, settings) => fake.engine.dryRun({path, settings}),
		engine,
		monitor,
		budgets,
		readMachine: async () => machines.shift() ?? machineOf(monitor.get(), plan.get().budgets),
		threads: 8,
		speeds: () => speeds,
		measured: (_model, {gpuLayers}) => (gpuLayers === 13 ? {tokensPerSecond: 18.4, generatedTokens: 128} : undefined),
		driverBytes: () => 0,
		mlockLimitBytes: async () => mlockLimitBytes,
		wantedContext: () => 8192,
	});
	const seen: Array<Settings | undefined> = [plan.get().pending];
	plan.subscribe(() => {
		const {pending} = plan.get();
		if (pending !== seen.at(-1)) seen.push(pending);
	});
	return {
		...fake,
		engine,
		monitor,
		machines,
		plan,
		pending: () => plan.get().pending,
		/** How often other settings became pending. */
		changes: () => seen.length - 1,
		load: async (other: Partial<Settings> = {}) => engine.load(bigModel, {...baseSettings, ...other}, {system: undefined, messages: []}),
		apply: async () => engine.apply(plan.get().pending ?? baseSettings),
	};
};

const loaded = async (options?: Options) => {
	const all = setUp(options);
	await all.load();
	return all;
};

test('what was asked about the model that is loaded is not said of another', async () => {
	const {plan, calls} = await loaded();
	const other = {...bigModel, path: '/models/other.gguf'};
	const asked = async (model: typeof bigModel) => {
		const before = calls.filter(call => call === 'dryRun').length;
		await plan.planFor(model, {...baseSettings, gpuLayers: 3});
		return calls.filter(call => call === 'dryRun').length - before;
	};
	expect([await asked(bigModel), await asked(bigModel), await asked(other), await asked(bigModel)]).toEqual([1, 0, 1, 0]);
});

describe('what is pending', () => {
	test('nothing, and nothing moves, before a model is loaded', () => {
		const {plan, pending, changes} = setUp();
		plan.move('gpuLayers', 'more');
		plan.recall();
		plan.putBack();
		expect([pending(), plan.limits(), changes()]).toEqual([undefined, undefined, 0]);
	});

	test('moves gather, and the applied settings stay as they are', async () => {
		const {plan, engine, pending} = await loaded();
		plan.move('gpuLayers', 'more');
		plan.move('gpuLayers', 'more');
		plan.move('contextSize', 'more');
		expect(pending()).toEqual({...baseSettings, gpuLayers: 14, contextSize: 6144});
		expect(engine.get().applied).toEqual(baseSettings);
	});

	test('nothing, when it is moved back to what is applied', async () => {
		const {plan, pending} = await loaded();
		plan.move('threads', 'more');
		plan.move('threads', 'less');
		expect(pending()).toBeUndefined();
	});

	test('a move that cannot be made changes nothing', async () => {
		const {plan, pending, changes} = await loaded();
		plan.move('cacheTypeK', 'less');
		expect([pending(), changes()]).toEqual([undefined, 0]);
		plan.move('gpuLayers', 'most');
		plan.move('gpuLayers', 'more');
		expect([pending()?.gpuLayers, changes()]).toEqual([81, 1]);
	});

	test('put back', async () => {
		const {plan, pending, changes} = await loaded();
		plan.move('gpuLayers', 'least');
		plan.putBack();
		plan.putBack();
		expect([pending(), changes()]).toEqual([undefined, 2]);
	});

	test('applied, nothing; recalled, the settings before', async () => {
		const {plan, apply, engine, pending} = await loaded();
		plan.recall();
		expect(pending()).toBeUndefined();
		plan.move('contextSize', 'more');
		await apply();
		expect([pending(), engine.get().applied?.contextSize]).toEqual([undefined, 6144]);
		plan.recall();
		expect(pending()).toEqual(baseSettings);
		await apply();
		plan.recall();
		expect(pending()?.contextSize).toBe(6144);
	});

	test('recalled before it was applied, nothing; then the settings before', async () => {
		const {plan, apply, pending} = await loaded();
		expect(plan.recall()).toBe(false);
		plan.move('contextSize', 'more');
		await apply();
		await plan.fit();
		expect(plan.recall()).toBe(true);
		expect(pending()).toBeUndefined();
		expect(plan.recall()).toBe(true);
		expect(pending()).toEqual(baseSettings);
	});

	test('refused, nothing, and there is nothing to recall', async () => {
		const {plan, apply, engine, pending} = await loaded({
			refuse: (verb, settings) => (verb === 'createContext' && settings?.contextSize === 8192 ? 'out-of-memory' : undefined),
		});
		plan.move('contextSize', 'most');
		expect(await apply()).toMatchObject({ok: false});
		expect([pending(), engine.get().applied]).toEqual([undefined, baseSettings]);
		plan.recall();
		expect(pending()).toBeUndefined();
	});

	test('an answer leaves it alone; another model puts it back', async () => {
		const {plan, engine, load, pending} = await loaded();
		plan.move('gpuLayers', 'more');
		await engine.answer({prompt: 'hello', sampling: greedy, maxTokens: undefined}, () => {});
		expect(pending()?.gpuLayers).toBe(13);
		await load();
		expect(pending()).toBeUndefined();
	});

	test('what is moved while a change is made stays pending', async () => {
		const {plan, engine, pending, hold} = await loaded();
		plan.move('gpuLayers', 'more');
		const release = hold('loadModel');
		const applied = engine.apply(pending() ?? baseSettings);
		await expect.poll(() => engine.get().phase.name).toBe('reloading');
		plan.move('gpuLayers', 'more');
		release();
		await applied;
		expect([engine.get().applied?.gpuLayers, pending()?.gpuLayers]).toEqual([13, 14]);
	});

	test('disposed, it no longer follows the engine', async () => {
		const {plan, load, pending} = await loaded();
		plan.move('gpuLayers', 'more');
		plan.dispose();
		await load();
		expect(pending()?.gpuLayers).toBe(13);
	});
});

test('limits: what model, device and machine allow', async () => {
	expect((await loaded()).plan.limits()).toEqual({gpuLayers: 81, cpuExpertLayers: 0, trainedContext: 8192, threads: 8});
	expect((await loaded({device: cpuDevice})).plan.limits()).toMatchObject({gpuLayers: 0});
});

describe('what it would take', () => {
	test('a guess at once, and exactly when the keys rest and the engine has answered', async () => {
		const {plan, calls} = await loaded();
		await expect.poll(() => plan.get().plan).toMatchObject({exact: true, verdict: 'fits', settings: baseSettings});
		expect(plan.get().added).toBeUndefined();
		for (let layer = 0; layer < 10; layer++) plan.move('gpuLayers', 'more');
		expect(plan.get().plan).toMatchObject({exact: false, settings: {gpuLayers: 22}});
		const asked = calls.filter(call => call === 'dryRun').length;
		await expect.poll(() => plan.get().plan).toMatchObject({exact: true, verdict: 'does not fit', settings: {gpuLayers: 22}});
		expect(calls.filter(call => call === 'dryRun')).toHaveLength(asked + 1);
		expect(plan.get().added?.vramBytes).toBeCloseTo((10 / 81) * 41.25 * gib, -6);
	});

	test('what was asked once is known', async () => {
		const {plan, calls} = await loaded();
		plan.move('gpuLayers', 'most');
		await expect.poll(() => plan.get().plan).toMatchObject({exact: true, verdict: 'does not fit'});
		plan.putBack();
		await expect.poll(() => plan.get().plan?.exact).toBe(true);
		const asked = calls.length;
		plan.move('gpuLayers', 'most');
		expect(plan.get().plan).toMatchObject({exact: true, settings: {gpuLayers: 81}});
		expect(calls).toHaveLength(asked);
		plan.dispose();
	});

	test('while an answer is written dry runs wait, and are made up for when it is over', async () => {
		const {plan, engine, hold, calls, load} = setUp();
		await load({threads: 8}); // all of them
		await expect.poll(() => plan.get().plan?.exact).toBe(true);
		const releaseAnswer = hold('answer');
		const releaseDryRun = hold('dryRun');
		const answered = engine.answer({prompt: 'hello', sampling: greedy, maxTokens: undefined}, () => {});
		plan.move('gpuLayers', 'more');
		await expect.poll(() => calls.at(-1)).toBe('dryRun');
		setTimeout(releaseDryRun, 100); // what a real one takes; another is due 3 s later
		await expect.poll(() => plan.get().plan).toMatchObject({exact: true, settings: {gpuLayers: 13}});
		plan.move('gpuLayers', 'more');
		expect(plan.get()).toMatchObject({plan: {exact: false, settings: {gpuLayers: 14}}, isPostponed: true});
		releaseAnswer();
		await answered;
		await expect.poll(() => plan.get().plan).toMatchObject({exact: true, settings: {gpuLayers: 14}});
		expect(plan.get().isPostponed).toBe(false);
		plan.dispose();
	});

	test('the speed is that of the tokens in the context, and of a short conversation where there are fewer', async () => {
		const reply = () => 'word '.repeat(2000);
		const speeds = {gpuBytesPerSecond: 300e9, cpuBytesPerSecond: 30e9, overheadMs: 0.15};
		const {plan, engine} = await loaded({reply, speeds});
		const speedAt = () => plan.get().plan?.tokensPerSecond ?? 0;
		await expect.poll(speedAt).toBeGreaterThan(0);
		const before = speedAt();
		await engine.answer({prompt: 'hello', sampling: greedy, maxTokens: undefined}, () => {});
		expect(engine.get().contextUsed).toBe(2000);
		await expect.poll(speedAt).toBeLessThan(before);
		await engine.setConversation(() => ({system: undefined, messages: []}));
		expect(speedAt()).toBe(before);
	});

	test('it follows what others take of the machine', async () => {
		const {plan, monitor} = await loaded();
		await expect.poll(() => plan.get().plan?.verdict).toBe('fits');
		monitor.set({...readings, vram: {totalBytes: 12 * gib, usedBytes: 11 * gib, ownBytes: 0}});
		expect(plan.get().plan?.verdict).toBe('does not fit');
	});
});

describe('fit', () => {
	test('most layers that the device takes, and what one more would lack', async () => {
		const {plan, pending} = await loaded();
		await plan.fit();
		expect([pending(), plan.get().plan?.verdict]).toEqual([{...baseSettings, gpuLayers: 21}, 'fits']);
		expect(plan.get()).toMatchObject({isAsking: false, binding: {limit: 'VRAM', next: 22}});
		plan.move('gpuLayers', 'less');
		expect(plan.get().binding).toBeUndefined();
	});

	test('by a reading of now, where the gauge has none yet; without any it says so', async () => {
		const machine = {vram: {totalBytes: 12 * gib, otherBytes: gib, budgetBytes: undefined}, ram: undefined};
		const {plan, pending, monitor, machines} = await loaded();
		monitor.set(noReadings);
		machines.push({vram: undefined, ram: undefined}, machine);
		await plan.fit();
		expect([pending(), plan.get().binding]).toEqual([undefined, 'VRAM unknown']);
		await plan.fit();
		expect(pending()?.gpuLayers).toBe(21);
	});

	test('within a budget', async () => {
		const {plan, pending} = await loaded();
		plan.setBudget({bytes: 4 * gib});
		await plan.fit();
		expect(pending()?.gpuLayers).toBe(7);
		expect(plan.get().plan?.vramBytes).toBeLessThanOrEqual(4 * gib);
		expect(plan.get().binding).toBeDefined();
		plan.setBudget(undefined);
		expect(plan.get().binding).toBeUndefined();
	});

	test('what binds is said until it was applied and no longer, when other settings come', async () => {
		const {plan, apply, load} = await loaded();
		await plan.fit();
		const {binding} = plan.get();
		await apply();
		expect(plan.get().binding).toBe(binding);
		await load();
		expect(plan.get().binding).toBeUndefined();
	});

	test('without a device there is nothing to fit', async () => {
		const {plan, pending} = await loaded({device: cpuDevice});
		await plan.fit();
		expect([pending(), plan.get().isAsking, plan.get().binding]).toEqual([undefined, false, 'no GPU']);
		plan.move('contextSize', 'more');
		expect(plan.get().binding).toBeUndefined();
	});
});

test('nothing is asked about settings that llama.cpp refuses', async () => {
	const {load, plan} = setUp();
	await load({cacheTypeV: 'q8_0'});
	await expect.poll(() => plan.get().plan?.exact).toBe(true);
	plan.move('flashAttention', 'most');
	expect(plan.get()).toMatchObject({plan: undefined, added: undefined, pending: {flashAttention: 'off'}});
	plan.move('flashAttention', 'least');
	await expect.poll(() => plan.get().plan?.exact).toBe(true);
});

test('what may be locked is there to be compared with', async () => {
	const {plan} = setUp({mlockLimitBytes: 8});
	await expect.poll(() => plan.get().mlockLimitBytes).toBe(8);
});
