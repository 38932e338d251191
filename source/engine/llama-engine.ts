import {
	type ChatHistoryItem,
	getModuleVersion,
	InsufficientMemoryError,
	type Llama,
	LlamaChatSession,
	type LlamaContext,
	type LlamaContextSequence,
	type LlamaModel,
} from 'node-llama-cpp';
import {usedBatchSize, wantedContext} from '../planner/settings.js';
import {deviceMemoryOf} from './device-memory.js';
import {EngineError} from './engine-errors.js';
import {chosenMemory, type DeviceChoice, isDeviceChoice} from './gpu-devices.js';
import {answer, replay, type Talk} from './llama-answer.js';
import {createChatFormats} from './llama-chat-format.js';
import {checkContext} from './llama-context-check.js';
import {createDraftModel} from './llama-draft-model.js';
import {type Drafter, drafterFor, draftingOff} from './llama-drafter.js';
import {createDryRuns} from './llama-dry-run.js';
import {measureKernels} from './llama-kernels.js';
import {createLlamaLog, memoryAdvice} from './llama-log.js';
import {measure} from './llama-measure.js';
import {type RunAhead, runAhead} from './llama-run-ahead.js';
import {noBackend, startLlama} from './llama-start.js';
import {createThreads} from './llama-threads.js';
import {flash, ggmlType, instructionSetsOf, must, toHistory} from './llama-words.js';
import {createPlacing, isAnyOnCpu, type NativeHooks} from './native-hooks.js';
import type {Backend, Engine, EngineMemory, Loaded, Settings} from './types.js';

/** The engine over node-llama-cpp. Make it where it may block: on a worker thread, or where there is no screen. */
export const createLlamaEngine = ({hasScreen = false}: {readonly hasScreen?: boolean} = {}): Engine => {
	const log = createLlamaLog();
	let llama: Llama | undefined;
	let hooks: NativeHooks = {off: 'llama.cpp is not loaded'};
	let hasGpu = false;
	let model: LlamaModel | undefined;
	let context: LlamaContext | undefined;
	let sequence: LlamaContextSequence | undefined;
	let session: LlamaChatSession | undefined;
	let drafter: Drafter | undefined;
	let ahead: RunAhead | undefined;
	let history: ChatHistoryItem[] = [];
	/** More than one llama.cpp may be loaded: where one has no device that works, node-llama-cpp tries the next. */
	const gpuDevices = () => {
		const prefix = String(llama?.gpu);
		return hooks.native?.devices().filter(({name}) => name.toLowerCase().startsWith(prefix)) ?? [];
	};
	const placed = createPlacing(() => hooks, gpuDevices);
	const chatFormatOf = createChatFormats();
	const threads = createThreads({hasScreen});
	const dryRuns = createDryRuns(log, placed, {areMany: hasScreen, hasGpu: () => hasGpu});
	const draft = createDraftModel(placed);

	const explain = (error: unknown, what: string, signal?: AbortSignal): EngineError => {
		if (error instanceof EngineError) return error;
		if (signal?.aborted) return new EngineError('aborted', 'Stopped.', {cause: error});
		const reason = log.reason({hasGpu});
		if (error instanceof InsufficientMemoryError) {
			return new EngineError('out-of-memory', what, {
				why: reason?.why ?? `${error.message}.`,
				advice: hasGpu ? memoryAdvice.gpu : memoryAdvice.cpu,
				cause: error,
			});
		}

		if (reason) return new EngineError(reason.code, what, {...reason, cause: error});
		const said = log.tail(3).join(' ');
		return new EngineError('failed', what, {why: said || (error instanceof Error ? error.message : String(error)), cause: error});
	};

	const memory = async ({settings = placed.last()}: {readonly settings?: DeviceChoice} = {}): Promise<EngineMemory> => {
		const running = must(llama, 'engine');
		const [own, vram] = await Promise.all([running.getLlamaMemoryUsage(), running.getVramState()]);
		return {
			vram:
				hooks.native && isDeviceChoice(settings)
					? chosenMemory(settings, gpuDevices())
					: deviceMemoryOf(vram, await running.getGpuDeviceNames()),
			ownVramBytes: own.gpuVram,
			ownRamBytes: own.cpuRam,
			ownRamWeightsBytes: model?.memoryUsage.ram,
		};
	};

	const freeContext = async () => {
		if (session) history = session.getChatHistory();
		session?.dispose();
		session = undefined;
		sequence = undefined;
		drafter = undefined;
		ahead = undefined;
		await draft.freeContext();
		await context?.dispose();
		context = undefined;
	};

	const freeModel = async () => {
		await freeContext();
		await draft.free();
		await model?.dispose();
		model = undefined;
	};

	const talk = (): Talk => ({
		model: must(model, 'model'),
		sequence: must(sequence, 'context'),
		chat: must(session, 'context'),
		drafter,
		ahead,
		threads,
	});

	return {
		async start({gpu}) {
			try {
				({llama, hooks} = await startLlama(gpu, log));
			} catch (error) {
				throw explain(error, 'llama.cpp could not be loaded.');
			}

			const names = await llama.getGpuDeviceNames();
			hasGpu = names.length > 0 && llama.gpu !== false;
			if (gpu !== 'auto' && gpu !== 'off' && !(hasGpu && llama.gpu === gpu)) throw noBackend(gpu, 'Its driver finds no GPU.');
			return {
				backend: hasGpu ? (llama.gpu as Backend) : 'cpu',
				names,
				hooksOff: hooks.off,
				autoThreads: threads.first(llama.cpuMathCores),
			};
		},

		async describe() {
			const {llamaCppRelease, cpuMathCores, systemInfo} = must(llama, 'engine');
			return {
				nodeLlamaCpp: await getModuleVersion(),
				llamaCpp: llamaCppRelease.release,
				mathCores: cpuMathCores,
				instructionSets: instructionSetsOf(systemInfo),
				devices: gpuDevices(),
			};
		},

		async loadModel({path, settings}, {signal, onEvent} = {}) {
			const running = must(llama, 'engine');
			log.clear();
			threads.forget();
			try {
				const load = () =>
					running.loadModel({
						modelPath: path,
						gpuLayers:
							settings.gpuLayers === 'auto'
								? {fitContext: {contextSize: wantedContext(settings.contextSize, undefined)}}
								: settings.gpuLayers,
						defaultContextFlashAttention: flash(settings),
						useMmap: settings.mmap,
						useMlock: settings.mlock,
						loadSignal: signal,
						onLoadProgress: progress => onEvent?.({progress}),
					});
				await draft.load(running, path, settings, signal);
				model = await placed(settings, () => dryRuns.load(path, settings, load));
			} catch (error) {
				const explained = explain(error, 'The model could not be loaded.', signal);
				await freeModel();
				throw explained;
			}
		},

		async createContext({settings}, {signal} = {}): Promise<Loaded> {
			const loaded = must(model, 'model');
			log.clear();
			const contextSize = wantedContext(settings.contextSize, loaded.trainContextSize);
			const isCpuUsed = !hasGpu || loaded.gpuLayers < loaded.fileInsights.totalLayers || isAnyOnCpu(settings);
			threads.begin(loaded.llama.cpuMathCores, settings.threads, isCpuUsed);
			try {
				const create = async () => {
					await checkContext(loaded, settings, {contextSize, log, hasGpu});
					return loaded.createContext({
						contextSize: typeof settings.contextSize === 'number' ? contextSize : {min: Math.min(512, contextSize), max: contextSize},
						batchSize: usedBatchSize({batchSize: settings.batchSize, contextSize}),
						threads: {ideal: threads.now(), min: threads.now()},
						flashAttention: flash(settings),
						experimentalKvCacheKeyType: ggmlType(settings.cacheTypeK),
						experimentalKvCacheValueType: ggmlType(settings.cacheTypeV),
						failedCreationRemedy: typeof settings.contextSize === 'number' ? false : {},
						createSignal: signal,
						// There is nobody to share a batch with: a token does not wait for the next turn of the event loop.
						batching: {dispatchSchedule: dispatch => dispatch()},
					});
				};

				context = await placed(settings, create);
				sequence = context.getSequence();
				session = new LlamaChatSession({contextSequence: sequence, chatWrapper: chatFormatOf(loaded)});
				session.setChatHistory(history);
				const got: Settings = {
					...settings,
					threads: threads.now(),
					gpuLayers: loaded.gpuLayers,
					draftGpuLayers: draft.gpuLayers(),
					cpuExpertLayers: settings.cpuExpertLayers === 'auto' ? 0 : settings.cpuExpertLayers,
					contextSize: context.contextSize,
					batchSize: context.batchSize,
				};
				const drafts = await draft.createContext(got, signal);
				drafter = drafterFor(sequence, got, drafts);
				ahead = drafter || sequence.needsCheckpoints || !hooks.native ? undefined : runAhead(hooks.native, sequence, threads);
				threads.rule(drafts ? [context, drafts.sequence.context] : [context]);
				return {settings: got, memory: await memory(), draftingOff: drafter ? undefined : draftingOff(got)};
			} catch (error) {
				await freeContext();
				throw explain(error, 'The context could not be created.', signal);
			}
		},

		setThreads: async ({threads: wanted}) => threads.set(wanted),
		freeContext,
		freeModel,

		async saveState({file}) {
			const target = must(sequence, 'context');
			const {fileSize} = await target.saveStateToFile(file);
			return {tokens: target.nextTokenIndex, sizeBytes: fileSize};
		},

		async restoreState({file}) {
			const target = must(sequence, 'context');
			try {
				await target.loadStateFromFile(file, {acceptRisk: true});
			} catch (error) {
				await target.clearHistory();
				throw explain(error, 'The evaluated state could not be restored.');
			}

			return {tokens: target.nextTokenIndex};
		},

		async replay(_request, call = {}) {
			try {
				return {tokens: await replay(talk(), call)};
			} catch (error) {
				throw explain(error, 'The conversation could not be evaluated again.', call.signal);
			}
		},

		async setConversation({system, messages}) {
			history = toHistory(system, messages);
			session?.setChatHistory(history);
		},

		async answer(request, call = {}) {
			log.clear();
			try {
				return await answer(talk(), request, call);
			} catch (error) {
				throw explain(error, 'The answer could not be generated.', call.signal);
			}
		},

		async measure(request, call = {}) {
			log.clear();
			try {
				return await measure(must(model, 'model'), must(sequence, 'context'), request, call);
			} catch (error) {
				throw explain(error, 'The speed could not be measured.', call.signal);
			}
		},

		measureKernels: async (request, call = {}) => measureKernels(hooks.native, request, call),
		memory,

		// Without a device llama.cpp counts layers on one that is not there.
		dryRun: async ({path, settings}) =>
			dryRuns.ask(must(llama, 'engine'), path, hasGpu ? settings : {...settings, gpuLayers: 0, draftGpuLayers: 0}),

		capVram: async ({bytes}) => must(llama, 'engine').setVramCap(bytes ?? null),

		async dispose() {
			await freeModel();
			await llama?.dispose();
			llama = undefined;
		},
	};
};
