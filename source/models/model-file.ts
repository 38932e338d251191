import type {Stats} from 'node:fs';
import {open, readlink, stat} from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import {EngineError} from '../engine/engine-errors.js';
import type {ModelFacts} from '../engine/types.js';
import {fileSize} from '../lib/format.js';
import {fileKind} from './file-kind.js';
import {type GgufHeader, type GgufTensor, neededBytes, readGgufHeader} from './gguf-header.js';
import {architectureOf, type Metadata, modelFacts} from './model-facts.js';
import {unsuitableForChat} from './model-purpose.js';

export type ModelFile = {
	readonly facts: ModelFacts;
	/** In order; just the file itself where the model is not split. */
	readonly parts: readonly string[];
	/** Of all parts. */
	readonly sizeBytes: number;
	/** Of all parts. */
	readonly tensors: readonly GgufTensor[];
};

export type CheckOptions = {
	/** Those that the engine can load; undefined: whatever the file says is taken. */
	readonly architectures?: ReadonlySet<string> | undefined;
};

type Part = {readonly path: string; readonly sizeBytes: number; readonly header: GgufHeader};

/**
Looks a model over before the engine gets it: llama.cpp would fail late, end the process or hang on some of this.

Reads only the header (10 MB of it take about 20 ms) and never opens what is not a regular file. Rejects with an `EngineError`.
*/
export const checkModelFile = async (path: string, {architectures}: CheckOptions = {}): Promise<ModelFile> => {
	const first = await readPart(path);
	const {metadata} = first.header;
	const parts = [first];
	for (const part of await otherParts(path, metadata)) parts.push(await readPart(part));
	const tensors = parts.flatMap(({header}) => header.tensors);
	const sizeBytes = parts.reduce((total, part) => total + part.sizeBytes, 0);
	checkPurpose(basename(path), metadata, tensors, architectures);
	const facts = modelFacts(path, sizeBytes, metadata, tensors);
	if (!facts) {
		throw new EngineError('bad-model', `"${basename(path)}" does not say how many layers it has, or says something impossible.`, {
			advice: 'Use another file of this model.',
		});
	}

	return {facts, parts: parts.map(part => part.path), sizeBytes, tensors};
};

const readPart = async (path: string): Promise<Part> => {
	const name = basename(path);
	const stats = await statFile(path);
	checkRegular(name, stats);
	try {
		await using file = await open(path);
		const {bytesRead, buffer} = await file.read(Buffer.alloc(512), 0, 512, 0);
		checkMagic(name, buffer.subarray(0, bytesRead));
		const header = await readGgufHeader(file, name, stats.size);
		const missing = neededBytes(header) - stats.size;
		if (missing > 0) {
			throw new EngineError('bad-model', `"${name}" was cut off: ${fileSize(missing)} of ${fileSize(neededBytes(header))} are missing.`, {
				advice: 'Let the download finish, or download the file again.',
			});
		}

		return {path, sizeBytes: stats.size, header};
	} catch (error) {
		throw explainAccess(name, error);
	}
};

const statFile = async (path: string): Promise<Stats> => {
	try {
		return await stat(path);
	} catch (error) {
		const target = await readlink(path).catch(() => undefined);
		if (codeOf(error) === 'ENOENT' && target !== undefined) {
			throw new EngineError('no-such-file', `"${path}" is a link to "${resolve(dirname(path), target)}", which is not there.`, {
				advice: 'The file was moved, or its disk is not connected.',
				cause: error,
			});
		}

		if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') {
			throw new EngineError('no-such-file', `There is no file "${path}".`, {advice: 'Check its name and folder.', cause: error});
		}

		throw explainAccess(basename(path), error);
	}
};

const checkRegular = (name: string, stats: Stats) => {
	if (stats.isDirectory()) throw new EngineError('bad-model', `"${name}" is a folder.`, {advice: 'Choose a .gguf file in it.'});
	if (!stats.isFile()) {
		const what = stats.isFIFO() ? 'a named pipe' : stats.isSocket() ? 'a socket' : 'a device';
		throw new EngineError('bad-model', `"${name}" is ${what}, not a file.`, {advice: 'Choose a .gguf file.'});
	}

	if (stats.size === 0) throw new EngineError('bad-model', `"${name}" is empty.`, {advice: 'Download the file again.'});
};

const checkMagic = (name: string, head: Buffer) => {
	if (head.toString('latin1', 0, 4) === 'GGUF') return;
	const {what, advice} = fileKind(head);
	throw new EngineError('bad-model', `"${name}" is not a GGUF model.`, {why: `It is ${what}.`, advice});
};

const checkPurpose = (name: string, metadata: Metadata, tensors: readonly GgufTensor[], architectures: ReadonlySet<string> | undefined) => {
	const unsuitable = unsuitableForChat(metadata);
	if (unsuitable) throw new EngineError('unsupported', `"${name}" cannot chat.`, unsuitable);
	const architecture = architectureOf(metadata);
	if (architecture === undefined) {
		throw new EngineError('bad-model', `"${name}" does not say which architecture it has.`, {advice: 'Use another file of this model.'});
	}

	if (architectures && !architectures.has(architecture)) {
		throw new EngineError('unsupported', `The architecture "${architecture}" is not known to this version of llama.cpp.`, {
			advice: 'Update vramble, or use another model.',
		});
	}

	if (tensors.length === 0) {
		throw new EngineError('bad-model', `"${name}" has no weights.`, {
			why: 'It holds a vocabulary only.',
			advice: 'Choose the model itself.',
		});
	}
};

const partName = /-(\d{5})-of-(\d{5})\.gguf$/;

/** llama.cpp goes by what the file says, node-llama-cpp by its name: both must find all parts. */
const otherParts = async (path: string, metadata: Metadata): Promise<string[]> => {
	const name = basename(path);
	const [suffix, digits, countDigits] = partName.exec(name) ?? [];
	const saidCount = Number(metadata.get('split.count') ?? 0); // 0 in a file that was merged again
	const count = saidCount > 1 ? saidCount : Number(countDigits ?? 1);
	if (count <= 1) return [];
	const index = Number(metadata.get('split.no') ?? Number(digits ?? 1) - 1);
	const nameOfPart = (number: number, stem = suffix === undefined ? 'model' : name.slice(0, -suffix.length)) =>
		`${stem}-${String(number).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;
	if (suffix === undefined || Number(countDigits) !== count || Number(digits) !== index + 1) {
		throw new EngineError('bad-model', `"${name}" is part ${index + 1} of ${count}, but its name does not say so.`, {
			why: 'The other parts are found by their names.',
			advice: `Give it its first name back: it must end like "${nameOfPart(index + 1)}".`,
		});
	}

	if (index !== 0) {
		throw new EngineError('bad-model', `"${name}" is part ${index + 1} of ${count}.`, {advice: `Open the first part, "${nameOfPart(1)}".`});
	}

	const numbers = Array.from({length: count - 1}, (_, offset) => offset + 2);
	const paths = numbers.map(number => join(dirname(path), nameOfPart(number)));
	const found = await Promise.all(paths.map(part => stat(part).catch(() => undefined)));
	const missing = numbers.filter((_, at) => found[at] === undefined);
	if (missing.length > 0) {
		const list =
			missing.length > 4
				? `${missing.length} of its ${count} parts are`
				: missing.length > 1
					? `the parts ${missing.join(', ')} of ${count} are`
					: `part ${missing[0]} of ${count} is`;
		throw new EngineError('no-such-file', `"${name}" is split, and ${list} missing.`, {
			advice: `Download "${nameOfPart(missing[0] ?? 2)}"${missing.length > 1 ? ' and the others' : ''} into the same folder.`,
		});
	}

	return paths;
};

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

/** What the operating system says when it does not let us read. */
const explainAccess = (name: string, error: unknown): EngineError => {
	if (error instanceof EngineError) return error;
	if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') {
		return new EngineError('failed', `"${name}" cannot be read.`, {
			why: 'You have no permission to read it, or to enter its folder.',
			advice: 'Change the permissions, or copy it to a folder of yours.',
			cause: error,
		});
	}

	if (codeOf(error) === 'ELOOP') {
		return new EngineError('no-such-file', `"${name}" is a link that leads back to itself.`, {
			advice: 'Choose the file itself.',
			cause: error,
		});
	}

	return new EngineError('failed', `"${name}" cannot be read.`, {
		why: error instanceof Error ? `${error.message}.` : String(error),
		cause: error,
	});
};
