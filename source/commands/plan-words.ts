import type {Settings} from '../engine/types.js';
import {count, memory, rate} from '../lib/format.js';
import type {LargestContext} from '../planner/fit-context.js';
import {contextBindingText, withLayersText} from '../planner/plan-words.js';
import type {Refusal} from '../planner/refusal.js';
import type {Memory, Plan, Verdict} from '../planner/types.js';
import type {Report} from './plan-report.js';
import type {Target} from './plan-target.js';

export const noGpu = 'llama.cpp uses no GPU here: all layers stay on the CPU.';

const backendNames = {cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal', cpu: 'CPU'};

const verdicts: Readonly<Record<Verdict, string>> = {
	fits: 'fits',
	tight: 'tight',
	'does not fit': 'does not fit',
	paging: 'will page',
};

const sideOf = ({verdict, vramVerdict, ramVerdict}: Plan): string => {
	if (vramVerdict !== verdict) return 'RAM';
	return ramVerdict === 'does not fit' ? 'both' : 'VRAM';
};

/** The verdict, and on which side where something is short: "does not fit (VRAM)"; "does not fit, pages": VRAM is too small, and weights do not stay in RAM. */
export const verdictWords = (plan: Plan, refusal: Refusal | undefined): string => {
	const {verdict, ramVerdict} = plan;
	if (refusal) return `refused (${refusal})`;
	if (verdict === 'fits') return verdicts.fits;
	if (verdict === 'does not fit' && ramVerdict === 'paging') return `${verdicts[verdict]}, pages`;
	return `${verdicts[verdict]} (${sideOf(plan)})`;
};

/** The same for narrow tables. */
export const shortVerdictWords = (plan: Plan, refusal: Refusal | undefined): string =>
	verdictWords(plan, refusal)
		.replace(/^does not fit \((.*)\)$/, 'no: $1')
		.replace('does not fit', 'no')
		.replace('will page', 'pages')
		.replace(/ \(.*\)$/, '');

/** Bytes; ≈ where they were not asked of the engine. */
export const bytesWords = (bytes: number, {exact}: Plan): string => `${exact ? '' : '≈ '}${memory(bytes)}`;

export const speedWords = (perSecond: number | undefined): string => {
	const text = rate(perSecond);
	return perSecond === undefined || text.startsWith('<') ? text : `≈ ${text}`;
};

/** Of the largest context beside a plan: marked where the weights do not stay in RAM. */
export const largestContextWords = (largest: LargestContext | undefined): string =>
	`${count(largest?.plan.settings.contextSize)}${largest?.plan.ramVerdict === 'paging' ? ' (paging)' : ''}`;

export const contextWords = ({largestContext, chosen}: Report): string => {
	const {settings, vramVerdict, vramBytes} = chosen;
	const where = withLayersText(settings);
	if (!largestContext && settings.gpuLayers === 0 && vramVerdict === 'does not fit') {
		return `Without GPU layers llama.cpp still takes ${bytesWords(vramBytes, chosen)} of VRAM to read prompts; with --gpu off it takes none.`;
	}

	if (!largestContext) return `Not even the smallest context fits ${where}.`;
	return `Largest context ${where}: ${contextBindingText(largestContext)}.`;
};

const memoryWords = ({totalBytes, otherBytes, budgetBytes}: Memory): string => {
	const budget = budgetBytes === undefined ? '' : `, ${memory(budgetBytes)} of it for vramble`;
	return `${memory(totalBytes)}, ${memory(Math.max(0, totalBytes - otherBytes))} free${budget}`;
};

const speed = (bytesPerSecond: number | undefined): string =>
	bytesPerSecond === undefined ? '' : ` at ${Math.round(bytesPerSecond / 1e9)} GB/s`;

/** Where nobody said how much it is, what other programs take here is not free there. */
const ramWords = ({machine: {ram}, speeds}: Target): readonly string[] => {
	if (!ram) return [];
	const free = ram.otherBytes > 0 ? ` (${memory(Math.max(0, ram.totalBytes - ram.otherBytes))} free)` : '';
	return [`${memory(ram.totalBytes)} of RAM${free}${speed(speeds?.cpuBytesPerSecond)}`];
};

/** What several machines that differ in their cards have in common. */
export const machinesWords = ({target}: Report): string => {
	const vram = speed(target.speeds?.gpuBytesPerSecond);
	const common = [...(vram ? [`VRAM${vram}`] : []), ...ramWords(target)];
	return `Other machines, side by side${common.length > 0 ? `: ${common.join(', ')}` : ''}`;
};

/** What is planned for. */
export const machineWords = ({target, device}: Report): readonly string[] => {
	const {machine, speeds, isElsewhere} = target;
	const {vram, ram, isUnified} = machine;
	if (isElsewhere) {
		const card = vram ? `${memory(vram.totalBytes)} of VRAM${speed(speeds?.gpuBytesPerSecond)}` : 'no GPU';
		return [`Another machine: ${[card, ...ramWords(target)].join(', ')}`];
	}

	return [
		vram
			? `VRAM ${memoryWords(vram)}  (${backendNames[device.backend]}, ${device.names.map(name => name.replace(/ \(.*\)$/, '')).join(' + ')})`
			: noGpu,
		...(ram ? [`RAM  ${memoryWords(ram)}${isUnified ? ' (VRAM is a part of it)' : ''}`] : []),
	];
};

const weightsReason = ({settings: {mmap, mlock}, ramVerdict, breakdown}: Plan): string => {
	if (mlock) {
		return breakdown.vram.weights > 0
			? 'the system may not take them out of RAM again, so all of them must fit'
			: 'all of them must fit, but what the CPU wants in another layout is not locked';
	}

	if (!mmap) return 'nothing is read from the disk again, but all of them must fit';
	if (ramVerdict === 'paging') return 'copied, they would not fit into RAM at all';
	return breakdown.vram.weights > 0
		? 'nothing is copied, and the system may take back the RAM of what lies on the GPU'
		: 'nothing is copied but what the CPU wants in another layout, and the system may take back the rest';
};

const weightsHow = ({mmap, mlock}: Settings): string => {
	if (mlock) return 'copied into RAM and locked (--mlock)';
	return mmap ? 'mapped from the file (mmap)' : 'copied into RAM (--no-mmap)';
};

/** How the weights come into RAM, and why. */
export const weightsWords = (plan: Plan): string => `Weights ${weightsHow(plan.settings)}: ${weightsReason(plan)}.`;
