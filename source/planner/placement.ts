import type {Settings} from '../engine/types.js';
import type {LayerSizes, ModelWeights} from './types.js';

/** Bytes of weights on either side, all of them or those that a token reads. */
export type Sides = {readonly gpu: number; readonly cpu: number};

/**
The first block on the GPU: the output layer goes first, then blocks from the last one down.

`i_gpu_start = max(n_layer + 1 - n_gpu_layers, 0)` in `load_tensors` of llama.cpp v0.5.0's `llama-model.cpp`, where the output is layer `n_layer`.
*/
export const firstGpuBlock = (gpuLayers: number, blocks: number): number => Math.max(blocks + 1 - Math.max(0, gpuLayers), 0);

export const isOutputOnGpu = (gpuLayers: number): boolean => gpuLayers > 0;

/** Blocks on the GPU, the output layer not counted. */
export const gpuBlocks = (gpuLayers: number, blocks: number): number => Math.max(0, blocks - firstGpuBlock(gpuLayers, blocks));

/** As many layers as `--n-cpu-moe` can be told to keep the experts of on the CPU; 0: there are none. */
export const mostCpuExperts = ({blocks}: LayerSizes): number => blocks.findLastIndex(({expertBytes}) => expertBytes > 0) + 1;

type Place = Pick<Settings, 'gpuLayers' | 'cpuExpertLayers'>;

/** Of the layers that `--n-cpu-moe` counts, those whose experts are on the GPU; `most` of a model are all of its layers. */
export const gpuExperts = ({gpuLayers, cpuExpertLayers}: Place, most: Place): number =>
	Math.max(0, most.cpuExpertLayers - Math.max(cpuExpertLayers, firstGpuBlock(gpuLayers, most.gpuLayers - 1)));

const sumSides = (
	place: Place,
	sizes: LayerSizes,
	ofBlock: (block: LayerSizes['blocks'][number]) => {shared: number; experts: number},
): Sides => {
	const start = firstGpuBlock(place.gpuLayers, sizes.blocks.length);
	let gpu = 0;
	let cpu = 0;
	for (const [index, block] of sizes.blocks.entries()) {
		const {shared, experts} = ofBlock(block);
		const isOnGpu = index >= start;
		// `--n-cpu-moe N` keeps the experts of the blocks 0 to N - 1 on the CPU (`common/arg.cpp`).
		const areExpertsOnGpu = isOnGpu && index >= place.cpuExpertLayers;
		gpu += (isOnGpu ? shared : 0) + (areExpertsOnGpu ? experts : 0);
		cpu += (isOnGpu ? 0 : shared) + (areExpertsOnGpu ? 0 : experts);
	}

	return {gpu, cpu};
};

/** Where the weights are. */
export const placedBytes = (place: Place, sizes: LayerSizes): Sides => {
	const blocks = sumSides(place, sizes, ({bytes, expertBytes}) => ({shared: bytes - expertBytes, experts: expertBytes}));
	return isOutputOnGpu(place.gpuLayers)
		? {gpu: blocks.gpu + sizes.outputBytes, cpu: blocks.cpu + sizes.inputBytes}
		: {gpu: blocks.gpu, cpu: blocks.cpu + sizes.inputBytes + sizes.outputBytes - (sizes.tiedBytes ?? 0)};
};

const toCpu = ({gpu, cpu}: Sides, bytes: number): Sides => ({gpu: gpu - bytes, cpu: cpu + bytes});

/**
What a token reads of shared weights and of the experts that work; of the input embeddings it is one row.

`untakenBytes`: of the weights placed on the GPU that are in RAM all the same. They are counted as experts first: all of a layer are one tensor, by far the largest.
*/
export const activeBytes = (
	place: Place,
	{sizes, activeExperts}: ModelWeights,
	untakenBytes = 0,
): {readonly shared: Sides; readonly experts: Sides} => {
	const blocks = sumSides(place, sizes, ({bytes, expertBytes}) => ({shared: bytes - expertBytes, experts: 0}));
	const isOnGpu = isOutputOnGpu(place.gpuLayers);
	const shared = {gpu: blocks.gpu + (isOnGpu ? sizes.outputBytes : 0), cpu: blocks.cpu + (isOnGpu ? 0 : sizes.outputBytes)};
	const experts = sumSides(place, sizes, ({expertBytes}) => ({shared: 0, experts: expertBytes}));
	const untakenExperts = Math.min(untakenBytes, experts.gpu);
	const {gpu, cpu} = toCpu(experts, untakenExperts);
	return {
		shared: toCpu(shared, Math.min(untakenBytes - untakenExperts, shared.gpu)),
		experts: {gpu: gpu * activeExperts, cpu: cpu * activeExperts},
	};
};
