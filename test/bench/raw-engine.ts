/**
A process of its own: node-llama-cpp and nothing else, with the settings that vramble runs with. Prints one line of JSON.

@usage node test/bench/raw-engine.ts '{"model": …, "prompt": …, "maxTokens": …, "settings": …}'
*/
import {getLlama, LlamaChatSession, LlamaLogLevel} from 'node-llama-cpp';
import type {Settings} from '../../source/engine/types.ts';

export type RawRequest = {readonly model: string; readonly prompt: string; readonly maxTokens: number; readonly settings: Settings};

const {model: modelPath, prompt, maxTokens, settings} = JSON.parse(process.argv[2] ?? '') as RawRequest;
const kvType = (type: string) => type.toUpperCase() as 'F16';
const flashAttention = settings.flashAttention === 'auto' ? 'auto' : settings.flashAttention === 'on';

const llama = await getLlama({build: 'never', progressLogs: false, maxThreads: 0, logLevel: LlamaLogLevel.error, logger() {}});
const model = await llama.loadModel({modelPath, gpuLayers: settings.gpuLayers, defaultContextFlashAttention: flashAttention});
const context = await model.createContext({
	contextSize: settings.contextSize,
	batchSize: settings.batchSize,
	threads: {ideal: settings.threads, min: settings.threads},
	flashAttention,
	experimentalKvCacheKeyType: kvType(settings.cacheTypeK),
	experimentalKvCacheValueType: kvType(settings.cacheTypeV),
});
const session = new LlamaChatSession({contextSequence: context.getSequence()});
session.setChatHistory([]);

let tokens = 0;
let firstAt = 0;
let lastAt = 0;
const startedAt = performance.now();
await session.prompt(prompt, {
	temperature: 0,
	repeatPenalty: false,
	maxTokens,
	onResponseChunk(chunk) {
		lastAt = performance.now();
		if (tokens === 0) firstAt = lastAt;
		tokens += chunk.tokens.length;
	},
});
console.log(JSON.stringify({tokens, firstTokenMs: firstAt - startedAt, tokensPerSecond: ((tokens - 1) / (lastAt - firstAt)) * 1000}));
await context.dispose();
await model.dispose();
await llama.dispose();
