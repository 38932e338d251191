import {renderToString} from 'ink';
import stringWidth from 'string-width';
import {expect, test} from 'vitest';
import type {EngineState} from '../../../source/engine/engine-state.js';
import {TitleLine} from '../../../source/ui/panes/title-line.js';
import {asciiGlyphs, createTheme, ThemeProvider} from '../../../source/ui/theme.js';
import {baseSettings, cpuDevice, gpuDevice} from '../../support/fake-engine.js';
import {bigModel} from '../../support/fake-services.js';

const ready: EngineState = {
	phase: {name: 'ready'},
	device: gpuDevice,
	model: bigModel,
	applied: baseSettings,
	previous: undefined,
	hasAutoThreads: false,
	contextUsed: 0,
};
const loading = {name: 'loading', step: 'weights', progress: 0.43, remainingMs: 12_000} as const;

const show = (width: number, state: Partial<EngineState> = {}, glyphs?: typeof asciiGlyphs) => {
	const line = <TitleLine {...ready} {...state} width={width} />;
	return renderToString(glyphs ? <ThemeProvider value={createTheme(glyphs)}>{line}</ThemeProvider> : line, {columns: width});
};

const facts = 'vramble  big  Q4_K_M · 81 layers · 42.5 GB';

test.each<[string, Partial<EngineState>, string, string]>([
	['ready', {}, facts, 'CUDA · RTX 3060  ● ready'],
	['CPU only', {device: cpuDevice}, facts, 'CPU only  ● ready'],
	['a long device name', {device: {backend: 'vulkan', names: ['llvmpipe (LLVM 19.1.7)']}}, facts, 'Vulkan · llvmpipe  ● ready'],
	['two devices', {device: {backend: 'cuda', names: ['RTX 3060', 'RTX 3090']}}, facts, 'CUDA · 2 devices  ● ready'],
	['nothing yet', {device: undefined, model: undefined, phase: {name: 'idle'}}, 'vramble', '● no model'],
	['loading', {phase: loading}, facts, 'CUDA · RTX 3060  ● loading 43 % ≈ 12 s'],
	[
		'no quantization known',
		{model: {...bigModel, quantization: undefined}},
		'vramble  big  81 layers · 42.5 GB',
		'CUDA · RTX 3060  ● ready',
	],
])('%s', (_what, state, left, right) => {
	expect(show(100, state)).toBe(` ${left}${' '.repeat(98 - stringWidth(left) - stringWidth(right))}${right}`);
});

test('narrow: the facts make room', () => {
	expect(show(60)).toBe(' vramble  big  42.5 GB               CUDA RTX 3060  ● ready');
});

test('narrow, a long name is cut, device and state are not', () => {
	const line = show(60, {phase: loading, model: {...bigModel, name: 'a model with quite a long name indeed'}});
	expect(line).toMatch(/^ vramble {2}a mo.*…/);
	expect(line).toMatch(/CUDA RTX 3060 {2}● loading 43 % ≈ 12 s$/);
	expect(stringWidth(line)).toBeLessThanOrEqual(59);
});

test('ASCII', () => {
	expect(show(80, {phase: loading}, asciiGlyphs)).toMatch(/^[ -~]*\* loading 43 % ~ 12 s$/);
});
