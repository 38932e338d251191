import {GgmlType} from 'node-llama-cpp';
import {EngineError} from './engine-errors.js';
import {ggmlType} from './llama-words.js';
import type {NativeModule} from './native-hooks.js';
import type {Call, Engine, Kernel, KernelSpeed} from './types.js';

const kinds = {weights: 0, experts: 1, attention: 2, cached: 3} as const;

const probe = async (native: NativeModule, kernel: Kernel, threads: number): Promise<KernelSpeed | undefined> => {
	const isAttention = kernel.kind === 'attention';
	const name = isAttention ? ggmlType(kernel.type) : kernel.type;
	const type: unknown = GgmlType[name as keyof typeof GgmlType];
	if (typeof type !== 'number') return undefined;
	const heads = isAttention ? ([kernel.headSize, kernel.headsPerKvHead] as const) : ([0, 0] as const);
	try {
		const [token, prompt, allToken, allPrompt] = await native.probeKernel(kinds[kernel.kind], type, ...heads, threads);
		return {one: {token: 1 / token, prompt: 1 / prompt}, all: {token: 1 / allToken, prompt: 1 / allPrompt}};
	} catch {
		return undefined;
	}
};

/** One after the other: together they would share the RAM. */
export const measureKernels = async (
	native: NativeModule | undefined,
	{kernels, threads}: Parameters<Engine['measureKernels']>[0],
	{signal}: Call,
) => {
	const speeds: Array<KernelSpeed | undefined> = [];
	for (const kernel of kernels) {
		if (signal?.aborted) throw new EngineError('aborted', 'Stopped.');
		speeds.push(native && (await probe(native, kernel, threads)));
	}

	return speeds;
};
