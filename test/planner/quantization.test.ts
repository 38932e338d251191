import {describe, expect, test} from 'vitest';
import {fileTypeNames} from '../../source/models/gguf-types.js';
import {quantizationOf, quantizations, sizeAt} from '../../source/planner/quantization.js';

describe('the size of a file of a type', () => {
	// Parameters and sizes as in the tables of llama.cpp's tools/quantize/README.md (8B, 70B) and of the files on Hugging Face.
	test.each<[string, number, number]>([
		['Q4_K_M', 8.03e9, 4.92e9],
		['Q4_K_M', 70.6e9, 43.1e9],
		['q8_0', 8.03e9, 8.54e9],
		['F16', 8.03e9, 16.07e9],
		['Q2_K', 8.03e9, 3.18e9],
		['IQ1_S', 70.6e9, 17.7e9],
		['MXFP4', 117e9, 63.4e9],
	])('%s of %d parameters', (name, parameters, bytes) => {
		expect(Math.abs((sizeAt(parameters, name) ?? 0) / bytes - 1)).toBeLessThan(0.05);
	});

	test('is not guessed for a type that is not known', () => {
		expect(sizeAt(8e9, 'Q9_Z')).toBeUndefined();
		expect(quantizationOf('TQ1_0')).toBeUndefined();
	});
});

test('from large to small, each once, named as files are', () => {
	const bits = quantizations.map(({bitsPerWeight}) => bitsPerWeight);
	expect(bits).toEqual([...bits].sort((a, b) => b - a));
	expect(new Set(quantizations.map(({name}) => name)).size).toBe(quantizations.length);
	expect(quantizations.filter(({name}) => ![...fileTypeNames.values()].includes(name))).toEqual([]);
});

test('what loses much quality', () => {
	expect(quantizations.filter(({losesMuch}) => losesMuch).map(({name}) => name)).toEqual([
		'Q2_K',
		'Q2_K_S',
		'IQ2_M',
		'IQ2_S',
		'IQ2_XS',
		'IQ2_XXS',
		'IQ1_M',
		'IQ1_S',
	]);
});

test.each([
	['q4_k', 'Q4_K_M'],
	['MXFP4_MOE', 'MXFP4'],
	['Q3_K', 'Q3_K_M'],
])('%s is %s', (alias, name) => {
	expect(quantizationOf(alias)?.name).toBe(name);
});
