import type {Settings} from '../engine/types.js';
import {count, memory, rate} from '../lib/format.js';
import type {BindingLimit} from './fit.js';
import {limitBytes} from './memory.js';
import {isBeyondTraining, type Limits} from './settings.js';
import type {Advice, Memory, Plan, Verdict} from './types.js';

export type PlanText = {readonly verdict: Verdict; readonly head: string; readonly rest: string; readonly speed: string};

const marks = {fits: 'fits', tight: 'tight', 'does not fit': 'does not fit', paging: 'will page'} as const;

const leftOf = (bytes: number | undefined, of: string): string | undefined => {
	if (bytes === undefined) return undefined;
	return bytes < 0 ? `${memory(-bytes)} over ${of}` : `${memory(bytes)} of ${of} left`;
};

const vramName = (vram: Memory | undefined): string => {
	if (vram?.budgetBytes === undefined) return 'VRAM';
	const budget = memory(vram.budgetBytes);
	return limitBytes(vram) < vram.budgetBytes ? `VRAM (budget ${budget})` : `${budget} budget`;
};

/** What a plan comes to, in the words of the tuner's last line. `approximately` stands before what was not asked of the engine. */
export const planText = (plan: Plan, vram: Memory | undefined, approximately: string): PlanText => {
	const isRam = plan.ramVerdict === plan.verdict && plan.vramVerdict !== plan.verdict;
	const left = isRam || plan.vramLeftBytes === undefined ? leftOf(plan.ramLeftBytes, 'RAM') : leftOf(plan.vramLeftBytes, vramName(vram));
	return {
		verdict: plan.verdict,
		head: `${plan.exact ? '' : `${approximately} `}${marks[plan.verdict]}`,
		rest: left === undefined ? '' : `, ${left}`,
		speed: plan.tokensPerSecond === undefined ? '' : `${approximately} ${rate(plan.tokensPerSecond)} tok/s`,
	};
};

/** Why a fit stopped where it did: "VRAM binds: layer 13 needs 0.4 GiB more". */
const bindingText = ({limit, next, missingBytes}: BindingLimit): string =>
	missingBytes > 0
		? `${limit} binds: layer ${count(next)} needs ${memory(missingBytes)} more`
		: `${limit} binds: layer ${count(next)} leaves too little`;

/** A word beside the verdict; short, for a line of 60 cells. */
export const remarkText = (settings: Settings, limits: Limits | undefined, binding: BindingLimit | 'no GPU' | undefined): string => {
	if (binding === 'no GPU') return 'no VRAM: there is no GPU';
	if (limits && isBeyondTraining(settings, limits)) return `trained for ${count(limits.trainedContext)} tokens`;
	return binding ? bindingText(binding) : '';
};

/** A piece of advice with its computed effect. */
export const adviceText = ({text, freesVramBytes, moreLayers, tokensPerSecond}: Advice, approximately = '≈'): string => {
	const effects = [
		freesVramBytes !== undefined && freesVramBytes > 0 && `frees ${memory(freesVramBytes)} of VRAM`,
		moreLayers !== undefined && moreLayers > 0 && `${count(moreLayers)} more ${moreLayers === 1 ? 'layer' : 'layers'} on the GPU`,
		tokensPerSecond !== undefined && `${approximately} ${rate(tokensPerSecond)} tok/s`,
	].filter(Boolean);
	return effects.length > 0 ? `${text}: ${effects.join(', ')}` : text;
};
