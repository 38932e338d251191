import {expect, test} from 'vitest';
import type {Settings} from '../../source/engine/types.js';
import {createMeasurementStore, forgetKept} from '../../source/planner/measurement-store.js';
import {baseSettings} from '../support/fake-engine.js';
import {createFakeFile} from '../support/fake-file.js';

const model = {path: '/models/a.gguf', sizeBytes: 1000};
const more = {...baseSettings, gpuLayers: 13};
const nothing = {measured: [], kept: undefined};

test('what was measured comes back, the same settings once, each speed from when it was measured last', async () => {
	const file = createFakeFile();
	const store = createMeasurementStore(file, 'here');
	await store.add(model, {settings: baseSettings, promptTokensPerSecond: 500});
	await store.add(model, {settings: more, tokensPerSecond: 20});
	await store.add(model, {settings: baseSettings, tokensPerSecond: 18, generatedTokens: 64});
	await store.add(model, {settings: more, tokensPerSecond: 21});
	expect(await createMeasurementStore(file, 'here').read(model)).toEqual({
		measured: [
			{settings: baseSettings, tokensPerSecond: 18, generatedTokens: 64, promptTokensPerSecond: 500},
			{settings: more, tokensPerSecond: 21},
		],
		kept: undefined,
	});
});

test('kept settings stay when something is measured', async () => {
	const store = createMeasurementStore(createFakeFile(), 'here');
	const kept: Settings = {...more, device: 'CUDA1,CUDA0', splitMode: 'none', mainGpu: 1, tensorSplit: '3,1'};
	await store.keep(model, kept);
	await store.add(model, {settings: baseSettings, tokensPerSecond: 1});
	expect(await store.read(model)).toMatchObject({kept, measured: [{tokensPerSecond: 1}]});
});

test('another machine, another file and another size know nothing of it', async () => {
	const file = createFakeFile();
	const store = createMeasurementStore(file, 'here');
	await store.keep(model, more);
	expect(await createMeasurementStore(file, 'there').read(model)).toEqual(nothing);
	expect(await store.read({...model, path: '/models/b.gguf'})).toEqual(nothing);
	expect(await store.read({...model, sizeBytes: 1001})).toEqual(nothing);
	await createMeasurementStore(file, 'there').keep(model, baseSettings);
	expect(await store.read(model)).toMatchObject({kept: more});
});

test('what was kept is forgotten on every backend, and what was measured is not', async () => {
	const file = createFakeFile();
	const [here, there] = [createMeasurementStore(file, 'here'), createMeasurementStore(file, 'there')];
	const other = {...model, path: '/models/b.gguf'};
	await here.add(model, {settings: more, tokensPerSecond: 20});
	for (const store of [here, there]) await store.keep(model, more);
	await here.keep(other, more);
	expect(await forgetKept(file, model)).toBe(true);
	expect(await here.read(model)).toEqual({measured: [{settings: more, tokensPerSecond: 20}], kept: undefined});
	expect((await there.read(model)).kept).toBeUndefined();
	expect((await here.read(other)).kept).toEqual(more);
	expect(await forgetKept(file, model)).toBe(false);
});

const saved = (value: unknown) => JSON.stringify({version: 1, machines: {here: {'/models/a.gguf | 1000': value}}});

test.each([
	['no file', undefined],
	['no JSON', 'oops'],
	['another version', JSON.stringify({version: 99, machines: {}})],
	['no machines', JSON.stringify({version: 1})],
	['a list of models', JSON.stringify({version: 1, machines: {here: []}})],
	['text instead of a model', saved('x')],
	['devices that cannot be', saved({kept: {...more, splitMode: 'row'}, measured: [{settings: {...more, tensorSplit: 3}}, 5]})],
	['settings that cannot be', saved({kept: {...more, gpuLayers: -1}, measured: [{settings: {...more, cacheTypeK: 'q9'}}, 5]})],
])('%s: nothing is known, and new things can be kept', async (_what, text) => {
	const store = createMeasurementStore(createFakeFile(text), 'here');
	expect(await store.read(model)).toEqual(nothing);
	await store.keep(model, more);
	expect(await store.read(model)).toEqual({measured: [], kept: more});
});

test('the file does not grow without end', async () => {
	const file = createFakeFile();
	const store = createMeasurementStore(file, 'here');
	for (let threads = 1; threads <= 210; threads++) await store.add(model, {settings: {...baseSettings, threads}, tokensPerSecond: threads});
	const {measured} = await store.read(model);
	expect([measured.length, measured[0]?.tokensPerSecond, measured.at(-1)?.tokensPerSecond]).toEqual([200, 11, 210]);
});

test('a disk that is full is no error', async () => {
	const refuse = async () => Promise.reject(new Error('ENOSPC'));
	const store = createMeasurementStore({read: refuse, write: refuse}, 'here');
	await store.keep(model, more);
	expect(await store.read(model)).toEqual(nothing);
});
