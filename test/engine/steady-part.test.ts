import {expect, test} from 'vitest';
import {createSteadyPart} from '../../source/engine/steady-part.js';

test.each([
	['nothing was written', [], {threads: 4, tokens: 0, tokensPerSecond: undefined, fillTokens: 1000}],
	['one token', [[100, 1, 8]], {threads: 8, tokens: 0, tokensPerSecond: undefined, fillTokens: 101}],
	[
		'all of it with the same threads',
		[
			[100, 1, 8],
			[200, 2, 8],
			[400, 5, 8],
		],
		{threads: 8, tokens: 4, tokensPerSecond: (4 * 1000) / 300, fillTokens: 103},
	],
	[
		'the first token with other threads is left out',
		[
			[100, 1, 8],
			[200, 2, 8],
			[900, 3, 4],
			[950, 4, 4],
			[1000, 5, 4],
		],
		{threads: 4, tokens: 2, tokensPerSecond: 20, fillTokens: 104},
	],
	[
		'the longest part counts, wherever it is',
		[
			[100, 1, 1],
			[200, 6, 1],
			[300, 41, 1],
			[900, 42, 2],
			[1900, 50, 2],
		],
		{threads: 1, tokens: 40, tokensPerSecond: 200, fillTokens: 121},
	],
	[
		'the later one of parts that are as long',
		[
			[100, 1, 8],
			[200, 2, 8],
			[300, 3, 4],
			[350, 4, 4],
		],
		{threads: 4, tokens: 1, tokensPerSecond: 20, fillTokens: 103.5},
	],
	[
		'the same threads as earlier are a new part',
		[
			[100, 1, 8],
			[200, 2, 4],
			[300, 3, 8],
			[350, 4, 8],
		],
		{threads: 8, tokens: 1, tokensPerSecond: 20, fillTokens: 103.5},
	],
	[
		'the same threads while they were tried out are left out',
		[
			[100, 1, 8, true],
			[300, 2, 8, true],
			[500, 3, 8],
			[550, 4, 8],
		],
		{threads: 8, tokens: 1, tokensPerSecond: 20, fillTokens: 103.5},
	],
	[
		'a part begins with the last of those that come together',
		[
			[100, 1, 8],
			[300, 2, 4],
			[300.1, 3, 4],
			[300.3, 4, 4],
			[500, 5, 4],
			[500.1, 6, 4],
			[500.2, 8, 4],
		],
		{threads: 4, tokens: 4, tokensPerSecond: 4000 / (500.2 - 300.3), fillTokens: 106},
	],
] as ReadonlyArray<readonly [string, ReadonlyArray<readonly [number, number, number, true?]>, object]>)('%s', (_what, written, steady) => {
	const part = createSteadyPart();
	const prompt = 100;
	for (const [atMs, tokens, threads, isTrying = false] of written)
		part.wrote({atMs, tokens, contextUsed: prompt + tokens, threads, isTrying});
	expect(part.read(4, 1000)).toEqual(steady);
});
