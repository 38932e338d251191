import type {WantedSettings} from '../engine/types.js';
import type {Tunable} from '../planner/tune.js';
import {type BenchTest, benchSettings, tunableFlags} from './bench-settings.js';
import {oneOf, text} from './flag-values.js';
import {type FlagName, type GivenFlags, UsageError} from './flags.js';
import {type CliOptions, toOptions} from './options.js';

const formats = ['md', 'json', 'csv'] as const;

export type BenchOptions = Pick<CliOptions, 'gpu' | 'budgets' | 'ascii'> & {
	readonly command: 'bench';
	readonly model: string | undefined;
	/** Every combination of what was given. */
	readonly combinations: readonly WantedSettings[];
	/** Settings that were given: they have a column. */
	readonly shown: ReadonlySet<FlagName>;
	readonly tests: readonly BenchTest[];
	readonly repetitions: number;
	readonly format: (typeof formats)[number];
	readonly tune: TuneOptions | undefined;
	/** Nothing is measured. */
	readonly forget: boolean;
};

export type TuneOptions = {
	/** What was given of what is searched: that list, or that one value, instead of all. */
	readonly values: Readonly<Partial<Record<Tunable, readonly number[]>>>;
	readonly yes: boolean;
};

const llamaBenchRuns = {prompt: 512, generation: 128, repetitions: 5};
/** A search takes some twenty of them. */
const shortRuns = {prompt: 512, generation: 64, repetitions: 3};

/** More are a mistake: some minutes each. */
const mostCombinations = 1000;

/** `0-8+4` → 0, 4, 8; `1-8*2` → 1, 2, 4, 8. */
const expand = (value: string): readonly string[] => {
	const [, first, last, step, factor] = /^(\d+)-(\d+)(?:\+(\d+)|\*(\d+))?$/.exec(value) ?? [];
	if (first === undefined) return [value];
	const next = (at: number) => (factor === undefined ? at + Number(step ?? 1) : at * Number(factor));
	const values: string[] = [];
	for (let at = Number(first); at <= Number(last); at = next(at)) {
		if (next(at) <= at) throw new UsageError(`The range "${value}" has no end.`);
		if (values.length === mostCombinations) throw new UsageError(`The range "${value}" has more than ${mostCombinations} values.`);
		values.push(String(at));
	}

	if (values.length === 0) throw new UsageError(`The range "${value}" is empty.`);
	return values;
};

const listOf = (value: string): readonly string[] => value.split(',').flatMap(part => expand(part.trim()));

const counts = (given: GivenFlags, names: readonly FlagName[], usual: number, least: number): readonly number[] => {
	const name = names.find(each => given[each] !== undefined);
	if (name === undefined) return [usual];
	return listOf(text(given, name) ?? '').map(value => {
		if (/^\d+$/.test(value) && Number(value) >= least && Number(value) < 2 ** 31) return Number(value);
		throw new UsageError(`--${names[0]} takes whole numbers of at least ${least}, separated by commas, not "${value}".`);
	});
};

const withMmap = ({mmap, ...given}: GivenFlags): GivenFlags => {
	if (mmap === undefined) return given;
	if (mmap !== '0' && mmap !== '1') throw new UsageError(`--mmap takes 0, 1 or 0,1, not "${mmap}".`);
	return mmap === '0' ? {...given, 'no-mmap': true} : given;
};

const tuneOptions = (given: GivenFlags, shown: BenchOptions['shown'], combinations: readonly WantedSettings[]): TuneOptions => {
	const [first] = combinations;
	const values: Partial<Record<Tunable, readonly number[]>> = {};
	for (const [setting, flag] of Object.entries(tunableFlags) as ReadonlyArray<readonly [Tunable, FlagName]>) {
		const numbers = combinations.map(settings => settings[setting]).filter(value => typeof value === 'number');
		if (shown.has(flag) && numbers.length > 0) values[setting] = [...new Set(numbers)].sort((a, b) => a - b);
	}

	const searched: ReadonlySet<string> = new Set(Object.keys(tunableFlags));
	const fixed = (settings: WantedSettings) => JSON.stringify(Object.entries(settings).filter(([setting]) => !searched.has(setting)));
	if (first && combinations.some(settings => fixed(settings) !== fixed(first))) {
		throw new UsageError(`--tune searches ${Object.values(tunableFlags).join(', ')}; of the other settings it takes one value each.`);
	}

	return {values, yes: given.yes === true};
};

const ownFlags = ['tune', 'yes', 'forget', 'n-prompt', 'prompt', 'n-gen', 'predict', 'repetitions', 'output', 'json'] as const;
const ofAnswers = ['system', 'temp', 'top-k', 'top-p', 'min-p', 'seed', 'lookup', 'draft-model', 'gpu-layers-draft'] as const;

/**
The same flags as everywhere, with several values; `-p` and `-n` mean what they mean to llama-bench.

@throws UsageError
*/
export const toBenchOptions = (given: GivenFlags, positional: readonly string[]): BenchOptions => {
	const stray = ofAnswers.find(name => given[name] !== undefined);
	if (stray) throw new UsageError(`--${stray} is about answers, and vramble bench writes none.`);
	if (given.forget && Object.keys(given).length > 1)
		throw new UsageError('--forget measures nothing: it takes the model, and no other flags.');
	const settingsGiven = Object.fromEntries(Object.entries(given).filter(([name]) => !ownFlags.some(own => own === name))) as GivenFlags;
	let products: readonly GivenFlags[] = [settingsGiven];
	const shown = new Set<FlagName>();
	for (const {flag} of benchSettings) {
		const value = text(given, flag);
		if (value === undefined) continue;
		shown.add(flag);
		products = products.flatMap(product => listOf(value).map(one => ({...product, [flag]: one})));
		if (products.length > mostCombinations) throw new UsageError(`More than ${mostCombinations} combinations would take days.`);
	}

	const [model, extra] = positional;
	if (extra !== undefined) throw new UsageError(`One model at a time: what is "${extra}"?`);
	const options = products.map(product => toOptions(withMmap(product), []));
	const [first] = options;
	if (!first) throw new UsageError('There is nothing to measure.');
	const usual = given.tune ? shortRuns : llamaBenchRuns;
	const prompts = counts(given, ['n-prompt', 'prompt'], usual.prompt, 0).filter(tokens => tokens > 0);
	const generations = counts(given, ['n-gen', 'predict'], usual.generation, 0).filter(tokens => tokens > 0);
	if (given.tune && prompts.length + generations.length > 2) throw new UsageError('--tune takes one --n-prompt and one --n-gen.');
	if (given.yes && !given.tune) throw new UsageError('--yes belongs to --tune.');
	const tests = [
		...prompts.map(promptTokens => ({promptTokens, generatedTokens: 0})),
		...generations.map(generatedTokens => ({promptTokens: 0, generatedTokens})),
	];
	if (tests.length === 0) throw new UsageError('There is nothing to measure: --n-prompt and --n-gen are both 0.');
	const [repetitions = usual.repetitions, ...more] = counts(given, ['repetitions'], usual.repetitions, 1);
	if (more.length > 0) throw new UsageError('--repetitions takes one number.');
	if (given.json && given.output !== undefined) throw new UsageError('--json and --output: one of them, please.');
	return {
		command: 'bench',
		model,
		gpu: first.gpu,
		budgets: first.budgets,
		ascii: first.ascii,
		combinations: options.map(({wanted}) => wanted),
		shown,
		tests,
		repetitions,
		forget: given.forget === true,
		tune: given.tune
			? tuneOptions(
					given,
					shown,
					options.map(({wanted}) => wanted),
				)
			: undefined,
		format: given.json ? 'json' : (oneOf(given, 'output', formats) ?? 'md'),
	};
};
