import {expect, test} from 'vitest';
import {createLlamaLog} from '../../source/engine/llama-log.js';

const reasonOf = (...lines: string[]) => {
	const log = createLlamaLog();
	for (const line of ['llama_model_loader: loaded meta data', ...lines, 'llama_model_load_from_file_impl: failed to load model']) {
		log.logger('error', line);
	}

	return log.reason();
};

// Lines as llama.cpp writes them.
test.each([
	["error loading model architecture: unknown model architecture: 'quux'", 'bad-model', '"quux" is not known'],
	['llama_init_from_model: V cache quantization requires flash_attn', 'unsupported', 'needs flash attention'],
	['llama_init_from_model: quantized V cache was requested, but this requires Flash Attention', 'unsupported', 'needs flash attention'],
	['alloc_tensor_range: failed to allocate Vulkan0 buffer of size 12345', 'out-of-memory', 'could not allocate'],
	['llama_model_load: error loading model: unable to allocate CUDA0 buffer', 'out-of-memory', 'could not allocate'],
	['ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory', 'out-of-memory', 'could not allocate'],
	[
		'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900.00 MiB on device 0: cudaMalloc failed: out of memory',
		'out-of-memory',
		'alloc',
	],
	['graph_reserve: failed to allocate compute buffers', 'out-of-memory', 'could not allocate'],
	["llama_model_load: error loading model: missing tensor 'token_embd.weight'", 'bad-model', '"token_embd.weight" is missing'],
	[
		"llama_model_load: error loading model: check_tensor_dims: tensor 'blk.2.attn_k.weight' not found",
		'bad-model',
		'"blk.2.attn_k.weight" is missing',
	],
	[
		"error loading model: tensor 'blk.3.ffn_up.weight' data is not within the file bounds, model is corrupted",
		'bad-model',
		'it was cut off',
	],
	['error loading model hyperparameters: key not found in model: llama.context_length', 'bad-model', 'lacks "llama.context_length"'],
	['llama_init_from_model: K cache type q8_0 with block size 32 does not divide n_embd_head_k=80', 'unsupported', 'type q8_0 does not fit'],
	['llama_init_from_model: V cache type q4_0 with block size 32 does not divide n_embd_head_v=80', 'unsupported', 'type q4_0 does not fit'],
])('%s', (line, code, why) => {
	const reason = reasonOf(line);
	expect(reason).toMatchObject({code, why: expect.stringContaining(why)});
	expect(reason?.advice).toMatch(/^[A-Z].*\.$/);
});

test('without a GPU the advice is not about its layers', () => {
	const log = createLlamaLog();
	log.logger('error', 'out of memory');
	expect(log.reason()?.advice).toContain('GPU layers');
	expect(log.reason({hasGpu: false})?.advice).toBe('Use a smaller context or a q8_0 KV cache.');
});

test('what it does not know has no reason', () => {
	expect(reasonOf('something quite different')).toBeUndefined();
	expect(createLlamaLog().reason()).toBeUndefined();
});

test('what was forgotten is no reason for the next failure', () => {
	const log = createLlamaLog();
	log.logger('error', 'out of memory');
	log.clear();
	expect([log.reason(), log.tail(5)]).toEqual([undefined, []]);
});

test('compute buffers and recurrent state by side, until they are forgotten', () => {
	const log = createLlamaLog();
	for (const line of [
		'llama_kv_cache:        CPU KV buffer size =     0.00 MiB',
		'llama_memory_recurrent:        CPU RS buffer size =     0.50 MiB',
		'llama_memory_recurrent:    Vulkan0 RS buffer size =     1.25 MiB',
		'llama_memory_recurrent: size =    1.75 MiB (     1 cells,   6 layers,  1 seqs  0 rs_seq), R (f32):    1.75 MiB',
		'sched_reserve:    Vulkan0 compute buffer size =    21.00 MiB',
		'sched_reserve: Vulkan_Host compute buffer size =     4.50 MiB',
	]) {
		log.logger('info', line);
	}

	expect(log.buffers()).toEqual({
		recurrent: {vramBytes: 1.25 * 1024 ** 2, ramBytes: 0.5 * 1024 ** 2},
		compute: {vramBytes: 21 * 1024 ** 2, ramBytes: 4.5 * 1024 ** 2},
	});
	log.forgetBuffers();
	expect(log.buffers()).toEqual({});
});

test('the last words, without blank ones', () => {
	const log = createLlamaLog();
	for (const line of ['one', ' two \n', '', ' three']) log.logger('info', line);
	expect(log.tail(3)).toEqual(['two', 'three']);
});

test('however much llama.cpp writes, a little of it is kept', () => {
	const log = createLlamaLog();
	log.logger('error', 'out of memory');
	for (let line = 0; line < 10_000; line++) log.logger('info', `line ${line}`);
	expect(log.tail(20_000).length).toBeLessThanOrEqual(200);
	expect(log.tail(1)).toEqual(['line 9999']);
	expect(log.reason()).toBeUndefined();
});
