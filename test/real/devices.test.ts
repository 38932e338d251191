import process from 'node:process';
import {afterAll, beforeAll, describe, expect, test, vi} from 'vitest';
import type {DeviceChoice} from '../../source/engine/gpu-devices.ts';
import {createLlamaLog} from '../../source/engine/llama-log.ts';
import {startLlama} from '../../source/engine/llama-start.ts';
import {createPlacing} from '../../source/engine/native-hooks.ts';
import {factsOf, guidePath} from './engines.ts';

vi.setConfig({testTimeout: 240_000, hookTimeout: 120_000});
// Mesa's lavapipe is two devices where it is named twice.
if (process.env.GGML_VK_VISIBLE_DEVICES === '0') process.env.GGML_VK_VISIBLE_DEVICES = '0,0';

const said: string[] = [];
const log = createLlamaLog();
const logger = (level: string, text: string) => {
	said.push(text);
	log.logger(level, text);
};
const started = await startLlama('vulkan', {...log, logger}).catch(() => undefined);
const names = (await started?.llama.getGpuDeviceNames()) ?? [];
const canChoose = names.length > 1 && started?.hooks.native !== undefined;
const reason = canChoose ? '' : ' (skipped: there are no two Vulkan devices, or the native hooks are off)';

afterAll(() => started?.llama.dispose());

describe.skipIf(!canChoose)(`several devices${reason}`, () => {
	let gpuLayers: number;

	beforeAll(async () => {
		({layers: gpuLayers} = await factsOf(guidePath));
	});

	/** MiB on each device, as llama.cpp tells them. */
	const weightsOn = async (choice: DeviceChoice) => {
		const {llama, hooks} = started ?? {};
		const placed = createPlacing(
			() => hooks ?? {off: ''},
			() => hooks?.native?.devices() ?? [],
		);
		said.length = 0;
		const model = await placed({cpuExpertLayers: 0, ...choice}, async () => llama?.loadModel({modelPath: guidePath, gpuLayers}));
		await model?.dispose();
		const sizes = () => said.join('\n').matchAll(/(Vulkan\d) model buffer size = +([\d.]+)/g);
		return vi.waitFor(() => {
			expect(said.join('\n')).toMatch(/Vulkan_Host model buffer size/);
			return Object.fromEntries([...sizes()].map(([, name, size]) => [name, Number(size)]));
		});
	};

	test('get the layers that were chosen for them', async () => {
		const half = await weightsOn({});
		const whole = {Vulkan1: (await weightsOn({splitMode: 'none'})).Vulkan0};
		expect((half.Vulkan0 ?? 0) / (half.Vulkan1 ?? 0)).toBeCloseTo(1, 0);
		expect((half.Vulkan0 ?? 0) + (half.Vulkan1 ?? 0)).toBeCloseTo(whole.Vulkan1 ?? 0, 1);
		expect(await weightsOn({splitMode: 'none', mainGpu: 1})).toEqual(whole);
		expect(await weightsOn({device: 'Vulkan1'})).toEqual(whole);
		expect(await weightsOn({tensorSplit: '0,1'})).toEqual(whole);
		const {Vulkan0 = 0, Vulkan1 = 0} = await weightsOn({tensorSplit: '3,1'});
		expect(Vulkan0 / Vulkan1).toBeGreaterThan(2);
		expect(await weightsOn({device: 'Vulkan1,Vulkan0', tensorSplit: '3,1'})).toEqual({Vulkan1: Vulkan0, Vulkan0: Vulkan1});
	});
});
