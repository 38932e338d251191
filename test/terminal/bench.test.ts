import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {afterAll, beforeAll, expect, test, vi} from 'vitest';
import {guidePath, type Home, leavingMs, makeHome, testTimeout} from './program.ts';
import {exitOf, runProgram, startProgram} from './run-program.ts';

vi.setConfig({testTimeout});

let home: Home;

beforeAll(() => {
	home = makeHome();
});

afterAll(() => home.remove());

const few = ['-p', '16', '-n', '4', '-r', '2', '-t', '1'];

test('vramble bench measures the guide model, and prints a table and nothing else', async () => {
	const {code, stdout, stderr} = await runProgram(home, ['bench', ...few, '-c', '512,1024']);
	expect({code, stderr}).toEqual({code: 0, stderr: ''});
	const lines = stdout.trimEnd().split('\n');
	expect(lines).toHaveLength(6);
	expect(lines[2]).toMatch(/^\| guide Q8_0 +\| +5\.50 MiB \| +5\.41 M \| CPU +\| +1 \| +512 \| +pp16 \| +[\d.]+ ± [\d.]+ \|$/);
	expect(lines[5]).toMatch(/\| +1024 \| +tg4 \| +[\d.]+ ± [\d.]+ \|$/);
});

test('JSON of a model that was named; what llama.cpp refuses is a row', async () => {
	const {code, stdout, stderr} = await runProgram(home, [
		'bench',
		guidePath,
		...few,
		'-n',
		'0',
		'-o',
		'json',
		'-fa',
		'off',
		'-ctv',
		'f16,q8_0',
	]);
	expect(code).toBe(0);
	expect(JSON.parse(stdout)).toMatchObject([
		{
			model_filename: guidePath,
			n_prompt: 16,
			type_v: 'f16',
			avg_ts: expect.any(Number),
			samples_ns: [expect.any(Number), expect.any(Number)],
		},
		{type_v: 'q8_0', avg_ts: null, error: expect.stringContaining('A quantized V cache needs flash attention.')},
	]);
	expect(stderr).toMatch(/^vramble: .*A quantized V cache needs flash attention/);
});

test('interrupted: 130, and what was measured is there', async () => {
	const child = startProgram(home, ['bench', '-p', '8', '-n', '2000', '-r', '1000', '-t', '1', '-o', 'json']);
	child.stdin?.end();
	let stdout = '';
	child.stdout?.on('data', chunk => {
		stdout += chunk;
	});
	while (!stdout.includes('samples_ts')) await once(child.stdout ?? child, 'data');
	const startedAt = performance.now();
	child.kill('SIGINT');
	expect(await exitOf(child)).toEqual({code: 130, signal: null});
	expect(performance.now() - startedAt).toBeLessThan(leavingMs);
	expect(JSON.parse(stdout)).toMatchObject([{n_prompt: 8}]);
});

test.skipIf(process.platform !== 'linux')('what ends llama.cpp is a row, and the next settings are measured', async () => {
	const child = startProgram(home, ['bench', '-p', '0', '-n', '100', '-r', '6', '-t', '1', '-c', '1024,2048']);
	child.stdin?.end();
	let stdout = '';
	child.stdout?.on('data', chunk => {
		stdout += chunk;
	});
	await once(child.stdout ?? child, 'data'); // the head of the table: now it begins to measure
	const [engine] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').split(' ');
	process.kill(Number(engine), 'SIGKILL');
	expect(await exitOf(child)).toEqual({code: 0, signal: null});
	expect(stdout).toMatch(/\| +1024 \| +tg100 \| +out of memory \|\n.*\| +2048 \| +tg100 \| +[\d.]+ ± [\d.]+ \|\n$/);
});

test('what --tune has found and kept is what the model is opened with, unless flags say otherwise', async () => {
	const tuned = await runProgram(home, ['bench', '--tune', '--yes', '-p', '0', '-n', '4', '-r', '1', '-t', '1', '-b', '64']);
	expect(tuned).toMatchObject({
		code: 0,
		stdout: expect.stringMatching(/\nFastest: --gpu-layers 0 --threads 1 --batch-size 64\n/),
	});
	const settings = async (args: readonly string[]) => {
		const {stdout} = await runProgram(home, [guidePath, '-p', 'hello', '-n', '1', '--json', ...args]);
		return JSON.parse(stdout).settings.batchSize as number;
	};
	expect(await settings([])).toBe(64);
	expect(await settings(['-c', '1024'])).toBe(512);
});

test('on a Vulkan device: layers are read again for each number of them', async context => {
	const software = {gpu: 'auto', env: {GGML_VK_VISIBLE_DEVICES: '0'}};
	const {code, stdout} = await runProgram(
		home,
		['bench', '-ngl', '0,all', '-c', '512', '-p', '4', '-n', '1', '-r', '1', '--json'],
		software,
	);
	const rows: ReadonlyArray<{readonly backends: string}> = JSON.parse(stdout);
	if (rows[0]?.backends === 'CPU') context.skip('llama.cpp sees no Vulkan device');
	expect(code).toBe(0);
	expect(rows).toMatchObject(
		[0, 13].flatMap(n_gpu_layers => [4, 0].map(n_prompt => ({backends: 'Vulkan', n_gpu_layers, n_prompt, avg_ts: expect.any(Number)}))),
	);
});

test('its own help, and its own words on wrong usage', async () => {
	const help = await runProgram(home, ['bench', '--help']);
	expect(help).toMatchObject({code: 0, stderr: '', stdout: expect.stringContaining('--repetitions N')});
	const usage = await runProgram(home, ['bench', '-p', 'hello']);
	expect(usage).toMatchObject({
		code: 2,
		stdout: '',
		stderr: expect.stringMatching(/^vramble: --n-prompt takes .*"hello"\.\nvramble bench --help/),
	});
});
