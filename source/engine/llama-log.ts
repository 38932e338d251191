import type {EngineErrorCode} from './engine-errors.js';
import type {MemorySplit} from './types.js';

export type Reason = {readonly code: EngineErrorCode; readonly why: string; readonly advice: string};

/** What takes less, by whether there is a GPU. */
export const memoryAdvice = {
	gpu: 'Use fewer GPU layers, a smaller context or a q8_0 KV cache.',
	cpu: 'Use a smaller context or a q8_0 KV cache.',
};

/** What llama.cpp writes when it gives up, and what a person should read instead. Phrases from llama.cpp v0.5.0's sources. */
const reasons: ReadonlyArray<readonly [RegExp, (match: RegExpMatchArray) => Reason]> = [
	[
		/unknown model architecture: '([^']*)'/,
		([, name]) => ({
			code: 'bad-model',
			why: `Its architecture "${name}" is not known to this version of llama.cpp.`,
			advice: 'Update vramble, or use another model.',
		}),
	],
	[
		/V cache quantization requires flash_?attn|quantized V cache (?:requires flash_attn|was requested)/i,
		() => ({
			code: 'unsupported',
			why: 'A quantized V cache needs flash attention.',
			advice: 'Set flash attention to on or auto, or the V cache to f16.',
		}),
	],
	[
		/unable to allocate (\S+) buffer|failed to allocate (?:\S+ )?buffer|ErrorOutOfDeviceMemory|cudaMalloc failed|out of memory|failed to allocate compute/i,
		() => ({
			code: 'out-of-memory',
			why: 'llama.cpp could not allocate the memory.',
			advice: memoryAdvice.gpu,
		}),
	],
	[
		/missing tensor '([^']*)'|check_tensor_dims: tensor '([^']*)' not found/,
		([, missing, name = missing]) => ({
			code: 'bad-model',
			why: `The tensor "${name}" is missing in the file.`,
			advice: 'Download the file again.',
		}),
	],
	[
		/(tensor '[^']*' data is not within the file bounds)/,
		([, what]) => ({code: 'bad-model', why: `The ${what}: it was cut off.`, advice: 'Download the file again.'}),
	],
	[
		/key not found in model: (\S+)/,
		([, key]) => ({code: 'bad-model', why: `The file lacks "${key}".`, advice: 'Use another file of this model.'}),
	],
	[
		/K cache type (\S+) with block size \d+ does not divide|V cache type (\S+) with block size/,
		([, k, v]) => ({
			code: 'unsupported',
			why: `The KV cache type ${k ?? v} does not fit this model's head size.`,
			advice: 'Use f16 for the KV cache.',
		}),
	],
];

/** Keeps llama.cpp's last words, so that a failure can be explained: its calls only say that they failed. */
export const createLlamaLog = () => {
	let lines: string[] = [];
	let fallbacks = 0;
	let buffers: {readonly compute?: MemorySplit; readonly recurrent?: MemorySplit} = {};
	return {
		/** Never throws and never prints: what it lets through would land on the screen. */
		logger(_level: string, message: string) {
			lines.push(message);
			if (lines.length > 200) lines = lines.slice(-100);
			if (message.includes('Falling back to estimation heuristic')) fallbacks++;
			const [, buffer, what, size] = message.match(/(\S+)\s+(compute|RS) buffer size =\s+([\d.]+) MiB/) ?? [];
			if (!buffer) return;
			const bytes = Number(size) * 1024 ** 2;
			const isHost = buffer === 'CPU' || buffer.endsWith('_Host');
			const kind = what === 'RS' ? 'recurrent' : 'compute';
			const {vramBytes, ramBytes} = buffers[kind] ?? {vramBytes: 0, ramBytes: 0};
			buffers = {...buffers, [kind]: {vramBytes: vramBytes + (isHost ? 0 : bytes), ramBytes: ramBytes + (isHost ? bytes : 0)}};
		},
		clear() {
			lines = [];
		},
		reason({hasGpu = true} = {}): Reason | undefined {
			const text = lines.join('\n');
			for (const [pattern, explain] of reasons) {
				const match = text.match(pattern);
				if (!match) continue;
				const reason = explain(match);
				return hasGpu || reason.advice !== memoryAdvice.gpu ? reason : {...reason, advice: memoryAdvice.cpu};
			}

			return undefined;
		},
		/** Compute buffers and recurrent state of a context; undefined: it has none, or llama.cpp did not say. */
		buffers: () => buffers,
		forgetBuffers() {
			buffers = {};
		},
		/** How often a dry run failed and a rough formula answered instead. */
		fallbacks: () => fallbacks,
		tail: (count: number) =>
			lines
				.slice(-count)
				.map(line => line.trim())
				.filter(Boolean),
	};
};

export type LlamaLog = ReturnType<typeof createLlamaLog>;
