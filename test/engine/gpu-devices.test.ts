import {expect, test} from 'vitest';
import {chosenDevices, chosenMemory, type DeviceChoice, isDeviceChoice} from '../../source/engine/gpu-devices.ts';
import type {GpuDevice} from '../../source/engine/types.ts';
import {gib} from '../support/fake-engine.ts';

const card = (name: string, total: number, free = total, isIntegrated = false): GpuDevice => ({
	name,
	description: `a card of ${total} GiB`,
	isIntegrated,
	totalBytes: total * gib,
	freeBytes: free * gib,
});

const there = [card('CUDA0', 24, 20), card('CUDA1', 8, 8), card('Vulkan9', 16, 16, true)];

test('the usual settings choose nothing', () => {
	expect([{}, {splitMode: 'layer', mainGpu: 0}].map(choice => isDeviceChoice(choice as DeviceChoice))).toEqual([false, false]);
	const choices: readonly DeviceChoice[] = [{device: 'CUDA0'}, {splitMode: 'none'}, {mainGpu: 1}, {tensorSplit: '1,1'}];
	expect(choices.map(isDeviceChoice)).toEqual([true, true, true, true]);
});

test('the devices are those that llama.cpp would take', () => {
	const chosen = (choice: DeviceChoice, devices = there) => chosenDevices(choice, devices).map(({name}) => name);
	expect(chosen({})).toEqual(['CUDA0', 'CUDA1']);
	expect(chosen({device: 'Vulkan9,CUDA1'})).toEqual(['Vulkan9', 'CUDA1']);
	expect(chosen({splitMode: 'none'})).toEqual(['CUDA0']);
	expect(chosen({splitMode: 'none', mainGpu: 1})).toEqual(['CUDA1']);
	expect(chosen({device: 'CUDA1,CUDA0', splitMode: 'none', mainGpu: 1})).toEqual(['CUDA0']);
	expect(chosen({mainGpu: 1})).toEqual(['CUDA0', 'CUDA1']);
	expect(chosen({tensorSplit: '1'})).toEqual(['CUDA0', 'CUDA1']);
	expect(chosen({}, there.slice(2))).toEqual(['Vulkan9']);
});

test('what is not there is refused, with what is', () => {
	for (const [choice, message] of [
		[{device: 'CUDA0,CUDA2'}, 'There is no device CUDA2 for --device.'],
		[{splitMode: 'none', mainGpu: 2}, 'There is no device 2 for --main-gpu.'],
		[{tensorSplit: '1,x'}, '--tensor-split takes one share for each device, such as 3,1.'],
		[{splitMode: 'none', mainGpu: -1}, 'There is no device -1 for --main-gpu.'],
		[{tensorSplit: '1,1,1'}, '--tensor-split has more shares (3) than there are devices (2).'],
	] as const) {
		const refusal = {code: 'unsupported', message, advice: expect.stringMatching(/^There are CUDA0 \(a card of 24 GiB\), CUDA1 \(/)};
		expect(() => chosenDevices(choice, there)).toThrow(expect.objectContaining(refusal));
	}

	expect(() => chosenDevices({device: 'CUDA0'}, [])).toThrow(expect.objectContaining({code: 'unsupported', advice: 'There is none.'}));
	expect(chosenDevices({splitMode: 'none', mainGpu: 1, tensorSplit: '3,1'}, [])).toEqual([]);
});

test('their memory is what can be filled in the shares', () => {
	const memory = (choice: DeviceChoice) => {
		const {totalBytes, usedBytes, devices, isUnified} = chosenMemory(choice, there) ?? {totalBytes: 0, usedBytes: 0};
		return [totalBytes / gib, Math.round((100 * usedBytes) / gib), devices, isUnified];
	};
	expect(memory({device: 'CUDA0,CUDA1'})).toEqual([32, 400, 2, false]);
	expect(memory({splitMode: 'none', mainGpu: 1})).toEqual([8, 0, 1, false]);
	expect(memory({device: 'Vulkan9'})).toEqual([16, 0, 1, true]);
	expect(memory({tensorSplit: '3,1'})).toEqual([32, 533, 2, false]);
	expect(memory({tensorSplit: '1,1'})).toEqual([16, 0, 2, false]);
	expect(memory({tensorSplit: '0,1'})).toEqual([8, 0, 1, false]);
	expect(memory({tensorSplit: '1'})).toEqual([24, 400, 1, false]);
	expect(memory({tensorSplit: '0,1', splitMode: 'none'})).toEqual([24, 400, 1, false]);
	expect(chosenMemory({splitMode: 'layer'}, [])).toBeUndefined();
});
