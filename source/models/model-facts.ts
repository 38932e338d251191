import {basename} from 'node:path';
import type {ModelFacts} from '../engine/types.js';
import {bytesByType} from '../planner/tensor-costs.js';
import type {LayerSizes, ModelWeights} from '../planner/types.js';
import type {GgufScalar, GgufTensor} from './gguf-header.js';
import {fileTypeNames} from './gguf-types.js';
import {printable} from './printable.js';

export type Metadata = ReadonlyMap<string, GgufScalar>;

/** `LLM_FFN_EXPS_REGEX` in llama.cpp's `common.h`: what `--n-cpu-moe` keeps on the CPU. */
const expertTensor = /\.ffn_(?:up|down|gate|gate_up)_(?:ch|)exps/;
/** `LLM_TENSOR_LAYER_INPUT` in llama.cpp's `llama-arch.cpp`. */
const inputTensor = /^(?:token_embd|position_embd|token_types|per_layer_token_embd)\./;

const blockOf = (tensor: GgufTensor): number | undefined => {
	const digits = /^blk\.(\d+)\./.exec(tensor.name)?.[1];
	return digits === undefined ? undefined : Number(digits);
};

const totalBytes = (tensors: readonly GgufTensor[]): number => tensors.reduce((total, {sizeBytes}) => total + sizeBytes, 0);

export const layerSizes = (tensors: readonly GgufTensor[]): LayerSizes => {
	const byBlock = Map.groupBy(tensors, blockOf);
	const outside = byBlock.get(undefined) ?? [];
	const input = outside.filter(({name}) => inputTensor.test(name));
	const output = outside.filter(({name}) => !inputTensor.test(name));
	// Without an output matrix llama.cpp copies the token embeddings for it.
	const tied = output.some(({name}) => name === 'output.weight') ? [] : input.filter(({name}) => name === 'token_embd.weight');
	const blockCount = Math.max(0, ...[...byBlock.keys()].map(block => (block ?? -1) + 1));
	return {
		inputBytes: totalBytes(input),
		blocks: Array.from({length: blockCount}, (_, index) => {
			const block = byBlock.get(index) ?? [];
			return {bytes: totalBytes(block), expertBytes: totalBytes(block.filter(({name}) => expertTensor.test(name)))};
		}),
		outputBytes: totalBytes(output) + totalBytes(tied),
		tiedBytes: totalBytes(tied),
	};
};

/** Types of what a token reads: of the input embeddings that is one row, unless they are the output matrix too. */
const typesOf = (tensors: readonly GgufTensor[]): NonNullable<ModelWeights['types']> => {
	const isTied = !tensors.some(({name}) => name === 'output.weight');
	const [experts, others] = [tensors.filter(({name}) => expertTensor.test(name)), tensors.filter(({name}) => !expertTensor.test(name))];
	const read = others.filter(({name}) => !inputTensor.test(name) || (isTied && name === 'token_embd.weight'));
	return {shared: bytesByType(read), experts: bytesByType(experts)};
};

/** Of all parts of a file; `sizeBytes` is theirs together. undefined: the file does not say how many blocks it has, or llama.cpp would not take as many. */
export const modelFacts = (path: string, sizeBytes: number, metadata: Metadata, tensors: readonly GgufTensor[]): ModelFacts | undefined => {
	const architecture = architectureOf(metadata);
	const blocks = positiveNumber(metadata.get(`${architecture}.block_count`));
	if (architecture === undefined || blocks === undefined || blocks > mostBlocks) return undefined;
	const quantization = fileTypeNames.get(Number(metadata.get('general.file_type') ?? -1)) ?? commonType(tensors);
	const sizes = layerSizes(tensors);
	const experts = positiveNumber(metadata.get(`${architecture}.expert_count`));
	const usedExperts = positiveNumber(metadata.get(`${architecture}.expert_used_count`));
	return {
		path,
		name: nameOfFile(path, quantization),
		architecture,
		quantization,
		sizeBytes,
		layers: blocks + 1,
		trainedContext: positiveNumber(metadata.get(`${architecture}.context_length`)),
		expertLayers: sizes.blocks.filter(({expertBytes}) => expertBytes > 0).length,
		weights: {
			sizes,
			types: typesOf(tensors),
			attention: attentionOf(architecture, metadata),
			activeExperts: experts && usedExperts ? Math.min(1, usedExperts / experts) : 1,
			parameters: tensors.reduce((total, {dimensions}) => total + dimensions.reduce((product, length) => product * length, 1), 0),
		},
	};
};

const attentionOf = (architecture: string, metadata: Metadata): ModelWeights['attention'] => {
	const [heads, width] = ['attention.head_count', 'embedding_length'].map(key => positiveNumber(metadata.get(`${architecture}.${key}`)));
	if (heads === undefined || width === undefined) return undefined;
	return {
		headsPerKvHead: heads / (positiveNumber(metadata.get(`${architecture}.attention.head_count_kv`)) ?? heads),
		headSize: positiveNumber(metadata.get(`${architecture}.attention.key_length`)) ?? width / heads,
	};
};

/** llama.cpp ends the process above it (`LLAMA_MAX_LAYERS` in `llama-hparams.h`). */
const mostBlocks = 512;

export const architectureOf = (metadata: Metadata): string | undefined => {
	const architecture = metadata.get('general.architecture');
	return typeof architecture === 'string' && printable(architecture) !== '' ? printable(architecture) : undefined;
};

const positiveNumber = (value: GgufScalar | undefined): number | undefined => (typeof value === 'number' && value > 0 ? value : undefined);

/** The file's name is what people know a model by; `general.name` is often what a training script called it. */
const nameOfFile = (path: string, quantization: string | undefined): string => {
	const name = printable(basename(path).replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, ''));
	const ending = `-${quantization}`.toLowerCase();
	return name.toLowerCase().endsWith(ending) ? name.slice(0, -ending.length) : name;
};

/** Of the type with most bytes, the name that llama.cpp gives a file whose type it has to guess. */
const commonType = (tensors: readonly GgufTensor[]): string | undefined => {
	const byType = [...Map.groupBy(tensors, ({type}) => type)].map(([type, those]) => ({type, bytes: totalBytes(those)}));
	const most = byType.sort((a, b) => b.bytes - a.bytes)[0]?.type;
	return most !== undefined && /^Q[345]_K$/.test(most) ? `${most}_M` : most;
};
