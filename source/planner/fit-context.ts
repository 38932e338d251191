import {EngineError, isAborted} from '../engine/engine-errors.js';
import type {Settings, WantedSettings} from '../engine/types.js';
import type {Fit, PlanFor} from './fit.js';
import {isWorse, ramMarginBytes, vramMarginBytes} from './memory.js';
import {contextSizes, contextStep, wantedContext} from './settings.js';
import type {Machine, Memory, Plan, Verdict} from './types.js';

export type LargestContext = Fit & {
	/** The engine could not make one of that many tokens, and nobody knows what it would take. */
	readonly refused: number | undefined;
};

export const smallestContext = (trainedContext = contextStep): number => Math.min(contextStep, trainedContext);
const searched: readonly number[] = [contextStep, ...contextSizes];

type Wishes = {readonly settings: Settings; readonly machine: Machine; readonly largest: number};

/**
What a context may take. A budget is used up. Of a margin nothing is taken, but of that of the VRAM where even the smallest context does, of that of the RAM where the
context that is wanted first does; a larger one than that is not worth it. Where the weights page with any context, they may.
*/
const roomFor = (smallest: Plan, wanted: Plan, {vram, ram}: Machine) => {
	const best = (side: Memory | undefined): Verdict => (side?.budgetBytes === undefined ? 'fits' : 'tight');
	const keepsVram = !isWorse(smallest.vramVerdict, best(vram));
	const keepsRam = !isWorse(wanted.ramVerdict, best(ram));
	const worst: {readonly vram: Verdict; readonly ram: Verdict} = {
		vram: keepsVram ? best(vram) : 'tight',
		ram: smallest.ramVerdict === 'paging' ? 'paging' : keepsRam ? best(ram) : 'tight',
	};
	const margin = {
		vram: vram && worst.vram === 'fits' ? vramMarginBytes(vram) : 0,
		ram: ram && worst.ram === 'fits' ? ramMarginBytes(ram) : 0,
	};
	const fitsVram = ({vramVerdict}: Plan): boolean => !isWorse(vramVerdict, worst.vram);
	return {
		keepsVram,
		mayGrow: keepsVram && keepsRam,
		fitsVram,
		isFit: (plan: Plan): boolean => fitsVram(plan) && !isWorse(plan.ramVerdict, worst.ram),
		/** Below 0: it does not fit. */
		leftBytes: ({vramLeftBytes: onVram = Number.POSITIVE_INFINITY, ramLeftBytes: inRam = Number.POSITIVE_INFINITY}: Plan): number =>
			Math.min(onVram - margin.vram, worst.ram === 'paging' ? Number.POSITIVE_INFINITY : inRam - margin.ram),
	};
};

type Bounds = {readonly fitting: Plan; readonly over: Plan};

/** Memory grows almost in proportion to the context, so that two questions are the rule; where that misleads, by halves. */
const mostGuesses = 4;

/** Between a context that fits and one that does not, until nothing is between them that llama.cpp would make. */
const narrowed = async (
	wide: Bounds,
	planAt: (contextSize: number) => Promise<Plan>,
	{isFit, leftBytes}: ReturnType<typeof roomFor>,
): Promise<Bounds> => {
	let {fitting, over} = wide;
	for (let asked = 0; ; asked++) {
		const [low, high] = [fitting.settings.contextSize, over.settings.contextSize];
		const [least, most] = [Math.floor(low / contextStep) + 1, Math.ceil(high / contextStep) - 1];
		if (least > most) return {fitting, over};
		const [left, missing] = [leftBytes(fitting), -leftBytes(over)];
		const isGuessed = asked < mostGuesses && missing > 0 && Number.isFinite(left);
		const guess = low + (high - low) * (isGuessed ? left / (left + missing) : 0.5);
		const plan = await planAt(contextStep * Math.min(most, Math.max(least, Math.floor(guess / contextStep))));
		if (isFit(plan)) fitting = plan;
		else over = plan;
	}
};

/** The largest context with the layers as they are; undefined: none fits. It does not push weights out of RAM that would stay there with a smaller one. */
const fitContext = async ({settings, machine, largest}: Wishes, planFor: PlanFor): Promise<Fit | undefined> => {
	const {contextSize} = settings;
	const least = contextSize < contextStep ? [contextSize] : [];
	const wantedSize = Math.min(largest, Math.max(contextSize, wantedContext('usual', largest)));
	const sizes = [...new Set([...least, ...searched, wantedSize, largest])].filter(size => size <= largest).sort((a, b) => a - b);
	const planAt = (size = largest) => planFor({...settings, contextSize: size});
	const smallest = await planAt(sizes[0]);
	if (smallest.verdict === 'does not fit') return undefined;
	const wanted = sizes[0] === wantedSize ? smallest : await planAt(wantedSize);
	const room = roomFor(smallest, wanted, machine);
	const isWantedFit = room.isFit(wanted);
	if (isWantedFit && !room.mayGrow && wantedSize < largest) {
		const limit = room.keepsVram ? 'RAM' : 'VRAM';
		return {plan: wanted, bindingLimit: {limit, next: wantedSize + contextStep, missingBytes: 0}};
	}

	let fitting = isWantedFit ? wanted : smallest;
	let over = isWantedFit ? undefined : wanted;
	let [low, high] = isWantedFit ? [sizes.indexOf(wantedSize), sizes.length] : [0, sizes.indexOf(wantedSize)];
	while (high - low > 1) {
		const middle = Math.floor((low + high) / 2);
		const plan = await planAt(sizes[middle]);
		if (room.isFit(plan)) [low, fitting] = [middle, plan];
		else [high, over] = [middle, plan];
	}

	if (!over) return {plan: fitting, bindingLimit: undefined};
	// Each question about a buffer that the device does not give can end a process.
	if (!over.isCacheTooLarge) ({fitting, over} = await narrowed({fitting, over}, planAt, room));
	const isVram = !room.fitsVram(over);
	const {vramLeftBytes = 0, ramLeftBytes = 0, ramMissingBytes} = over;
	const missingBytes = isVram ? Math.max(0, -vramLeftBytes) : ramMissingBytes || Math.max(0, -ramLeftBytes);
	return {plan: fitting, bindingLimit: {limit: isVram ? 'VRAM' : 'RAM', next: over.settings.contextSize, missingBytes}};
};

/** Whether the context is chosen by what fits: where that was asked for, and where nobody asked for the one that does not fit. */
export const isContextOpen = (wanted: WantedSettings['contextSize'], {verdict}: Plan): boolean =>
	wanted === 'auto' || (wanted === 'usual' && verdict === 'does not fit');

/**
The largest context with the layers of a plan; undefined: not even the smallest one fits.

Devices have limits for a single buffer, which the engine only runs into: what it cannot answer about, and all that is larger, counts as too large.
*/
export const largestContext = async (
	{settings}: Plan,
	trainedContext: number | undefined,
	machine: Machine,
	planFor: PlanFor,
): Promise<LargestContext | undefined> => {
	let largest: number | undefined = trainedContext ?? contextSizes.at(-1);
	let refused: number | undefined;
	const ask: PlanFor = async tried => {
		try {
			return await planFor(tried);
		} catch (error) {
			if (error instanceof EngineError && !isAborted(error)) refused = tried.contextSize;
			throw error;
		}
	};

	while (largest !== undefined) {
		const before = refused;
		try {
			const fit = await fitContext({settings, machine, largest}, ask);
			return fit && {...fit, refused: fit.bindingLimit ? undefined : refused};
		} catch (error) {
			if (refused === undefined || refused === before) throw error;
			const limit: number = refused;
			largest = searched.findLast(size => size < limit);
		}
	}

	return undefined;
};
