import {setImmediate as nextTurn} from 'node:timers/promises';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import {expect, test} from 'vitest';
import {createPlacing} from '../../source/engine/native-hooks.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

test('keeps nothing of what was made under a placement', async () => {
	const placed = createPlacing(
		() => ({off: 'not built'}),
		() => [],
	);
	const make = async () => new WeakRef(await placed({cpuExpertLayers: 0}, async () => ({model: 'large'})));
	const made = [await make(), await make(), await make()];
	await nextTurn();
	collectGarbage();
	expect(made.map(model => model.deref())).toEqual([undefined, undefined, undefined]);
});
