import {describeFailure, type Failure} from '../engine/engine-errors.js';
import type {DoctorFacts, FolderFacts} from './doctor-facts.js';

export type Problem = {
	/** vramble cannot run. */
	readonly isFatal: boolean;
	readonly what: string;
	readonly advice: string | undefined;
};

/** Below, there is only a message on the screen. */
const smallest = {columns: 60, rows: 16};

const problem = (what: string, advice?: string): Problem => ({isFatal: false, what, advice});

const failed = (failure: Failure): Problem => ({
	isFatal: true,
	what: describeFailure({...failure, advice: undefined}),
	advice: failure.advice,
});

const hooksAdvice = (reason: string): string => {
	if (reason.startsWith('VRAMBLE_NATIVE')) return 'Take VRAMBLE_NATIVE=off out of the environment.';
	if (reason.includes('not compiled')) return 'Install a C++ compiler (such as g++), then install vramble again (npm ci).';
	if (reason.includes('know')) return 'Install vramble again (npm ci), which brings the llama.cpp that belongs to it.';
	return 'All works without them but experts by number, tensors and the KV cache in the memory of your choice, and the choice of GPUs.';
};

const losses: Readonly<Record<FolderFacts['use'], string>> = {
	data: 'what is measured and kept is forgotten at the end',
	temporary: 'a conversation is evaluated again after every reload',
	cache: 'every start takes longer',
};

const variables: Readonly<Record<FolderFacts['use'], string>> = {data: 'XDG_DATA_HOME', temporary: 'TMPDIR', cache: 'NODE_COMPILE_CACHE'};

const engineProblems = ({backends, engine, hooksOff}: DoctorFacts): readonly Problem[] => {
	const used = backends.find(({isUsed}) => isUsed);
	if (used?.failure) {
		const worksOnCpu = backends.some(({backend, failure}) => backend === 'cpu' && !failure);
		const [fatal] = [failed(used.failure)];
		return [
			worksOnCpu
				? {...fatal, advice: 'llama.cpp works without a GPU: --gpu off.'}
				: {...fatal, advice: fatal.advice ?? 'Install vramble again (npm ci).'},
		];
	}

	const onCpu = used?.backend === 'cpu' && backends.some(({backend}) => backend !== 'cpu');
	return [
		...(onCpu
			? [
					problem(
						'llama.cpp finds no GPU: all layers stay on the CPU.',
						"If there is one, install its maker's driver: CUDA (NVIDIA), or Vulkan (any).",
					),
				]
			: []),
		...(engine && hooksOff !== undefined ? [problem(`The native hooks are off: ${hooksOff}.`, hooksAdvice(hooksOff))] : []),
	];
};

const terminalProblems = ({terminal}: DoctorFacts): readonly Problem[] => {
	if (!terminal) return [];
	const {columns, rows, isUtf8, bracketedPaste, kind} = terminal;
	return [
		...(columns < smallest.columns || rows < smallest.rows
			? [
					problem(
						`The terminal is ${columns} x ${rows}.`,
						`The screen needs ${smallest.columns} x ${smallest.rows}; answers with -p need none.`,
					),
				]
			: []),
		...(kind === 'dumb' ? [problem('TERM=dumb: this terminal cannot show a screen.', 'Answers with -p work everywhere.')] : []),
		...(isUtf8
			? []
			: [problem('The locale is not UTF-8, so the screen is drawn with ASCII.', 'Set LANG=C.UTF-8 where the terminal shows UTF-8.')]),
		...(bracketedPaste === false
			? [
					problem(
						'The terminal has no bracketed paste: a pasted line break sends the prompt.',
						'Use another terminal, or -p with standard input.',
					),
				]
			: []),
	];
};

/** What does not work, with what to do; what keeps vramble from running comes first. */
export const problemsOf = (facts: DoctorFacts): readonly Problem[] => {
	const {model, folders} = facts;
	const problems = [
		...engineProblems(facts),
		...(model?.failure ? [failed(model.failure)] : []),
		...(model?.remarks ?? []).map(remark => problem(remark)),
		...terminalProblems(facts),
		...folders
			.filter(folder => folder.problem !== undefined)
			.map(({use, path, problem: why}) =>
				problem(
					`Nothing can be written to ${path} (${why}): ${losses[use]}.`,
					`Make it writable, or name another folder in ${variables[use]}.`,
				),
			),
	];
	return problems.toSorted((a, b) => Number(b.isFatal) - Number(a.isFatal));
};
