import {count, memory, rate} from '../lib/format.js';
import type {BindingLimit} from './fit.js';
import type {Advice, Plan, Verdict} from './types.js';

export type PlanText = {readonly verdict: Verdict; readonly head: string; readonly rest: string; readonly speed: string};

const marks = {fits: 'fits', tight: 'tight', 'does not fit': 'does not fit', paging: 'will page'} as const;

const leftOf = (bytes: number | undefined, of: string): string | undefined => {
	if (bytes === undefined) return undefined;
	return bytes < 0 ? `${memory(-bytes)} too much for ${of}` : `${memory(bytes)} of ${of} left`;
};

/** What a plan comes to, in the words of the tuner's last line. `approximately` stands before what was not asked of the engine. */
export const planText = (plan: Plan, hasBudget: boolean, approximately: string): PlanText => {
	const isRam = plan.ramVerdict === plan.verdict && plan.vramVerdict !== plan.verdict;
	const vramName = hasBudget ? 'the VRAM budget' : 'VRAM';
	const left = isRam || plan.vramLeftBytes === undefined ? leftOf(plan.ramLeftBytes, 'RAM') : leftOf(plan.vramLeftBytes, vramName);
	return {
		verdict: plan.verdict,
		head: `${plan.exact ? '' : `${approximately} `}${marks[plan.verdict]}`,
		rest: left === undefined ? '' : `, ${left}`,
		speed: plan.tokensPerSecond === undefined ? '' : `${approximately} ${rate(plan.tokensPerSecond)} tok/s`,
	};
};

const ordinal = (value: number): string => {
	const ending = value % 100 >= 11 && value % 100 <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
	return `${count(value)}${ending}`;
};

/** Why a fit stopped where it did: "VRAM binds: the 13th layer needs 0.4 GiB more". */
export const bindingText = ({limit, next, missingBytes}: BindingLimit): string =>
	missingBytes > 0
		? `${limit} binds: the ${ordinal(next)} layer needs ${memory(missingBytes)} more`
		: `${limit} binds: the ${ordinal(next)} layer would leave too little free`;

/** A piece of advice with its computed effect. */
export const adviceText = ({text, freesVramBytes, moreLayers, tokensPerSecond}: Advice, approximately = '≈'): string => {
	const effects = [
		freesVramBytes !== undefined && freesVramBytes > 0 && `frees ${memory(freesVramBytes)} of VRAM`,
		moreLayers !== undefined && moreLayers > 0 && `${count(moreLayers)} more ${moreLayers === 1 ? 'layer' : 'layers'} on the GPU`,
		tokensPerSecond !== undefined && `${approximately} ${rate(tokensPerSecond)} tok/s`,
	].filter(Boolean);
	return effects.length > 0 ? `${text}: ${effects.join(', ')}` : text;
};
