import {EngineError} from '../engine/engine-errors.js';
import type {DryRun, Settings} from '../engine/types.js';
import type {GgufTensor} from '../models/gguf-header.js';
import {estimatedDryRun} from '../planner/memory.js';
import type {AskDryRun, ModelWeights} from '../planner/types.js';
import {untakenBytes} from '../planner/untaken.js';

/**
Compute buffers on a GPU against those on the CPU for the same graph: 1.1 times as much with a dense 70B shape, 0.3 with a 120B mixture of experts, some 20 to 50 MiB
more with models of 6 to 2,000 MB (llama.cpp v0.5.0, Vulkan, 2,048 to 16,384 tokens of context, batch 512). Rather too much than too little.
*/
const computeFactor = 1.15;
const computeExtraBytes = 64 * 1024 ** 2;
/** Where the engine did not say what its compute buffers are. */
const usualComputeBytes = 300 * 1024 ** 2;

/** With a batch of 32 or more llama.cpp copies the weights that are on the CPU to the GPU, one tensor after the other (`offload_op` of its backends). */
const copiedBytes = (tensors: readonly GgufTensor[]): number =>
	tensors.reduce((largest, {name, sizeBytes}) => (name.startsWith('blk.') ? Math.max(largest, sizeBytes) : largest), 0);

type Model = {readonly weights: ModelWeights; readonly layers: number; readonly tensors: readonly GgufTensor[]};

/**
Dry runs for a graphics card that is not here. What a context takes in all is asked of the engine without any layer on a GPU; weights go by their sizes, the KV cache
by its share of blocks. Not exact: models whose blocks differ in their cache, and the compute buffers of that card.
*/
export const elsewhere =
	(ask: AskDryRun, {weights, layers, tensors}: Model): AskDryRun =>
	async settings => {
		const base: Settings = {...settings, gpuLayers: 0, cpuExpertLayers: 0, kvOffload: true};
		const dryRun = await ask(base);
		const computeBytes = dryRun.compute ? dryRun.compute.ramBytes * computeFactor + computeExtraBytes : usualComputeBytes;
		const isWhole = settings.gpuLayers >= layers && settings.cpuExpertLayers === 0;
		const vramBytes = Math.round(computeBytes + (isWhole ? 0 : copiedBytes(tensors)));
		const ramBytes = dryRun.compute?.ramBytes ?? 0;
		const cacheBytes = dryRun.context.ramBytes - ramBytes + Math.max(0, dryRun.context.vramBytes - (dryRun.compute?.vramBytes ?? 0));
		const known: DryRun = {
			exact: false,
			weights: {vramBytes: 0, ramBytes: dryRun.weights.ramBytes + dryRun.weights.vramBytes},
			context: {vramBytes, ramBytes: cacheBytes + ramBytes},
			compute: {vramBytes, ramBytes},
			recurrent: dryRun.recurrent,
			// Without a GPU the engine has all of it in RAM.
			draft:
				dryRun.draft &&
				(settings.draftGpuLayers === 0 ? dryRun.draft : {vramBytes: dryRun.draft.vramBytes + dryRun.draft.ramBytes, ramBytes: 0}),
		};
		return estimatedDryRun(settings, weights, {settings: base, dryRun: known});
	};

/** Where the device gives no buffer for the KV cache, as if it gave one: what is without any layer there, and the sizes of tensors. */
export const orTooLarge =
	(ask: AskDryRun, weights: ModelWeights): AskDryRun =>
	async settings => {
		try {
			return await ask(settings);
		} catch (error) {
			if (!(error instanceof EngineError) || error.code !== 'out-of-memory' || settings.gpuLayers === 0) throw error;
			const base = {...settings, gpuLayers: 0, cpuExpertLayers: 0};
			return {...estimatedDryRun(settings, weights, {settings: base, dryRun: await ask(base)}), isCacheTooLarge: true};
		}
	};

/** Whether the device at hand takes layers as any other card would, so that its dry run can speak for that one. */
export const takesAll = async (ask: AskDryRun, settings: Settings, {weights, layers}: Model): Promise<boolean> => {
	const all = {...settings, gpuLayers: layers, cpuExpertLayers: 0};
	return untakenBytes(all, (await ask(all)).weights.vramBytes, weights.sizes) === 0;
};
