import type {Phase, Step} from '../engine/engine-state.js';
import {count, duration, percent} from '../lib/format.js';

/** The state in the title line, and whether it is calm, busy or bad. */
export type PhaseText = {readonly text: string; readonly tone: 'calm' | 'busy' | 'bad'};

const stepTexts: Record<Step, string> = {
	'llama.cpp': 'llama.cpp',
	measuring: 'measuring the CPU',
	fitting: 'fitting layers',
	saving: 'saving state',
	weights: 'weights',
	context: 'context',
	restoring: 'restoring state',
	evaluating: 'evaluating again',
};

/** So long a load may be silent. */
const silentMs = 3000;

/** `silentFor`: since the phase last changed, in ms. */
export const phaseText = (phase: Phase, approximately: string, silentFor = 0): PhaseText => {
	switch (phase.name) {
		case 'idle':
			return {text: 'no model', tone: 'calm'};
		case 'ready':
			return {text: 'ready', tone: 'calm'};
		case 'writing':
			return {text: 'writing', tone: 'busy'};
		case 'stopping':
			return {text: phase.isReload ? 'stopping the reload …' : 'stopping …', tone: 'busy'};
		case 'processing':
			return {text: phase.total > 0 ? `processing ${count(phase.done)}/${count(phase.total)}` : 'processing', tone: 'busy'};
		case 'loading':
		case 'reloading': {
			const left = phase.remainingMs !== undefined && phase.remainingMs > 1000 ? ` ${approximately} ${duration(phase.remainingMs)}` : '';
			const done = phase.progress === undefined ? '' : percent(phase.progress);
			const waited = left === '' && silentFor >= silentMs ? ` for ${duration(silentFor)}` : '';
			const isAlone = phase.step === 'evaluating' || phase.step === 'measuring';
			const words = [isAlone ? '' : phase.name, phase.step === 'weights' ? '' : stepTexts[phase.step], done];
			return {text: `${words.filter(Boolean).join(' ')}${left}${waited}`, tone: 'busy'};
		}

		case 'failed':
			return {text: 'failed', tone: 'bad'};
	}
};
