import {EngineError} from './engine-errors.js';
import type {DeviceMemory, GpuDevice, WantedSettings} from './types.js';

/** Which devices layers go to, and in what shares. */
export type DeviceChoice = Pick<WantedSettings, 'device' | 'splitMode' | 'mainGpu' | 'tensorSplit'>;

export const sharesOf = ({tensorSplit}: DeviceChoice): readonly number[] => tensorSplit?.split(/[,/]+/).map(Number) ?? [];

/** Their sum stays a number that llama.cpp can divide by. */
export const largestShare = 1e6;

export const isDeviceChoice = ({device, splitMode, mainGpu, tensorSplit}: DeviceChoice): boolean =>
	device !== undefined || (splitMode ?? 'layer') !== 'layer' || (mainGpu ?? 0) !== 0 || tensorSplit !== undefined;

const refuse = (message: string, there: readonly GpuDevice[]): never => {
	const names = there.map(({name, description}) => `${name} (${description})`);
	throw new EngineError('unsupported', message, {advice: `There ${names.length > 1 ? 'are' : 'is'} ${names.join(', ') || 'none'}.`});
};

/**
The devices that llama.cpp then uses (`llama_prepare_model_devices` in llama.cpp v0.5.0).

@throws EngineError where one is not there: llama.cpp would refuse the load, but not say why to a dry run
*/
export const chosenDevices = (choice: DeviceChoice, there: readonly GpuDevice[]): readonly GpuDevice[] => {
	const cards = there.filter(({isIntegrated}) => !isIntegrated);
	const usual = cards.length > 0 ? cards : there;
	const listed =
		choice.device
			?.split(',')
			.map(name => there.find(device => device.name === name) ?? refuse(`There is no device ${name} for --device.`, there)) ?? usual;
	if (listed.length === 0) return [];
	const shares = sharesOf(choice);
	if (shares.length > listed.length)
		refuse(`--tensor-split has more shares (${shares.length}) than there are devices (${listed.length}).`, listed);
	if (!shares.every(share => share >= 0 && share <= largestShare))
		refuse('--tensor-split takes one share for each device, such as 3,1.', listed);
	if (choice.splitMode !== 'none') return listed;
	const main = choice.mainGpu ?? 0;
	return [listed[main] ?? refuse(`There is no device ${main} for --main-gpu.`, listed)];
};

/** What can be filled in the shares that were chosen: with 1,1 twice what the smaller device has. */
export const chosenMemory = (choice: DeviceChoice, there: readonly GpuDevice[]): DeviceMemory | undefined => {
	const devices = chosenDevices(choice, there);
	if (devices.length === 0) return undefined;
	const shares = choice.splitMode === 'none' ? [] : sharesOf(choice);
	const sum = shares.reduce((total, share) => total + share, 0);
	const fill = (bytes: (device: GpuDevice) => number) => {
		const all = devices.reduce((total, device) => total + bytes(device), 0);
		if (sum === 0) return all;
		return Math.floor(Math.min(all, ...devices.map((device, index) => (bytes(device) * sum) / (shares[index] ?? 0))));
	};
	const totalBytes = fill(device => device.totalBytes);
	return {
		totalBytes,
		usedBytes: Math.max(0, totalBytes - fill(device => device.freeBytes)),
		devices: sum === 0 ? devices.length : devices.filter((_, index) => (shares[index] ?? 0) > 0).length,
		isUnified: devices.every(({isIntegrated}) => isIntegrated),
	};
};
