import type {FileHandle} from 'node:fs/promises';
import {EngineError} from '../engine/engine-errors.js';
import {createFileCursor, damaged, type FileCursor} from './file-cursor.js';
import {tensorTypes} from './gguf-types.js';
import {printable} from './printable.js';

export type GgufScalar = string | number | boolean;

export type GgufTensor = {
	readonly name: string;
	/** As in `tensorTypes`: `Q4_K`. */
	readonly type: string;
	/** The first one is the length of a row. */
	readonly dimensions: readonly number[];
	/** From the start of the data. */
	readonly offset: number;
	readonly sizeBytes: number;
};

export type GgufHeader = {
	/** Without arrays (vocabularies) and without texts over 64 KiB. */
	readonly metadata: ReadonlyMap<string, GgufScalar>;
	readonly tensors: readonly GgufTensor[];
	/** Where the header ends and the data of the tensors begins. */
	readonly dataOffset: number;
};

type ScalarType = {readonly bytes: number; readonly read: (chunk: Buffer, at: number) => GgufScalar};

const textType = 8;
const arrayType = 9;

const scalarTypes: ReadonlyMap<number, ScalarType> = new Map([
	[0, {bytes: 1, read: (chunk, at) => chunk.readUInt8(at)}],
	[1, {bytes: 1, read: (chunk, at) => chunk.readInt8(at)}],
	[2, {bytes: 2, read: (chunk, at) => chunk.readUInt16LE(at)}],
	[3, {bytes: 2, read: (chunk, at) => chunk.readInt16LE(at)}],
	[4, {bytes: 4, read: (chunk, at) => chunk.readUInt32LE(at)}],
	[5, {bytes: 4, read: (chunk, at) => chunk.readInt32LE(at)}],
	[6, {bytes: 4, read: (chunk, at) => chunk.readFloatLE(at)}],
	[7, {bytes: 1, read: (chunk, at) => chunk.readUInt8(at) !== 0}],
	[10, {bytes: 8, read: (chunk, at) => Number(chunk.readBigUInt64LE(at))}],
	[11, {bytes: 8, read: (chunk, at) => Number(chunk.readBigInt64LE(at))}],
	[12, {bytes: 8, read: (chunk, at) => chunk.readDoubleLE(at)}],
] as const satisfies ReadonlyArray<readonly [number, ScalarType]>);

/** The shortest possible pair and tensor: a one-letter name and the fixed fields. */
const smallestPair = 8 + 1 + 4 + 1;
const smallestTensor = 8 + 1 + 4 + 4 + 8;

const pad = (bytes: number, alignment: number) => Math.ceil(bytes / alignment) * alignment;

/** The same rules as llama.cpp's `gguf.cpp`, so that what passes here passes there. The first four bytes must have been checked. */
export const readGgufHeader = async (file: FileHandle, name: string, sizeBytes: number): Promise<GgufHeader> => {
	const cursor = createFileCursor(file, name, sizeBytes);
	cursor.skip(4);
	checkVersion(await cursor.uint32(), name);
	const tensorCount = await cursor.uint64();
	const pairCount = await cursor.uint64();
	cursor.claim(pairCount * smallestPair + tensorCount * smallestTensor);

	const metadata = new Map<string, GgufScalar>();
	for (let index = 0; index < pairCount; index++) {
		const key = await readName(cursor, name);
		const value = await readValue(cursor, name);
		if (value !== undefined) metadata.set(key, value);
	}

	const alignment = metadata.get('general.alignment') ?? 32;
	if (typeof alignment !== 'number' || !Number.isInteger(Math.log2(alignment))) throw damaged(name, 'Its alignment is not a power of two.');

	const tensors: GgufTensor[] = [];
	let expectedOffset = 0;
	for (let index = 0; index < tensorCount; index++) {
		const tensor = await readTensor(cursor, name);
		if (tensor.offset !== expectedOffset) throw damaged(name, `The tensor "${printable(tensor.name)}" is not where it should be.`);
		expectedOffset += pad(tensor.sizeBytes, alignment);
		tensors.push(tensor);
	}

	return {metadata, tensors, dataOffset: pad(cursor.position(), alignment)};
};

/** How long the file must be at least. */
export const neededBytes = ({tensors, dataOffset}: GgufHeader): number =>
	tensors.reduce((end, {offset, sizeBytes}) => Math.max(end, dataOffset + offset + sizeBytes), 0);

const checkVersion = (version: number, name: string) => {
	if (version === 2 || version === 3) return;
	if (version === 0) throw damaged(name, 'Its GGUF version is 0.');
	if ((version & 0xff_ff) === 0) {
		throw new EngineError('unsupported', `"${name}" is a big-endian GGUF file, made for another kind of processor.`, {
			advice: 'Download the usual little-endian file.',
		});
	}

	throw new EngineError('unsupported', `"${name}" is a GGUF file of version ${version}; llama.cpp reads versions 2 and 3.`, {
		advice: version === 1 ? 'Download a newer file of this model.' : 'Update vramble, or use another file.',
	});
};

const readName = async (cursor: FileCursor, name: string): Promise<string> => {
	const text = await cursor.text();
	if (!text) throw damaged(name, 'A name in its header is empty or too long.');
	return text;
};

const readValue = async (cursor: FileCursor, name: string): Promise<GgufScalar | undefined> => {
	const type = await cursor.uint32();
	if (type === textType) return cursor.text();
	if (type === arrayType) return skipArray(cursor, name);
	const scalar = knownScalar(type, name);
	return cursor.take(scalar.bytes, scalar.read);
};

const skipArray = async (cursor: FileCursor, name: string): Promise<undefined> => {
	const type = await cursor.uint32();
	const count = await cursor.uint64();
	if (type === textType) await cursor.skipTexts(count);
	else cursor.skip(count * knownScalar(type, name).bytes);
};

const knownScalar = (type: number, name: string): ScalarType => {
	const scalar = scalarTypes.get(type);
	if (!scalar) throw damaged(name, `A value in its header has the unknown type ${type}.`);
	return scalar;
};

const readTensor = async (cursor: FileCursor, name: string): Promise<GgufTensor> => {
	const tensorName = await readName(cursor, name);
	const dimensionCount = await cursor.uint32();
	if (dimensionCount > 4) throw damaged(name, `The tensor "${printable(tensorName)}" has ${dimensionCount} dimensions.`);
	const dimensions: number[] = [];
	for (let index = 0; index < dimensionCount; index++) dimensions.push(await cursor.uint64());
	const typeNumber = await cursor.uint32();
	const offset = await cursor.uint64();
	const type = tensorTypes.get(typeNumber);
	if (!type) {
		throw new EngineError('unsupported', `"${name}" has tensors of type ${typeNumber}, which this version of llama.cpp does not know.`, {
			advice: 'Use another quantization of this model.',
		});
	}

	const blocksPerRow = (dimensions[0] ?? 1) / type.blockElements;
	if (!Number.isInteger(blocksPerRow)) throw damaged(name, `The tensor "${printable(tensorName)}" has rows of an impossible length.`);
	const sizeBytes = dimensions.slice(1).reduce((size, dimension) => size * dimension, blocksPerRow * type.blockBytes);
	return {name: tensorName, type: type.name, dimensions, offset, sizeBytes};
};
