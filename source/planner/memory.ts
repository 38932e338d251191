import type {CacheType, DryRun, MemorySplit, Settings} from '../engine/types.js';
import {gpuBlocks, placedBytes} from './placement.js';
import {isImpossible, usedBatchSize} from './settings.js';
import {type Load, promptTokensPerSecond, tokensPerSecond} from './speed.js';
import type {Breakdown, Machine, Memory, ModelWeights, Plan, Speeds, Verdict} from './types.js';
import {untakenBytes} from './untaken.js';

const mib = 1024 ** 2;

/**
What should stay free on the device: a desktop's compositor and browsers come and go by some 200 MiB, drivers keep scratch memory that grows with the card,
and with less than this Windows and Linux drivers begin to move memory to RAM, which costs more than a layer gains. On each of several devices.
*/
export const vramMarginBytes = ({totalBytes, devices = 1}: Pick<Memory, 'totalBytes' | 'devices'>): number =>
	Math.max(devices * 256 * mib, 0.02 * totalBytes);

/** What should stay free in RAM: the kernel begins to drop file pages, mapped weights among them, before the last few percent are gone. */
export const ramMarginBytes = ({totalBytes}: Pick<Memory, 'totalBytes'>): number => 0.05 * totalBytes;

/** The most that vramble may take: the budget, and never what others hold. */
export const limitBytes = ({totalBytes, otherBytes, budgetBytes}: Memory): number =>
	Math.max(0, Math.min(budgetBytes ?? Number.POSITIVE_INFINITY, totalBytes - otherBytes));

const severity: readonly Verdict[] = ['fits', 'tight', 'paging', 'does not fit'];

export const isWorse = (a: Verdict, b: Verdict): boolean => severity.indexOf(a) > severity.indexOf(b);

export const worseOf = (a: Verdict, b: Verdict): Verdict => (isWorse(a, b) ? a : b);

export type PlanRequest = {
	readonly settings: Settings;
	readonly dryRun: DryRun;
	readonly weights: ModelWeights;
	readonly machine: Machine;
	readonly speeds: Speeds | undefined;
	/** What the driver takes on the device beyond llama.cpp's own numbers, once anything is there. */
	readonly driverBytes: number;
	/** Tokens in the context that the speed is predicted for; undefined: `usualFillTokens`. */
	readonly fillTokens?: number | undefined;
};

/** Bytes that must be there, and those that may be read from the file again. */
type Need = {readonly pinned: number; readonly mapped: number};

const verdictOn = ({pinned, mapped}: Need, memory: Memory | undefined, margin: (memory: Memory) => number) => {
	if (!memory) return {verdict: 'fits' as const, left: undefined, missing: 0};
	const limit = limitBytes(memory);
	const left = limit - pinned - mapped;
	// A budget is kept to the byte; the margin is for the device, which others use too.
	const free = memory.totalBytes - memory.otherBytes - pinned - mapped;
	const missing = Math.max(0, pinned - limit, pinned + mapped - (memory.budgetBytes ?? Number.POSITIVE_INFINITY));
	if (missing > 0) return {verdict: 'does not fit' as const, left, missing};
	if (left < 0) return {verdict: 'paging' as const, left, missing};
	return {verdict: free < margin(memory) ? ('tight' as const) : ('fits' as const), left, missing};
};

/** The engine tells what its compute buffers are to 0.01 MiB: what is left over within that is no cache, and nothing that is read for every token. */
const roundingBytes = 0.01 * mib;

/** A part of `whole`; all of it where no more than rounding is left. */
const rounded = (part: number, whole: number): number => (part > 0 && whole - part < roundingBytes ? whole : part);

const breakdownOf = (dryRun: DryRun, side: keyof MemorySplit, driver: number): Breakdown => {
	const context = dryRun.context[side];
	const said = dryRun.compute?.[side];
	const compute = said === undefined ? 0 : rounded(said, context);
	const recurrent = rounded(dryRun.recurrent?.[side] ?? 0, context - compute);
	const cache = context - compute - recurrent;
	return {weights: dryRun.weights[side], cache, recurrent, compute, driver, draft: dryRun.draft?.[side] ?? 0};
};

/** What decides on the speed besides settings and weights. */
export type Held = Required<Pick<Load, 'cache' | 'untakenBytes'>>;

export const heldOf = ({settings, breakdown: {vram, ram}}: Pick<Plan, 'settings' | 'breakdown'>, {sizes}: ModelWeights): Held => ({
	cache: {gpu: vram.cache + vram.recurrent, cpu: ram.cache + ram.recurrent},
	untakenBytes: untakenBytes(settings, vram.weights, sizes),
});

export const heldBy = (settings: Settings, dryRun: DryRun, weights: ModelWeights): Held => {
	const breakdown = {vram: breakdownOf(dryRun, 'vramBytes', 0), ram: breakdownOf(dryRun, 'ramBytes', 0)};
	return heldOf({settings, breakdown}, weights);
};

export const totalOf = ({weights, cache, recurrent, compute, driver, draft}: Breakdown): number =>
	weights + cache + recurrent + compute + driver + draft;

/**
What settings take of a machine, by the engine's dry run.

Where the engine did not say what its compute buffers are, they are counted under `cache`. The RAM verdict is `paging` where mapped weights do not stay in RAM,
but a budget counts them: the system takes them back when the machine runs out of RAM, not when we are over our share;
weights on the GPU leave page cache behind that the kernel takes back, which is not counted.
*/
export const planOf = ({settings, dryRun, weights, machine, speeds, driverBytes, fillTokens}: PlanRequest): Plan => {
	const isOnDevice = dryRun.weights.vramBytes + dryRun.context.vramBytes + (dryRun.draft?.vramBytes ?? 0) > 0;
	const vram = breakdownOf(dryRun, 'vramBytes', isOnDevice ? driverBytes : 0);
	const ram = breakdownOf(dryRun, 'ramBytes', 0);
	const isMapped = settings.mmap && !settings.mlock;
	const shared = machine.isUnified ? totalOf(vram) : 0;
	const ramNeed = isMapped
		? {pinned: totalOf(ram) - ram.weights + shared, mapped: ram.weights}
		: {pinned: totalOf(ram) + shared, mapped: 0};
	const roomOnVram = verdictOn({pinned: totalOf(vram), mapped: 0}, machine.vram, vramMarginBytes);
	const onVram = dryRun.isCacheTooLarge ? {...roomOnVram, verdict: 'does not fit' as const} : roomOnVram;
	const onRam = verdictOn(ramNeed, machine.ram, ramMarginBytes);
	const verdict = worseOf(onVram.verdict, onRam.verdict);
	const load = {settings, weights, ...heldOf({settings, breakdown: {vram, ram}}, weights), fillTokens};
	// While the disk is read for every token, bandwidths of memory say nothing.
	const known = onRam.verdict === 'paging' || isImpossible(settings) ? undefined : speeds;
	return {
		settings,
		exact: dryRun.exact,
		isRough: !dryRun.exact,
		isCacheTooLarge: dryRun.isCacheTooLarge,
		vramBytes: totalOf(vram),
		ramBytes: totalOf(ram),
		breakdown: {vram, ram},
		vramVerdict: onVram.verdict,
		ramVerdict: onRam.verdict,
		verdict,
		vramLeftBytes: onVram.left,
		ramLeftBytes: onRam.left,
		ramMissingBytes: onRam.missing,
		tokensPerSecond: known && tokensPerSecond(known, load),
		promptTokensPerSecond: known && promptTokensPerSecond(known, load),
	};
};

/** What the engine said of settings that are close by. */
export type Known = {readonly settings: Settings; readonly dryRun: DryRun};

/** Bits per element: block bytes over block elements in `ggml-common.h`. */
const cacheBits: Readonly<Record<CacheType, number>> = {
	f32: 32,
	f16: 16,
	bf16: 16,
	q8_0: 8.5,
	q5_1: 6,
	q5_0: 5.5,
	q4_1: 5,
	q4_0: 4.5,
	iq4_nl: 4.5,
};

export const cacheWeight = ({contextSize, cacheTypeK, cacheTypeV}: Pick<Settings, 'contextSize' | 'cacheTypeK' | 'cacheTypeV'>): number =>
	contextSize * (cacheBits[cacheTypeK] + cacheBits[cacheTypeV]);

/**
The dry run of settings as it would come out if memory went by tensor sizes alone: weights move with their blocks, cache and recurrent state with the share of blocks,
the cache in proportion to context and type, compute buffers with the batch. Good for the moment until the engine has answered.
*/
export const estimatedDryRun = (settings: Settings, weights: ModelWeights, known: Known): DryRun => {
	const {dryRun} = known;
	const before = placedBytes(known.settings, weights.sizes);
	const after = placedBytes(settings, weights.sizes);
	const blocks = Math.max(1, weights.sizes.blocks.length);
	const gpuShare = settings.kvOffload === false ? 0 : gpuBlocks(settings.gpuLayers, blocks) / blocks;
	const computeScale = usedBatchSize(settings) / usedBatchSize(known.settings);
	const compute = {
		vramBytes: Math.min(dryRun.context.vramBytes, dryRun.compute?.vramBytes ?? 0),
		ramBytes: Math.min(dryRun.context.ramBytes, dryRun.compute?.ramBytes ?? 0),
	};
	const recurrent = Math.round((dryRun.recurrent?.vramBytes ?? 0) + (dryRun.recurrent?.ramBytes ?? 0));
	const knownCache = Math.max(0, dryRun.context.vramBytes + dryRun.context.ramBytes - compute.vramBytes - compute.ramBytes - recurrent);
	const cache = knownCache * (cacheWeight(settings) / cacheWeight(known.settings));
	const scaled = {vramBytes: Math.round(compute.vramBytes * computeScale), ramBytes: Math.round(compute.ramBytes * computeScale)};
	const onGpu = Math.round(cache * gpuShare);
	const recurrentOnGpu = Math.round(recurrent * gpuShare);
	return {
		exact: false,
		weights: {
			vramBytes: Math.max(0, dryRun.weights.vramBytes + after.gpu - before.gpu),
			ramBytes: Math.max(0, dryRun.weights.ramBytes + after.cpu - before.cpu),
		},
		context: {
			vramBytes: onGpu + recurrentOnGpu + scaled.vramBytes,
			ramBytes: Math.round(cache) - onGpu + recurrent - recurrentOnGpu + scaled.ramBytes,
		},
		compute: dryRun.compute && scaled,
		...(dryRun.recurrent && {recurrent: {vramBytes: recurrentOnGpu, ramBytes: recurrent - recurrentOnGpu}}),
		draft: dryRun.draft,
	};
};

/** The same as `planOf` at once and without the engine: `exact` is false. */
export const estimateOf = ({known, ...request}: Omit<PlanRequest, 'dryRun'> & {readonly known: Known}): Plan => ({
	...planOf({...request, dryRun: estimatedDryRun(request.settings, request.weights, known)}),
	isRough: false,
});

/** The one to estimate from: exact ones first, then same cache types and batch, then by layers and context. */
export const nearestKnown = (settings: Settings, known: readonly Known[]): Known | undefined => {
	const distance = ({settings: other, dryRun}: Known): number =>
		(dryRun.exact ? 0 : 1e6) +
		(other.mmap === settings.mmap ? 0 : 1000) +
		(usedBatchSize(other) === usedBatchSize(settings) ? 0 : 100) +
		(cacheWeight(other) === cacheWeight(settings) ? 0 : 10 + Math.abs(Math.log2(cacheWeight(other) / cacheWeight(settings)))) +
		Math.abs(other.gpuLayers - settings.gpuLayers) +
		Math.abs(other.cpuExpertLayers - settings.cpuExpertLayers);
	return known.reduce<Known | undefined>((best, next) => (best && distance(best) <= distance(next) ? best : next), undefined);
};
