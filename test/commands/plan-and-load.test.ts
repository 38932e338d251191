import {PassThrough} from 'node:stream';
import fc from 'fast-check';
import {expect, test} from 'vitest';
import {readArguments} from '../../source/commands/flags.js';
import {toOptions} from '../../source/commands/options.js';
import {plan} from '../../source/commands/plan.js';
import {createStatusLine} from '../../source/commands/status-line.js';
import type {Device, ModelFacts} from '../../source/engine/types.js';
import {createLoadPlanner} from '../../source/planner/load-planner.js';
import {cpuDevice, createFakeEngine, gib, gpuDevice} from '../support/fake-engine.js';
import {bigModel} from '../support/fake-services.js';

const long: ModelFacts = {...bigModel, trainedContext: 131_072};
const experts: ModelFacts = {
	...long,
	expertLayers: 80,
	weights: {
		...long.weights,
		sizes: {...long.weights.sizes, blocks: long.weights.sizes.blocks.map(({bytes}) => ({bytes, expertBytes: bytes * 0.9}))},
	},
};

type Chosen = {readonly gpuLayers: number; readonly cpuExpertLayers: number; readonly contextSize: number};
type Planned = Chosen & {readonly verdict: string; readonly recommended: boolean};

const models: Readonly<Record<string, ModelFacts>> = {short: bigModel, long, experts};

/** The plan of exactly these flags, or the recommended one of those (undefined: none fits), and what a load takes (undefined: it is refused). */
const both = async (argv: readonly string[], facts: ModelFacts, device: Device) => {
	const {given, positional} = readArguments(['plan', 'big.gguf', '--json', ...argv]);
	const options = toOptions(given, positional);
	const {engine} = createFakeEngine({
		device,
		memory: () => ({
			vram: device.backend === 'cpu' ? undefined : {totalBytes: 12 * gib, usedBytes: gib},
			ownVramBytes: 0,
			ownRamBytes: 0,
		}),
	});
	const probes = {
		ramAndSwap: async () => ({
			ram: {totalBytes: 48 * gib, usedBytes: 4 * gib, availableBytes: 44 * gib},
			swap: {totalBytes: 0, usedBytes: 0},
		}),
		processMemory: async () => ({residentBytes: 0, anonymousBytes: 0, fileBytes: 0}),
	};
	const [stdout, stderr] = [new PassThrough({encoding: 'utf8'}), new PassThrough({encoding: 'utf8'})];
	await plan(
		options,
		{facts, tensors: []},
		{
			...probes,
			engine,
			speeds: async () => undefined,
			measurements: async () => ({measured: [], kept: undefined}),
			driverBytes: async () => 0,
			mlockLimitBytes: async () => undefined,
			threads: 4,
			stdout,
			stderr,
			status: createStatusLine(stderr),
			signal: new AbortController().signal,
		},
	);
	const {plans} = JSON.parse(String(stdout.read()));
	const planned: Planned | undefined = plans.length === 1 ? plans[0] : plans.find(({recommended}: Planned) => recommended);

	const loads = createLoadPlanner({
		engine,
		probes,
		calibration: {file: {read: async () => undefined, write: async () => {}}, machine: {cpu: 'x', cores: 4, ramBytes: 48 * gib}},
		budgets: () => options.budgets,
		askCarefully: async (path, settings) => engine.dryRun({path, settings}),
		mlockLimitBytes: async () => undefined,
	});
	const settled = await loads.settle(facts, {wanted: options.wanted}, device, new AbortController().signal).catch(() => undefined);
	const settings = settled?.settings as Chosen | undefined;
	const most = device.backend === 'cpu' ? 0 : facts.layers;
	return {planned, loaded: settings && {...settings, gpuLayers: Math.min(settings.gpuLayers, most)}};
};

test('the same flags give the same settings in a plan and in a load', async () => {
	const flag = (name: string, values: readonly string[]) =>
		fc.option(fc.constantFrom(...values), {nil: undefined}).map(value => (value === undefined ? [] : [name, value]));
	await fc.assert(
		fc.asyncProperty(
			fc
				.tuple(
					flag('-ngl', ['0', '5', '30', 'all']),
					flag('-c', ['auto', '2048', '65536']),
					flag('--vram', ['1G', '6G', '90%']),
					flag('--ram', ['2G', '8G', '24G', '40G', '44G', '50%']),
					flag('-ncmoe', ['0', '20']),
					flag('-ctk', ['q8_0']),
					flag('-b', ['2048']),
				)
				.map(flags => flags.flat()),
			fc.constantFrom(...Object.keys(models)),
			fc.constantFrom(cpuDevice, gpuDevice),
			fc.boolean(),
			async (flags, model, device, isCopied) => {
				fc.pre(device !== cpuDevice || !flags.includes('--vram')); // describes another machine
				const {planned, loaded} = await both([...flags, ...(isCopied ? ['--no-mmap'] : [])], models[model] ?? bigModel, device);
				if (!loaded || !planned) {
					expect(planned?.verdict ?? 'does not fit').toBe('does not fit');
					return;
				}

				const {gpuLayers, cpuExpertLayers, contextSize} = planned;
				expect(loaded).toMatchObject({gpuLayers, cpuExpertLayers, contextSize});
			},
		),
		{numRuns: 150},
	);
});
