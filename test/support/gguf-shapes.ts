import {join} from 'node:path';
import {readGgufFileInfo} from 'node-llama-cpp';
import {f32, type GgufMetadata, type GgufShape, i32, type TensorShape} from './gguf-writer.ts';

type Vocabulary = {readonly metadata: GgufMetadata; readonly size: number};

/** The guide model's vocabulary and chat template; filled up with unused tokens where a shape needs more. */
export const guideVocabulary = async (): Promise<Vocabulary> => {
	const {metadata} = await readGgufFileInfo(join(import.meta.dirname, '../../models/guide.gguf'), {logWarnings: false});
	const {ggml, chat_template: chatTemplate} = metadata.tokenizer;
	return {
		size: ggml.tokens.length,
		metadata: {
			'tokenizer.ggml.model': ggml.model,
			'tokenizer.ggml.pre': ggml.pre ?? 'default',
			'tokenizer.ggml.tokens': ggml.tokens,
			'tokenizer.ggml.token_type': i32(ggml.token_type),
			'tokenizer.ggml.merges': ggml.merges ?? [],
			'tokenizer.ggml.bos_token_id': ggml.bos_token_id ?? 0,
			'tokenizer.ggml.eos_token_id': ggml.eos_token_id ?? 0,
			'tokenizer.ggml.padding_token_id': ggml.padding_token_id ?? 0,
			'tokenizer.ggml.add_bos_token': false,
			'tokenizer.chat_template': chatTemplate ?? '',
		},
	};
};

const unusedToken = 5;

export const enlarge = ({metadata, size}: Vocabulary, to: number): Vocabulary => {
	const more = Array.from({length: to - size}, (_, index) => `<|unused${size + index}|>`);
	const tokens = metadata['tokenizer.ggml.tokens'] as readonly string[];
	const types = metadata['tokenizer.ggml.token_type'] as {readonly value: readonly number[]};
	return {
		size: to,
		metadata: {
			...metadata,
			'tokenizer.ggml.tokens': [...tokens, ...more],
			'tokenizer.ggml.token_type': i32([...types.value, ...more.map(() => unusedToken)]),
		},
	};
};

type Size = {
	readonly blocks: number;
	/** `embedding_length`. */
	readonly width: number;
	readonly heads: number;
	readonly kvHeads: number;
	readonly headSize: number;
	readonly feedForward: number;
	readonly context: number;
};

const general = (architecture: string, name: string, fileType: number, size: Size, vocabulary: Vocabulary): GgufMetadata => ({
	'general.architecture': architecture,
	'general.name': name,
	'general.file_type': fileType,
	[`${architecture}.block_count`]: size.blocks,
	[`${architecture}.context_length`]: size.context,
	[`${architecture}.embedding_length`]: size.width,
	[`${architecture}.feed_forward_length`]: size.feedForward,
	[`${architecture}.attention.head_count`]: size.heads,
	[`${architecture}.attention.head_count_kv`]: size.kvHeads,
	[`${architecture}.attention.key_length`]: size.headSize,
	[`${architecture}.attention.value_length`]: size.headSize,
	[`${architecture}.attention.layer_norm_rms_epsilon`]: f32(1e-5),
	[`${architecture}.rope.dimension_count`]: size.headSize,
	[`${architecture}.rope.freq_base`]: f32(10_000),
	...vocabulary.metadata,
});

const tensor = (name: string, type: string, ...dimensions: readonly number[]): TensorShape => ({name, type, dimensions});

const embeddings = (type: string, {width}: Size, {size}: Vocabulary): TensorShape[] => [
	tensor('token_embd.weight', type, width, size),
	tensor('output_norm.weight', 'F32', width),
	tensor('output.weight', type, width, size),
];

const blocks = ({blocks: count}: Size, block: (index: number) => readonly TensorShape[]): TensorShape[] =>
	Array.from({length: count}, (_, index) => block(index).map(part => ({...part, name: `blk.${index}.${part.name}`}))).flat();

const attention = (type: string, {width, heads, kvHeads, headSize}: Size, valueType = type): TensorShape[] => [
	tensor('attn_norm.weight', 'F32', width),
	tensor('attn_q.weight', type, width, heads * headSize),
	tensor('attn_k.weight', type, width, kvHeads * headSize),
	tensor('attn_v.weight', valueType, width, kvHeads * headSize),
	tensor('attn_output.weight', type, heads * headSize, width),
];

const feedForward = (type: string, {width, feedForward: length}: Size, downType = type): TensorShape[] => [
	tensor('ffn_norm.weight', 'F32', width),
	tensor('ffn_gate.weight', type, width, length),
	tensor('ffn_up.weight', type, width, length),
	tensor('ffn_down.weight', downType, length, width),
];

const experts = (type: string, {width, feedForward: length}: Size, count: number): TensorShape[] => [
	tensor('ffn_gate_inp.weight', 'F32', width, count),
	tensor('ffn_gate_exps.weight', type, width, length, count),
	tensor('ffn_up_exps.weight', type, width, length, count),
	tensor('ffn_down_exps.weight', type, length, width, count),
];

const queryKeyNorms = ({headSize}: Size): TensorShape[] => [
	tensor('attn_q_norm.weight', 'F32', headSize),
	tensor('attn_k_norm.weight', 'F32', headSize),
];

const tiny: Size = {blocks: 4, width: 64, heads: 4, kvHeads: 2, headSize: 16, feedForward: 128, context: 2048};
const fileTypes: Readonly<Record<string, number>> = {F32: 0, F16: 1, Q4_0: 2, Q8_0: 7};

type Wishes = Partial<Size> & {readonly type?: 'F32' | 'F16' | 'Q4_0' | 'Q8_0'};

/** Loads and writes nonsense; 5 layers and 0.5 MB unless another size is wished for. */
export const tinyDense = (vocabulary: Vocabulary, {type = 'Q8_0', ...wishes}: Wishes = {}): GgufShape => {
	const size = {...tiny, ...wishes};
	return {
		metadata: general('llama', 'Tiny dense', fileTypes[type] ?? 0, size, vocabulary),
		tensors: [...embeddings(type, size, vocabulary), ...blocks(size, () => [...attention(type, size), ...feedForward(type, size)])],
	};
};

/** Half a billion weights in 24 layers, with a vocabulary of 64,000. */
export const dense500m = (vocabulary: Vocabulary, type: 'F16' | 'Q8_0'): GgufShape =>
	tinyDense(enlarge(vocabulary, 64_000), {type, blocks: 24, width: 1024, heads: 16, kvHeads: 8, headSize: 64, feedForward: 4096});

/** 8 layers with 16 experts of which 2 work; 8 MB. A `feedForward` of 2048 makes 110 MB. */
export const tinyExperts = (vocabulary: Vocabulary, {type = 'Q8_0', ...wishes}: Wishes = {}): GgufShape => {
	const size = {...tiny, blocks: 8, width: 128, headSize: 32, ...wishes};
	return {
		metadata: {
			...general('qwen3moe', 'Tiny experts', fileTypes[type] ?? 0, size, vocabulary),
			'qwen3moe.expert_count': 16,
			'qwen3moe.expert_used_count': 2,
			'qwen3moe.expert_feed_forward_length': size.feedForward,
		},
		tensors: [
			...embeddings(type, size, vocabulary),
			...blocks(size, () => [
				...attention(type, size),
				...queryKeyNorms(size),
				tensor('ffn_norm.weight', 'F32', size.width),
				...experts(type, size, 16),
			]),
		],
	};
};

/** 6 layers of which 5 see the last 128 tokens only. */
export const tinySlidingWindow = (vocabulary: Vocabulary, {type = 'Q8_0', ...wishes}: Wishes = {}): GgufShape => {
	const size = {...tiny, blocks: 6, ...wishes};
	return {
		metadata: {
			...general('gemma3', 'Tiny sliding window', fileTypes[type] ?? 0, size, vocabulary),
			'gemma3.attention.sliding_window': 128,
		},
		tensors: [
			...embeddings(type, size, vocabulary),
			...blocks(size, () => [
				...attention(type, size),
				...queryKeyNorms(size),
				tensor('post_attention_norm.weight', 'F32', size.width),
				...feedForward(type, size),
				tensor('post_ffw_norm.weight', 'F32', size.width),
			]),
		],
	};
};

/** 6 layers of which 2 attend to all that was said, and 4 keep the last `stateLength` - 1 tokens only, as a recurrent state. */
export const tinyHybrid = (
	vocabulary: Vocabulary,
	{type = 'Q8_0', stateLength = 3, ...wishes}: Wishes & {readonly stateLength?: number} = {},
): GgufShape => {
	const size = {...tiny, blocks: 6, width: 128, headSize: 32, ...wishes};
	const isRecurrent = (index: number) => index % 3 < 2;
	const shortConvolution = ({width}: Size): TensorShape[] => [
		tensor('attn_norm.weight', 'F32', width),
		tensor('shortconv.conv.weight', 'F32', stateLength, width),
		tensor('shortconv.in_proj.weight', type, width, 3 * width),
		tensor('shortconv.out_proj.weight', type, width, width),
	];
	return {
		metadata: {
			...general('lfm2', 'Tiny hybrid', fileTypes[type] ?? 0, size, vocabulary),
			'lfm2.attention.head_count_kv': i32(Array.from({length: size.blocks}, (_, index) => (isRecurrent(index) ? 0 : size.kvHeads))),
			'lfm2.shortconv.l_cache': stateLength,
		},
		tensors: [
			...embeddings(type, size, vocabulary).map(part =>
				part.name === 'output_norm.weight' ? {...part, name: 'token_embd_norm.weight'} : part,
			),
			...blocks(size, index => [
				...(isRecurrent(index) ? shortConvolution(size) : [...attention(type, size), ...queryKeyNorms(size)]),
				...feedForward(type, size),
			]),
		],
	};
};

/** To be written sparse: Llama 3 70B in Q4_K_M, 42.5 GB. */
export const llama70b = (vocabulary: Vocabulary): GgufShape => {
	const size = {blocks: 80, width: 8192, heads: 64, kvHeads: 8, headSize: 128, feedForward: 28_672, context: 131_072};
	const large = enlarge(vocabulary, 128_256);
	// Half of the blocks get more bits: `use_more_bits` in llama.cpp's `llama-quant.cpp`.
	const finer = (index: number) => (index < 10 || index >= 70 || (index - 10) % 3 === 2 ? 'Q6_K' : 'Q4_K');
	return {
		metadata: general('llama', 'Llama 70B', 15, size, large),
		tensors: [
			...embeddings('Q4_K', size, large).map(part => (part.name === 'output.weight' ? {...part, type: 'Q6_K'} : part)),
			...blocks(size, index => [...attention('Q4_K', size, 'Q5_K'), ...feedForward('Q4_K', size, finer(index))]),
		],
	};
};

/** To be written sparse: gpt-oss-120b, 36 layers with 128 experts of which 4 work, 63.4 GB. */
export const experts120b = (vocabulary: Vocabulary): GgufShape => {
	const size = {blocks: 36, width: 2880, heads: 64, kvHeads: 8, headSize: 64, feedForward: 2880, context: 131_072};
	const large = enlarge(vocabulary, 201_088);
	const bias = (name: string, ...dimensions: readonly number[]) => tensor(`${name}.bias`, 'F32', ...dimensions);
	return {
		metadata: {
			...general('gpt-oss', 'Experts 120B', 38, size, large),
			'gpt-oss.expert_count': 128,
			'gpt-oss.expert_used_count': 4,
			'gpt-oss.expert_feed_forward_length': size.feedForward,
			'gpt-oss.attention.sliding_window': 128,
			'gpt-oss.rope.scaling.type': 'yarn',
			'gpt-oss.rope.scaling.factor': f32(32),
			'gpt-oss.rope.scaling.original_context_length': 4096,
		},
		tensors: [
			...embeddings('Q8_0', size, large),
			...blocks(size, () => [
				...attention('Q8_0', size),
				tensor('attn_sinks.weight', 'F32', size.heads),
				tensor('post_attention_norm.weight', 'F32', size.width),
				...experts('MXFP4', size, 128),
				bias('attn_q', size.heads * size.headSize),
				bias('attn_k', size.kvHeads * size.headSize),
				bias('attn_v', size.kvHeads * size.headSize),
				bias('attn_output', size.width),
				bias('ffn_gate_inp', 128),
				bias('ffn_gate_exps', size.feedForward, 128),
				bias('ffn_up_exps', size.feedForward, 128),
				bias('ffn_down_exps', size.width, 128),
			]),
		],
	};
};
