import {readdirSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import {flags} from '../../source/commands/flags.js';
import {cliPath, guidePath, type Home, makeHome, moduleRecorder, testTimeout} from './program.ts';
import {runProgram} from './run-program.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

/** esbuild names the file that a part of the bundle comes from in a comment above it. */
const bundledPackages = (source: string) =>
	[...source.matchAll(/^\/\/ .*?node_modules\/((?:@[^/\n]+\/)?[^/\n]+)/gm)].map(([, name]) => name);

/** The packages that a run has loaded, from the bundle or beside it. */
const packagesLoadedBy = async (args: readonly string[]): Promise<Set<string | undefined>> => {
	const record = join(home.folder, `modules-${args.join('-').replaceAll('/', '_')}`);
	const {code} = await runProgram(home, args, {env: moduleRecorder(record)});
	expect(code).toBe(0);
	const urls = readFileSync(record, 'utf8').trim().split('\n');
	const files = urls.filter(url => url.startsWith('file:')).map(url => new URL(url).pathname);
	return new Set(
		files.flatMap(file => {
			const inPackage = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file);
			return inPackage ? [inPackage[1]] : bundledPackages(readFileSync(file, 'utf8'));
		}),
	);
};

const helpFlags = flags
	.filter(({names: [name]}) => name === 'help' || name === 'version')
	.flatMap(({names}) => names.flatMap(name => [`-${name}`, `--${name}`]));

describe.each(helpFlags)('%s', flag => {
	test('answers on stdout', async () => {
		const {version} = createRequire(import.meta.url)('../../package.json') as {version: string};
		const {code, stdout, stderr} = await runProgram(home, [flag]);
		expect({code, stderr}).toEqual({code: 0, stderr: ''});
		if (flag.endsWith('version')) expect(stdout).toBe(`${version}\n`);
		else expect(stdout).toMatch(/Usage[\s\S]*--ctx-size[\s\S]*Exit codes: 0, 1 failed, 2 wrong usage, 130 interrupted/);
	});

	test('loads neither Ink nor llama.cpp', async () => {
		const packages = await packagesLoadedBy([flag]);
		for (const heavy of ['ink', 'react-reconciler', 'yoga-layout', 'node-llama-cpp', 'systeminformation'])
			expect(packages).not.toContain(heavy);
	});
});

test('an answer without a screen loads llama.cpp but not Ink', async () => {
	const packages = await packagesLoadedBy([guidePath, '-p', 'hi', '-n', '1']);
	expect(packages).toContain('node-llama-cpp');
	expect(packages).not.toContain('ink');
	expect(packages).not.toContain('react-reconciler');
});

test('the bundle has Ink in it: that it is absent above says something', () => {
	const folder = dirname(cliPath);
	const sources = readdirSync(folder).map(name => readFileSync(join(folder, name), 'utf8'));
	expect(sources.flatMap(bundledPackages)).toEqual(expect.arrayContaining(['ink', 'react-reconciler', 'yoga-layout']));
});
