import {existsSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {createEngineStore, type EngineStore} from '../../source/engine/engine-store.ts';
import {createLlamaEngine} from '../../source/engine/llama-engine.ts';
import type {Answer, AnswerEvent, Engine, GpuChoice, ModelFacts, Sampling, WantedSettings} from '../../source/engine/types.ts';
import {checkModelFile} from '../../source/models/model-file.ts';
import {wantedAuto} from '../support/fake-engine.ts';

export const guidePath = join(import.meta.dirname, '../../models/guide.gguf');

/** SmolLM2 where it was fetched (`../shared/models/fetch.sh`). */
export const smolPath = [
	process.env.VRAMBLE_TEST_MODEL,
	join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'vramble-test-models/SmolLM2-135M-Instruct-Q4_1.gguf'),
].find((path): path is string => path !== undefined && existsSync(path));

export const greedy: Sampling = {temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05};
export const nobody = {system: undefined, messages: []};

export const factsOf = async (path: string): Promise<ModelFacts> => (await checkModelFile(path)).facts;

/** Small: what is tested does not depend on the size. */
export const wanted: WantedSettings = {...wantedAuto, gpuLayers: 0, contextSize: 1024, batchSize: 128};

/** The real engine, and what it was told to do. */
export const createRecordedEngine = () => {
	const calls: string[] = [];
	const real = createLlamaEngine();
	const engine = Object.fromEntries(
		Object.entries(real).map(([verb, run]) => [
			verb,
			(...args: never[]) => {
				if (verb !== 'memory') calls.push(verb);
				return (run as (...args: never[]) => unknown)(...args);
			},
		]),
	) as Engine;
	return {engine, calls};
};

export type Ask = (prompt: string, options?: {readonly maxTokens?: number; readonly signal?: AbortSignal}) => Promise<Answer>;

/** Its conversation goes on from question to question. */
export const askerOf =
	(engine: Engine): Ask =>
	(prompt, {maxTokens = 64, signal} = {}) =>
		engine.answer({prompt, sampling: greedy, maxTokens}, {signal});

/** The same through the store; `events` are the last answer's. */
export const askStore = async (store: EngineStore, prompt: string, maxTokens = 64) => {
	const events: AnswerEvent[] = [];
	const answer = await store.answer({prompt, sampling: greedy, maxTokens}, event => events.push(event));
	return {...answer, events};
};

export const createRecordedStore = (folder: string, gpu: GpuChoice) => {
	const {engine, calls} = createRecordedEngine();
	let files = 0;
	const store = createEngineStore({
		engine,
		gpu,
		temporaryFile() {
			files++;
			const path = join(folder, `state-${files}.bin`);
			return {path, remove: () => rm(path, {force: true})};
		},
	});
	return {store, engine, calls};
};
