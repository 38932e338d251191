import {expect, test} from 'vitest';
import type {Phase} from '../../source/engine/engine-state.js';
import {phaseText} from '../../source/ui/phase-text.js';

const work = {step: 'weights', progress: undefined, remainingMs: undefined} as const;
const failure = {code: 'failed', message: 'No.', why: undefined, advice: undefined} as const;

test.each<[Phase, string, string]>([
	[{name: 'idle'}, 'no model', 'calm'],
	[{name: 'ready'}, 'ready', 'calm'],
	[{name: 'writing'}, 'writing', 'busy'],
	[{name: 'processing', done: 0, total: 0}, 'processing', 'busy'],
	[{name: 'processing', done: 1024, total: 3900}, 'processing 1,024/3,900', 'busy'],
	[{name: 'loading', ...work, step: 'llama.cpp'}, 'loading llama.cpp', 'busy'],
	[{name: 'loading', ...work, step: 'context'}, 'loading context', 'busy'],
	[{name: 'loading', ...work, progress: 0}, 'loading 0 %', 'busy'],
	[{name: 'loading', ...work, progress: 0.43, remainingMs: 12_400}, 'loading 43 % ≈ 12 s', 'busy'],
	[{name: 'loading', ...work, progress: 0.99, remainingMs: 400}, 'loading 99 %', 'busy'],
	[{name: 'reloading', ...work, step: 'saving'}, 'reloading saving state', 'busy'],
	[{name: 'reloading', ...work, step: 'restoring'}, 'reloading restoring state', 'busy'],
	[{name: 'reloading', ...work, step: 'evaluating', progress: 0.5, remainingMs: 3000}, 'evaluating again 50 % ≈ 3.0 s', 'busy'],
	[{name: 'loading', ...work, step: 'evaluating', progress: 0}, 'evaluating again 0 %', 'busy'],
	[{name: 'stopping', isReload: false}, 'stopping …', 'busy'],
	[{name: 'stopping', isReload: true}, 'stopping the reload …', 'busy'],
	[{name: 'failed', failure}, 'failed', 'bad'],
])('%o', (phase, text, tone) => {
	expect(phaseText(phase, '≈')).toEqual({text, tone});
});

test.each([
	[{name: 'loading', ...work, progress: 0}, 2000, 'loading 0 %'],
	[{name: 'loading', ...work, progress: 0}, 75_000, 'loading 0 % for 1 min 15 s'],
	[{name: 'loading', ...work, step: 'measuring'}, 0, 'measuring the CPU'],
	[{name: 'loading', ...work, step: 'fitting'}, 4000, 'loading fitting layers for 4.0 s'],
	[{name: 'loading', ...work, progress: 0.5, remainingMs: 9000}, 4000, 'loading 50 % ≈ 9.0 s'],
	[{name: 'ready'}, 4000, 'ready'],
] as const)('%o, silent for %i ms', (phase, silentFor, text) => {
	expect(phaseText(phase, '≈', silentFor).text).toBe(text);
});

test('the sign for “about” is the theme’s', () => {
	expect(phaseText({name: 'loading', ...work, progress: 0.1, remainingMs: 90_000}, '~').text).toBe('loading 10 % ~ 1 min 30 s');
});
