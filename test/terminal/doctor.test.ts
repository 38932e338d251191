import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {guidePath, type Home, makeHome, openProgram, patience, testTimeout} from './program.ts';
import {runProgram} from './run-program.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

/** Stands in for an installation that is broken. */
const without = (source: string) => ({
	NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(`
		import {registerHooks} from 'node:module';
		registerHooks({resolve(specifier, context, next) {
			if (specifier === 'node-llama-cpp') ${source};
			return next(specifier, context);
		}});
	`)}`,
});

test('vramble doctor says what works here, and leaves nothing behind', async () => {
	const {code, stdout, stderr} = await runProgram(home, ['doctor', '--json']);
	expect({code, stderr}).toEqual({code: 0, stderr: ''});
	expect(JSON.parse(stdout)).toMatchObject({
		schema: 1,
		canRun: true,
		versions: {vramble: expect.stringMatching(/^\d+\.\d+/), node: process.versions.node, nodeLlamaCpp: expect.stringMatching(/^3\./)},
		backends: [{backend: 'cpu', isUsed: true, failure: null}],
		cpu: {mathCores: expect.any(Number)},
		folders: [{use: 'data', path: join(home.env.XDG_DATA_HOME, 'vramble'), problem: null}, {use: 'temporary'}, {use: 'cache'}],
		speeds: null,
		model: null,
	});
	expect(home.leftovers()).toEqual([]);
});

test('a model that can run, and one that cannot', async () => {
	const good = await runProgram(home, ['doctor', guidePath, '-c', '4096']);
	expect(good).toMatchObject({code: 0, stdout: expect.stringMatching(/^This model can run here, on the CPU\./)});
	expect(good.stdout).toContain('guide: 0 of 13 layers on the GPU, 4,096 tokens of context');
	expect(good.stdout).toContain('- The model was trained for 2,048 tokens of context.');
	const path = join(home.folder, 'bad.gguf');
	writeFileSync(path, 'hello');
	const bad = await runProgram(home, ['doctor', path]);
	expect(bad).toMatchObject({code: 1, stdout: expect.stringMatching(/^This model cannot run here\.[\s\S]*is not a GGUF model/)});
});

test('where Node.js keeps what it has compiled, and that it cannot be kept there', async () => {
	const kept = join(home.folder, 'compiled');
	const good = await runProgram(home, ['doctor'], {env: {NODE_COMPILE_CACHE: kept}});
	expect(good.stdout.replaceAll(/\n +/g, ' ')).toContain(` compile cache of Node.js: ${kept}/v${process.versions.node}`);
	const file = join(home.folder, 'file');
	writeFileSync(file, '');
	const bad = await runProgram(home, ['doctor'], {env: {NODE_COMPILE_CACHE: join(file, 'compiled')}});
	expect(bad.stdout.replaceAll(/\n +/g, ' ')).toContain(
		`Nothing can be written to ${join(file, 'compiled')} (not a folder): every start takes longer.`,
	);
});

test('hooks that are off, with why', async () => {
	const {code, stdout} = await runProgram(home, ['doctor'], {env: {VRAMBLE_NATIVE: 'off'}});
	expect(code).toBe(0);
	expect(stdout).toContain('\nHooks       off: VRAMBLE_NATIVE=off\n');
});

test('an engine that cannot be loaded is told, with all the rest', async () => {
	const {code, stdout} = await runProgram(home, ['doctor'], {env: without("throw new Error('the disk has a hole')")});
	expect(code).toBe(1);
	expect(stdout).toMatch(
		/^vramble cannot run here\.[\s\S]*\nRAM +[\d.]+ GiB[\s\S]*- llama\.cpp does not start\. It said: the disk has a hole\./,
	);
});

test('an engine that dies is told, too', async () => {
	const {code, stdout} = await runProgram(home, ['doctor'], {env: without('if (process.send) process.abort()')});
	expect(code).toBe(1);
	expect(stdout).toMatch(/^vramble cannot run here\.[\s\S]*\n- llama\.cpp /);
});

test('on a terminal: its size and what it can, and nothing of the questions to it', async () => {
	await using program = openProgram(home, ['doctor'], {columns: 80, rows: 40});
	const screen = await program.waitForText('Speeds', patience);
	expect(screen).toMatch(/^vramble can run here, on the CPU\.\n/);
	expect(screen).toMatch(/\nTerminal {4}80 x 40, 16 million colours, UTF-8,( bracketed paste,)?\s+TERM=xterm-256color/);
	expect(await program.exited).toEqual({exitCode: 0, signal: undefined});
});
