import {benchSettings} from './bench-settings.js';
import {type FlagName, flagLines} from './flags.js';

const several: ReadonlySet<string> = new Set<FlagName>(benchSettings.map(({flag}) => flag));
const besides: ReadonlySet<string> = new Set<FlagName>([
	'cpu-moe',
	'override-tensor',
	'no-kv-offload',
	'device',
	'split-mode',
	'main-gpu',
	'tensor-split',
	'no-mmap',
	'mlock',
	'vram',
	'gpu',
	'ascii',
	'help',
]);

export const benchHelpText = (): string => `  How fast settings are, measured by real runs with the tests of llama-bench.

  Usage
    $ vramble bench [MODEL] [flags]        MODEL is the path of a GGUF file; without one: the guide model
    $ vramble bench MODEL -ngl 0,8,16 -t 1,2 -o csv

  pp512 evaluates 512 tokens of a prompt, tg128 generates 128 tokens one after the other, without sampling.
  All combinations are measured, in an order in which the weights are read as few times as possible.

  Tests and output
${flagLines(({of, names: [name]}) => of === 'bench' && !several.has(name))}

  Settings: one value, several as 0,8,16, or a range as 0-16+8 or 1-8*2
${flagLines(({names: [name]}) => several.has(name))}

  Others
${flagLines(({names: [name]}) => besides.has(name))}

  Exit codes: 0, 1 nothing could be measured, 2 wrong usage, 130 interrupted (what was measured is printed).`;
