import {count, memory, rate} from '../lib/format.js';
import type {BindingLimit} from '../planner/fit.js';
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

const ordinal = (value: number): string => {
	const ending = value % 100 >= 11 && value % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
	return `${count(value)}${ending}`;
};

const layers = (number: number): string => (number === 1 ? '1 layer' : `${number} layers`);

/** Why there are not more layers. */
export const bindingWords = ({settings, vramVerdict}: Plan, {limit, next, missingBytes}: BindingLimit): string => {
	if (limit === 'RAM') return `${limit} binds: ${memory(missingBytes)} more of it would be needed.`;
	if (vramVerdict === 'does not fit') return `${limit} binds: not even ${layers(settings.gpuLayers)} fit.`;
	return `${limit} binds: ${layers(settings.gpuLayers)}; the ${ordinal(next)} needs ${memory(missingBytes)} more.`;
};

export const contextWords = ({largestContext, chosen}: Report): string => {
	const where = chosen.settings.gpuLayers === 0 ? 'without GPU layers' : `with ${layers(chosen.settings.gpuLayers)}`;
	if (!largestContext) return `Not even the smallest context fits ${where}.`;
	const {plan, bindingLimit: binding, refused} = largestContext;
	const pages = plan.ramVerdict === 'paging' ? ' (paging)' : '';
	const most = `Largest context ${where}: ${count(plan.settings.contextSize)} tokens${pages}`;
	if (refused !== undefined) return `${most}; the device cannot hold ${count(refused)}.`;
	if (!binding) return `${most}, what the model was trained for.`;
	if (binding.missingBytes === 0) return `${most}; ${count(binding.next)} would leave too little ${binding.limit} free.`;
	return `${most}; ${count(binding.next)} need ${memory(binding.missingBytes)} more ${binding.limit}.`;
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
	const {vram, ram} = machine;
	if (isElsewhere) {
		const card = vram ? `${memory(vram.totalBytes)} of VRAM${speed(speeds?.gpuBytesPerSecond)}` : 'no GPU';
		const rest = ram ? `, ${memory(ram.totalBytes)} of RAM${speed(speeds?.cpuBytesPerSecond)}` : '';
		return [`Another machine: ${card}${rest}`];
	}

	return [
		vram
			? `VRAM ${memoryWords(vram)}  (${backendNames[device.backend]}, ${device.names.map(name => name.replace(/ \(.*\)$/, '')).join(' + ')})`
			: noGpu,
		...(ram ? [`RAM  ${memoryWords(ram)}`] : []),
	];
};
