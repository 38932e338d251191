import type {Stats} from 'node:fs';
import {open, readlink, stat} from 'node:fs/promises';
import {basename, dirname, resolve} from 'node:path';
import {EngineError} from '../engine/engine-errors.js';
import type {ModelFacts} from '../engine/types.js';
import {count, fileSize} from '../lib/format.js';
import {fileKind} from './file-kind.js';
import {type GgufHeader, type GgufTensor, neededBytes, readGgufHeader} from './gguf-header.js';
import {architectureOf, type Metadata, modelFacts} from './model-facts.js';
import {otherParts} from './model-parts.js';
import {unsuitableForChat} from './model-purpose.js';
import {printable} from './printable.js';

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
	const name = printable(basename(path));
	const first = await readPart(path);
	const {metadata} = first.header;
	const parts = [first];
	for (const part of await otherParts(path, metadata)) parts.push(await readPart(part));
	const tensors = parts.flatMap(({header}) => header.tensors);
	const sizeBytes = parts.reduce((total, part) => total + part.sizeBytes, 0);
	checkPurpose(name, metadata, tensors, architectures);
	const facts = modelFacts(path, sizeBytes, metadata, tensors);
	if (!facts) {
		throw new EngineError('bad-model', `"${name}" does not say how many layers it has, or says something impossible.`, {
			advice: 'Use another file of this model.',
		});
	}

	return {facts, parts: parts.map(part => part.path), sizeBytes, tensors};
};

const readPart = async (path: string): Promise<Part> => {
	const name = printable(basename(path));
	const stats = await statFile(path);
	checkRegular(name, stats);
	try {
		await using file = await open(path);
		const {bytesRead, buffer} = await file.read(Buffer.alloc(512), 0, 512, 0);
		checkMagic(name, buffer.subarray(0, bytesRead));
		const header = await readGgufHeader(file, name, stats.size);
		const missing = neededBytes(header) - stats.size;
		if (missing > 0) {
			const [has, needs] = [fileSize(stats.size), fileSize(neededBytes(header))];
			const what = has === needs ? `its last ${count(missing)} bytes are missing` : `it has ${has}, its header promises ${needs}`;
			throw new EngineError('bad-model', `"${name}" was cut off: ${what}.`, {
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
			throw new EngineError(
				'no-such-file',
				`"${printable(path)}" is a link to "${printable(resolve(dirname(path), target))}", which is not there.`,
				{
					advice: 'The file was moved, or its disk is not connected.',
					cause: error,
				},
			);
		}

		if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') {
			throw new EngineError('no-such-file', `There is no file "${printable(path)}".`, {advice: 'Check its name and folder.', cause: error});
		}

		throw explainAccess(printable(basename(path)), error);
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
