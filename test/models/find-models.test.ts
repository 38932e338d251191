import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {findModels} from '../../source/models/find-models.js';

let folder: string;
const at = (name: string) => path.join(folder, name);

beforeAll(async () => {
	folder = await mkdtemp(path.join(tmpdir(), 'vramble-test-'));
	await mkdir(at('models'));
	await mkdir(at('models/folder.gguf'));
	await writeFile(at('guide.gguf'), 'guide');
	const files = [
		...['small.gguf', 'Big.gguf', 'notes.txt', 'mmproj-small.gguf', 'small.gguf.part'],
		...['split-00001-of-00002.gguf', 'split-00002-of-00002.gguf'],
	];
	for (const name of files) await writeFile(at(`models/${name}`), name);
	await symlink(at('models/small.gguf'), at('models/linked.gguf'));
	await symlink(at('nowhere.gguf'), at('models/dangling.gguf'));
});

afterAll(async () => rm(folder, {recursive: true}));

test('the guide model on top, then what a person would call a model, by name', async () => {
	const found = await findModels(at('guide.gguf'), at('models'));
	expect(found.map(({name}) => name)).toEqual(['guide', 'Big.gguf', 'linked.gguf', 'small.gguf', 'split-00001-of-00002.gguf']);
	expect(found[0]).toMatchObject({path: at('guide.gguf'), sizeBytes: 5, note: expect.stringContaining('built in')});
	expect(found[3]).toEqual({path: at('models/small.gguf'), name: 'small.gguf', sizeBytes: 10, note: undefined});
});

test('in its own folder the guide model is listed once', async () => {
	expect((await findModels(at('guide.gguf'), folder)).map(({name}) => name)).toEqual(['guide']);
});

test.each([
	['without a guide model', () => [at('gone.gguf'), at('models')], 4],
	['in a folder that is not there', () => [at('guide.gguf'), at('gone')], 1],
	['in what is not a folder', () => [at('guide.gguf'), at('models/notes.txt')], 1],
] as const)('%s', async (_what, where, count) => {
	const [guide = '', searched = ''] = where();
	expect(await findModels(guide, searched)).toHaveLength(count);
});
