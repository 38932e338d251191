import {isDeepStrictEqual} from 'node:util';
import {type GgufFileInfo, GgufInsights} from 'node-llama-cpp';

const shapeOf = ({source, architectureMetadata, tensorInfo}: GgufFileInfo) => ({source, architectureMetadata, tensorInfo});

/**
Loads a model with insights that are there. node-llama-cpp 3.22.1 would make others, and have llama.cpp read the vocabulary two times more to answer what it has
answered: 40 MB with 49k tokens. A file that has changed since gets insights of its own.
*/
export const loadWith = async <Model>(insights: GgufInsights, load: () => Promise<Model>): Promise<Model> => {
	const {from} = GgufInsights;
	const shape = shapeOf(insights.ggufFileInfo);
	GgufInsights.from = async (info, llama) => (isDeepStrictEqual(shapeOf(info), shape) ? insights : from(info, llama));
	try {
		return await load();
	} finally {
		GgufInsights.from = from;
	}
};

/** Internals of node-llama-cpp; without them the garbage collector frees what they hold, later. */
type Kept = {
	readonly _simulationSession?: {dispose?(): Promise<void>};
	readonly _addonMetadata?: {dispose?(): void};
	_createSimulatorSession?(): unknown;
};

/** Frees what insights keep for the next question, which takes as much as the vocabulary; they can be asked on. */
export const freeKept = async (insights: GgufInsights): Promise<void> => {
	const kept = insights as Kept;
	const {_simulationSession: session, _addonMetadata: metadata} = kept;
	if (!kept._createSimulatorSession) return;
	Object.assign(insights, {_simulationSession: kept._createSimulatorSession(), _addonMetadata: undefined});
	await session?.dispose?.();
	metadata?.dispose?.();
};
