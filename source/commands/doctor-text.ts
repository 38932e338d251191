import {describeFailure} from '../engine/engine-errors.js';
import type {Backend} from '../engine/types.js';
import {fileSize, memory} from '../lib/format.js';
import {wrapped} from '../lib/wrapped.js';
import type {BackendFacts, DoctorDevice, DoctorFacts, FolderFacts, TerminalFacts} from './doctor-facts.js';
import type {Problem} from './doctor-problems.js';

const widest = 80;
const labelWidth = 12;
const names: Readonly<Record<Backend, string>> = {cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal', cpu: 'CPU'};

const indented = (text: string, indent: string, room: number): readonly string[] =>
	wrapped(text, room - indent.length).map(line => indent + line);

const sectionsIn =
	(width: number) =>
	(label: string, texts: readonly string[]): readonly string[] =>
		texts
			.flatMap(text => indented(text.trimStart(), text.startsWith(' ') ? '  ' : '', width - labelWidth))
			.map((line, index) => ((index === 0 ? label : '').padEnd(labelWidth) + line).trimEnd());

/** The cache is not a folder of vramble's own: env-paths would be a twentieth of what `--help` takes. */
const folderNames: Readonly<Record<FolderFacts['use'], string>> = {
	data: 'data',
	temporary: 'temporary',
	cache: 'compile cache of Node.js',
};

const deviceText = ({name, description, totalBytes, freeBytes}: DoctorDevice): string => {
	const what = name === undefined ? description : `${name}: ${description}`;
	return totalBytes === undefined ? what : `${what}, ${memory(freeBytes)} of ${memory(totalBytes)} free`;
};

const backendTexts = ({backend, isUsed, devices, failure}: BackendFacts): readonly string[] => {
	if (failure)
		return [`${names[backend]}: ${describeFailure({...failure, message: failure.why ? '' : failure.message, advice: undefined})}`];
	return [`${names[backend]}: works${isUsed ? ', and is used' : ''}`, ...devices.map(device => `  ${deviceText(device)}`)];
};

const terminalText = ({columns, rows, colourBits, isUtf8, bracketedPaste, kind, inside}: TerminalFacts): string =>
	[
		`${columns} x ${rows}`,
		colourBits === 1 ? 'no colours' : `${colourBits === 24 ? '16 million' : 2 ** colourBits} colours`,
		isUtf8 ? 'UTF-8' : 'ASCII',
		...(bracketedPaste === undefined ? [] : [`${bracketedPaste ? '' : 'no '}bracketed paste`]),
		...(kind === undefined ? [] : [`TERM=${kind}`]),
		...(inside === undefined ? [] : [`in ${inside}`]),
	].join(', ');

const speed = (bytesPerSecond: number | undefined) => {
	if (bytesPerSecond === undefined) return 'not known';
	return bytesPerSecond < 1e9 ? `${Math.round(bytesPerSecond / 1e6)} MB/s` : `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`;
};

const hooksText = ({engine, hooksOff}: DoctorFacts): string => {
	if (!engine) return 'not known, because llama.cpp does not start';
	return hooksOff === undefined ? 'on' : `off: ${hooksOff}`;
};

/** One page for a person, in ASCII but for names. */
export const doctorText = (facts: DoctorFacts, problems: readonly Problem[]): string => {
	const {versions, engine, backends, cpu, memory: read, mlockLimitBytes, terminal, folders, speeds, model} = facts;
	const used = backends.find(({isUsed}) => isUsed);
	const canRun = problems.every(({isFatal}) => !isFatal);
	const subject = model ? 'This model' : 'vramble';
	const swap =
		read && (read.swap.totalBytes > 0 ? `swap ${memory(read.swap.usedBytes)} of ${memory(read.swap.totalBytes)} used` : 'no swap');
	const width = Math.min(widest, terminal?.columns ?? widest);
	const section = sectionsIn(width);
	const lines = [
		canRun && used
			? `${subject} can run here, on ${used.backend === 'cpu' ? 'the CPU' : names[used.backend]}.`
			: `${subject} cannot run here.`,
		'',
		...section('Versions', [
			`vramble ${versions.vramble}, Node.js ${versions.node}, ${versions.platform}`,
			...(engine ? [`node-llama-cpp ${engine.nodeLlamaCpp}, llama.cpp ${engine.llamaCpp}`] : []),
		]),
		...section('Backends', backends.flatMap(backendTexts)),
		...section('CPU', [
			`${cpu.name}, ${cpu.threads} threads${engine ? `, ${engine.mathCores} math cores` : ''}`,
			...(engine && engine.instructionSets.length > 0 ? [engine.instructionSets.join(' ')] : []),
		]),
		...section('RAM', [read ? `${memory(read.ram.availableBytes)} of ${memory(read.ram.totalBytes)} free, ${swap}` : 'not known']),
		...section('mlock', [mlockLimitBytes === undefined ? 'no limit is known' : `${memory(mlockLimitBytes)} may be locked (ulimit -l)`]),
		...section('Hooks', [hooksText(facts)]),
		...section('Terminal', [terminal ? terminalText(terminal) : 'the output goes elsewhere']),
		...section(
			'Folders',
			folders.map(
				({use, path, freeBytes}) => `${folderNames[use]}: ${path}${freeBytes === undefined ? '' : `, ${fileSize(freeBytes)} free`}`,
			),
		),
		...section('Speeds', [
			speeds
				? `RAM ${speed(speeds.ramBytesPerSecond)}, GPU ${speed(speeds.gpuBytesPerSecond)}; learned from ${speeds.answers === 1 ? '1 answer' : `${speeds.answers} answers`}`
				: 'not measured yet; the first start does it',
		]),
		...(model ? section('Model', [model.path, ...(model.text ? [model.text] : [])]) : []),
		'',
		...(problems.length === 0 ? ['No problems.'] : ['Problems']),
		...problems.flatMap(({what, advice}) => [...wrapped(`- ${what}`, width, '  '), ...(advice ? indented(advice, '  ', width) : [])]),
	];
	return `${lines.join('\n')}\n`;
};

/** For scripts; `null` where a value is not known. */
export const doctorJson = (facts: DoctorFacts, problems: readonly Problem[]): string => {
	const canRun = problems.every(({isFatal}) => !isFatal);
	const hooks = {on: facts.engine === undefined ? undefined : facts.hooksOff === undefined, off: facts.hooksOff};
	const {versions, engine, hooksOff: _, ...rest} = facts;
	const value = {
		schema: 1,
		canRun,
		versions: {...versions, nodeLlamaCpp: engine?.nodeLlamaCpp, llamaCpp: engine?.llamaCpp},
		hooks,
		...rest,
		cpu: {...rest.cpu, mathCores: engine?.mathCores, instructionSets: engine?.instructionSets},
		problems,
	};
	return `${JSON.stringify(value, (_key, part: unknown) => part ?? null)}\n`;
};
