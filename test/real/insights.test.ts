import {GgufInsights, getLlama, readGgufFileInfo} from 'node-llama-cpp';
import {afterAll, expect, test} from 'vitest';
import {freeKept, loadWith} from '../../source/engine/llama-insights.ts';
import {guidePath} from './engines.ts';

const warnings: string[] = [];
const llama = await getLlama({gpu: false, build: 'never', progressLogs: false, logger: (_level, text) => warnings.push(text)});
afterAll(() => llama.dispose());

const insightsOf = async () => GgufInsights.from(await readGgufFileInfo(guidePath), llama);
const load = () => llama.loadModel({modelPath: guidePath, gpuLayers: 0});

test('a model is loaded with the insights that are there', async () => {
	const insights = await insightsOf();
	const model = await loadWith(insights, load);
	expect(model.fileInsights).toBe(insights);
	await model.dispose();
});

test('a file that has changed gets insights of its own', async () => {
	const insights = await insightsOf();
	insights.ggufFileInfo.tensorInfo?.pop();
	const model = await loadWith(insights, load);
	expect(model.fileInsights).not.toBe(insights);
	await model.dispose();
});

test('insights can be asked on when what they kept is freed', async () => {
	const insights = await insightsOf();
	const ask = async (gpuLayers: number) => insights.estimateModelResourceRequirementsV2({gpuLayers, useMmap: true});
	await ask(0);
	await freeKept(insights);
	warnings.length = 0;
	await ask(1);
	expect(warnings.filter(text => text.includes('Falling back'))).toEqual([]);
});
