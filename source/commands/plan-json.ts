import type {BindingLimit} from '../planner/fit.js';
import {type Refusal, refusalOf} from '../planner/refusal.js';
import {usedBatchSize} from '../planner/settings.js';
import type {Advice, Breakdown, Memory, Plan} from '../planner/types.js';
import {type Report, recommendedOf} from './plan-report.js';

/** Scripts get `null` for what is not known: JSON leaves out `undefined`. */
const orNull = <T>(value: T | undefined): T | null => value ?? null;

const free = ({totalBytes, otherBytes}: Memory): number => Math.max(0, totalBytes - otherBytes);

const devicesOf = ({target: {machine, hasOtherCard}, device}: Report) =>
	machine.vram
		? [
				{
					name: hasOtherCard ? null : device.names.join(' + '),
					backend: hasOtherCard ? null : device.backend,
					totalBytes: machine.vram.totalBytes,
					freeBytes: free(machine.vram),
					budgetBytes: orNull(machine.vram.budgetBytes),
				},
			]
		: [];

const ramOf = (ram: Memory | undefined) => ({
	totalBytes: orNull(ram?.totalBytes),
	availableBytes: ram ? free(ram) : null,
	budgetBytes: orNull(ram?.budgetBytes),
});

/** The engine tells what its compute buffers are to 0.01 MiB. */
const wholeBytes = ({weights, cache, recurrent, compute, driver, draft}: Breakdown): Breakdown => ({
	weights: Math.round(weights),
	cache: Math.round(cache),
	recurrent: Math.round(recurrent),
	compute: Math.round(compute),
	driver: Math.round(driver),
	draft: Math.round(draft),
});

const planToJson = (
	{settings, vramBytes, ramBytes, breakdown, verdict, ...plan}: Plan,
	refusal: Refusal | undefined,
	recommended: boolean,
) => ({
	gpuLayers: settings.gpuLayers,
	cpuExpertLayers: settings.cpuExpertLayers,
	contextSize: settings.contextSize,
	cacheTypeK: settings.cacheTypeK,
	cacheTypeV: settings.cacheTypeV,
	batchSize: usedBatchSize(settings),
	vramBytes: Math.round(vramBytes),
	ramBytes: Math.round(ramBytes),
	breakdown: {vram: wholeBytes(breakdown.vram), ram: wholeBytes(breakdown.ram)},
	tokensPerSecond: orNull(plan.tokensPerSecond),
	promptTokensPerSecond: orNull(plan.promptTokensPerSecond),
	verdict: refusal ? 'does not fit' : verdict,
	refused: orNull(refusal),
	recommended,
});

const bindingToJson = (binding: BindingLimit | undefined) =>
	binding
		? {
				limit: binding.limit,
				...(binding.isOfExperts ? {nextGpuLayers: null, nextCpuExpertLayers: binding.next} : {nextGpuLayers: binding.next}),
				missingBytes: Math.round(binding.missingBytes),
			}
		: null;

const roundedOrNull = (bytes: number | undefined): number | null => (bytes === undefined ? null : Math.round(bytes));

const adviceToJson = ({text, settings, ...effect}: Advice) => ({
	text,
	freesVramBytes: roundedOrNull(effect.freesVramBytes),
	freesRamBytes: roundedOrNull(effect.freesRamBytes),
	moreLayers: orNull(effect.moreLayers),
	moreExpertLayers: orNull(effect.moreExpertLayers),
	contextSize: orNull(effect.contextSize),
	tokensPerSecond: orNull(effect.tokensPerSecond),
	verdict: orNull(effect.verdict),
	settings: orNull(settings),
});

/** What `--json` prints; scripts rely on it. Bytes, tokens per second; `null`: not known. */
export const planReportToJson = (report: Report) => {
	const {path, name, architecture, sizeBytes, layers, expertLayers, trainedContext} = report.model;
	const {kept} = report;
	return {
		schema: 1,
		exact: report.plans.every(({exact}) => exact),
		model: {path, name, architecture, sizeBytes, layers, expertLayers, trainedContext: orNull(trainedContext)},
		devices: devicesOf(report),
		ram: ramOf(report.target.machine.ram),
		plans: report.plans.map(plan => planToJson(plan, refusalOf(plan, report), plan === recommendedOf(report))),
		bindingLimit: bindingToJson(report.bindingLimit),
		largestContext: orNull(report.largestContext?.plan.settings.contextSize),
		kept: kept ? {...kept, tokensPerSecond: orNull(kept.tokensPerSecond), generatedTokens: orNull(kept.generatedTokens)} : null,
		advice: report.advice.map(adviceToJson),
	};
};
