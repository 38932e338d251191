import type {EngineError} from '../../source/engine/engine-errors.js';
import type {ModelFacts, WantedSettings} from '../../source/engine/types.js';
import type {CalibrationFile} from '../../source/planner/calibration-store.js';
import type {Budgets} from '../../source/planner/machine.js';
import {createServices, type Services} from '../../source/services.js';
import {createFakeEngine, gib, wantedAuto} from './fake-engine.js';

export const bigModel: ModelFacts = {
	path: '/models/big-Q4_K_M.gguf',
	name: 'big',
	architecture: 'llama',
	quantization: 'Q4_K_M',
	sizeBytes: 42.5e9,
	layers: 81,
	trainedContext: 8192,
	expertLayers: 0,
	weights: {
		sizes: {inputBytes: 0.5e9, blocks: Array.from({length: 80}, () => ({bytes: 0.52e9, expertBytes: 0})), outputBytes: 0.5e9},
		activeExperts: 1,
		parameters: 70e9,
	},
};

type Options = {
	readonly fake?: ReturnType<typeof createFakeEngine>;
	readonly wanted?: WantedSettings;
	readonly models?: Readonly<Record<string, ModelFacts | EngineError>>;
	readonly budgets?: Budgets;
	readonly calibrationFile?: CalibrationFile;
	readonly usesKept?: boolean;
	/** The file of `vramble bench`. */
	readonly measurements?: string;
	readonly diskBytes?: () => number | undefined;
};

/** Real services over fake edges. */
export const createFakeServices = ({
	fake = createFakeEngine(),
	wanted = wantedAuto,
	models = {'/models/big-Q4_K_M.gguf': bigModel},
	budgets = {vram: undefined, ram: undefined},
	diskBytes = () => undefined,
	calibrationFile = {read: async () => undefined, write: async () => {}},
	usesKept = true,
	measurements,
}: Options = {}) => {
	const copied: string[] = [];
	const services: Services = createServices(
		{
			engine: fake.engine,
			askCarefully: async (path, settings) => fake.engine.dryRun({path, settings}),
			probes: {
				ramAndSwap: async () => ({
					ram: {totalBytes: 64 * gib, usedBytes: 20 * gib, availableBytes: 44 * gib},
					swap: {totalBytes: 8 * gib, usedBytes: 0},
				}),
				processMemory: async () => ({residentBytes: 2 * gib, anonymousBytes: gib, fileBytes: gib}),
			},
			async readModel(path) {
				const found = models[path];
				if (found instanceof Error) throw found;
				if (!found) throw new Error(`There is no ${path} here.`);
				return found;
			},
			findModels: async () =>
				Object.values(models)
					.filter((model): model is ModelFacts => !(model instanceof Error))
					.map(({path, name, sizeBytes}) => ({path, name, sizeBytes, note: undefined})),
			temporaryFile: () => ({path: '/nowhere/state.bin', remove: async () => {}}),
			copy: text => copied.push(text),
			diskBytes,
			threads: 8,
			calibration: {
				file: calibrationFile,
				machine: {cpu: 'Fake', cores: 8, ramBytes: 64 * gib},
				probe: async () => ({gpuBytesPerSecond: 360e9, cpuBytesPerSecond: 40e9, overheadMs: 1}),
			},
			measurements: {read: async () => measurements, write: async () => {}},
			mlockLimitBytes: async () => undefined,
		},
		{
			gpu: 'auto',
			wanted,
			budgets,
			usesKept,
			sampling: () => ({temperature: 0, seed: undefined, topK: 40, topP: 0.95, minP: 0.05}),
			system: undefined,
			maxTokens: undefined,
		},
	);
	return {services, fake, copied};
};
