import type {Size} from '../lib/size.js';
import type {Readings} from '../monitor/types.js';
import {usualOverheadMs} from '../planner/bandwidth-probe.js';
import {machineOf} from '../planner/machine.js';
import type {Machine, Memory, Speeds} from '../planner/types.js';
import {UsageError} from './flags.js';
import type {PlanOptions} from './options.js';

/** A machine to plan for. */
export type Target = {
	readonly machine: Machine;
	readonly speeds: Speeds | undefined;
	/** It is not the machine at hand. */
	readonly isElsewhere: boolean;
	/** Nor is its graphics card the one at hand: what the engine says of placing layers does not hold for it. */
	readonly hasOtherCard: boolean;
};

const fitsInto = (size: Size | undefined, memory: Memory | undefined): boolean =>
	size === undefined || (memory !== undefined && ('ratio' in size || size.bytes <= memory.totalBytes));

/** All of it is free: what others hold there cannot be known. */
const described = (name: string, size: Size | undefined, atHand: Memory | undefined): Memory | undefined => {
	if (size === undefined) return atHand;
	if ('bytes' in size) return {totalBytes: size.bytes, otherBytes: 0, budgetBytes: undefined};
	throw new UsageError(`--${name} takes a share only of what this machine has; of another one it takes a size, such as 12G.`);
};

const unknownSpeeds: Speeds = {gpuBytesPerSecond: undefined, cpuBytesPerSecond: undefined, overheadMs: usualOverheadMs};

/** Of another card nothing is known but what was given; RAM is taken for as fast as the one at hand where nothing was said. */
const speedsOf = (
	known: Speeds | undefined,
	{gpuBytesPerSecond, ramBytesPerSecond}: PlanOptions,
	{hasOtherCard, isSameCpu}: {readonly hasOtherCard: boolean; readonly isSameCpu: boolean},
): Speeds => {
	// What this CPU has taught says nothing of another one.
	const own = ramBytesPerSecond === undefined || isSameCpu ? known : undefined;
	const cpu = {...(own ?? unknownSpeeds), cpuBytesPerSecond: ramBytesPerSecond ?? own?.cpuBytesPerSecond};
	const gpu = hasOtherCard ? undefined : known;
	return {
		...cpu,
		gpuBytesPerSecond: gpuBytesPerSecond ?? gpu?.gpuBytesPerSecond,
		promptPerSecond: {
			gpu: gpuBytesPerSecond === undefined ? gpu?.promptPerSecond?.gpu : undefined,
			cpu: cpu.promptPerSecond?.cpu,
		},
		modelFactor: undefined,
		promptFactor: undefined,
	};
};

/**
One machine per `--vram`, or the one at hand.

A single size that this machine has is a budget on it, as on the screen. A larger one, several, or a bandwidth describe another machine; what they leave out
of it is as it is here. With threads that were given, or where only the RAM is another one, the CPU computes as fast as the one here; else it uses up what its
RAM gives.

@throws UsageError
*/
export const targetsOf = (
	readings: Readings,
	speeds: Speeds | undefined,
	options: PlanOptions,
	areThreadsGiven = false,
): readonly Target[] => {
	const here = machineOf(readings, {vram: undefined, ram: undefined});
	const {vram, ram, gpuBytesPerSecond, ramBytesPerSecond} = options;
	if (gpuBytesPerSecond !== undefined && vram.length === 0 && !here.vram) {
		throw new UsageError('--gpu-bandwidth is about a GPU, and there is none here: give its size with --vram, too.');
	}

	const hasSpeeds = gpuBytesPerSecond !== undefined || ramBytesPerSecond !== undefined;
	const isHere = vram.length <= 1 && !hasSpeeds && fitsInto(vram[0], here.vram) && fitsInto(ram, here.ram);
	if (isHere) return [{machine: machineOf(readings, {vram: vram[0], ram}), speeds, isElsewhere: false, hasOtherCard: false}];
	if (vram.length > 1 && vram.some(size => 'ratio' in size)) {
		throw new UsageError(
			'--vram takes one share, which is a budget on the card here; several are other cards, which need sizes, such as 12G,24G.',
		);
	}

	const isSameCpu = areThreadsGiven || (vram.length === 0 && gpuBytesPerSecond === undefined);
	const sizes = vram.length === 0 ? [undefined] : vram;
	return sizes.map(size => {
		const hasOtherCard = size !== undefined;
		const machine = {
			vram: described('vram', size, here.vram),
			ram: described('ram', ram, here.ram),
			isUnified: hasOtherCard ? false : here.isUnified,
		};
		return {machine, speeds: speedsOf(speeds, options, {hasOtherCard, isSameCpu}), isElsewhere: true, hasOtherCard};
	});
};
