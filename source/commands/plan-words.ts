import {memory, rate} from '../lib/format.js';
import {contextBindingText, layersText} from '../planner/plan-words.js';
import type {Memory, Plan, Verdict} from '../planner/types.js';
import type {Report} from './plan-report.js';

export const noGpu = 'There is no GPU that llama.cpp can use here: all layers stay on the CPU.';

const backendNames = {cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal', cpu: 'CPU'};

const verdicts: Readonly<Record<Verdict, string>> = {
	fits: 'fits',
	tight: 'tight',
	'does not fit': 'does not fit',
	paging: 'will page',
};

/** The verdict, and on which side where something is short: "does not fit (VRAM)". */
export const verdictWords = ({verdict, vramVerdict}: Plan): string =>
	verdict === 'fits' ? verdicts.fits : `${verdicts[verdict]} (${vramVerdict === verdict ? 'VRAM' : 'RAM'})`;

/** Bytes; ≈ where they were not asked of the engine. */
export const bytesWords = (bytes: number, {exact}: Plan): string => `${exact ? '' : '≈ '}${memory(bytes)}`;

export const speedWords = ({tokensPerSecond}: {readonly tokensPerSecond: number | undefined}): string =>
	tokensPerSecond === undefined ? rate(undefined) : `≈ ${rate(tokensPerSecond)}`;

export const contextWords = ({largestContext, chosen}: Report): string => {
	const where = chosen.settings.gpuLayers === 0 ? 'without GPU layers' : `with ${layersText(chosen.settings.gpuLayers)}`;
	if (!largestContext) return `Not even the smallest context fits ${where}.`;
	return `Largest context ${where}: ${contextBindingText(largestContext)}.`;
};

const memoryWords = ({totalBytes, otherBytes, budgetBytes}: Memory): string => {
	const budget = budgetBytes === undefined ? '' : `, ${memory(budgetBytes)} of it for vramble`;
	return `${memory(totalBytes)}, ${memory(Math.max(0, totalBytes - otherBytes))} free${budget}`;
};

const speed = (bytesPerSecond: number | undefined): string =>
	bytesPerSecond === undefined ? '' : ` at ${Math.round(bytesPerSecond / 1e9)} GB/s`;

/** What is planned for. */
export const machineWords = ({target, device}: Report): readonly string[] => {
	const {machine, speeds, isElsewhere} = target;
	const {vram, ram, isUnified} = machine;
	if (isElsewhere) {
		const card = vram ? `${memory(vram.totalBytes)} of VRAM${speed(speeds?.gpuBytesPerSecond)}` : 'no GPU';
		const rest = ram ? `, ${memory(ram.totalBytes)} of RAM${speed(speeds?.cpuBytesPerSecond)}` : '';
		return [`Another machine: ${card}${rest}`];
	}

	return [
		vram
			? `VRAM ${memoryWords(vram)}  (${backendNames[device.backend]}, ${device.names.map(name => name.replace(/ \(.*\)$/, '')).join(' + ')})`
			: noGpu,
		...(ram ? [`RAM  ${memoryWords(ram)}${isUnified ? ' (VRAM is a part of it)' : ''}`] : []),
	];
};
