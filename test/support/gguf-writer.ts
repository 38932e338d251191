import {closeSync, ftruncateSync, openSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {tensorTypes} from '../../source/models/gguf-types.ts';

type NumberType = keyof typeof numberTypes;
export type TypedNumbers = {readonly type: NumberType; readonly value: number | readonly number[]};

/** A bare number is a `u32`; several numbers are an array. */
export type GgufValue = string | boolean | number | TypedNumbers | readonly string[] | readonly boolean[];
export type GgufMetadata = Readonly<Record<string, GgufValue>>;

/** The first dimension is the length of a row. */
export type TensorShape = {readonly name: string; readonly type: string; readonly dimensions: readonly number[]};
export type GgufShape = {readonly metadata: GgufMetadata; readonly tensors: readonly TensorShape[]};

export type WriteOptions = {
	/** Another seed gives other weights. */
	readonly seed?: number;
	/** Leaves the weights out: the file has its full length but takes the disk space of its header only. */
	readonly sparse?: boolean;
};

const numberTypes = {
	u8: {id: 0, bytes: 1, write: (view, at, value) => view.setUint8(at, value)},
	u16: {id: 2, bytes: 2, write: (view, at, value) => view.setUint16(at, value, true)},
	u32: {id: 4, bytes: 4, write: (view, at, value) => view.setUint32(at, value, true)},
	i32: {id: 5, bytes: 4, write: (view, at, value) => view.setInt32(at, value, true)},
	f32: {id: 6, bytes: 4, write: (view, at, value) => view.setFloat32(at, value, true)},
	bool: {id: 7, bytes: 1, write: (view, at, value) => view.setUint8(at, value)},
	u64: {id: 10, bytes: 8, write: (view, at, value) => view.setBigUint64(at, BigInt(value), true)},
	f64: {id: 12, bytes: 8, write: (view, at, value) => view.setFloat64(at, value, true)},
} as const satisfies Record<string, {id: number; bytes: number; write: (view: DataView, at: number, value: number) => void}>;

const textType = 8;
const arrayType = 9;
const alignment = 32;

const typed =
	(type: NumberType) =>
	(value: number | readonly number[]): TypedNumbers => ({type, value});

export const u16 = typed('u16');
export const u32 = typed('u32');
export const i32 = typed('i32');
export const u64 = typed('u64');
export const f32 = typed('f32');

/** Writes a GGUF v3 file with random weights, the same ones for the same seed. */
export const writeGguf = (path: string, {metadata, tensors}: GgufShape, {seed = 1, sparse = false}: WriteOptions = {}) => {
	const file = openSync(path, 'w');
	try {
		const header = headerBytes(metadata, tensors);
		writeSync(file, header);
		let position = header.length;
		const random = randomBits(seed);
		const pools = new Map<string, Buffer>();
		for (const tensor of tensors) {
			const sizeBytes = tensorBytes(tensor);
			if (!sparse) {
				const pool = pools.get(tensor.type) ?? weightPool(tensor.type, random);
				pools.set(tensor.type, pool);
				writeSync(file, isNorm(tensor) ? ones(tensor) : cutFrom(pool, tensor.type, sizeBytes, random()), 0, sizeBytes, position);
			}

			position += padded(sizeBytes);
		}

		ftruncateSync(file, position);
	} finally {
		closeSync(file);
	}
};

/** The same as `NAME.gguf` in a folder; gives its path. */
export const writeModel = (folder: string, name: string, shape: GgufShape): string => {
	const path = join(folder, `${name}.gguf`);
	writeGguf(path, shape);
	return path;
};

export const headerBytes = (metadata: GgufMetadata, tensors: readonly TensorShape[]): Buffer => {
	const sink = createByteSink();
	sink.bytes(Buffer.from('GGUF'));
	sink.number('u32', 3);
	sink.number('u64', tensors.length);
	sink.number('u64', Object.keys(metadata).length);
	for (const [key, value] of Object.entries(metadata)) {
		sink.text(key);
		writeValue(sink, value);
	}

	let offset = 0;
	for (const tensor of tensors) {
		sink.text(tensor.name);
		sink.number('u32', tensor.dimensions.length);
		for (const dimension of tensor.dimensions) sink.number('u64', dimension);
		sink.number('u32', typeOf(tensor.type).id);
		sink.number('u64', offset);
		offset += padded(tensorBytes(tensor));
	}

	sink.bytes(Buffer.alloc(padded(sink.length()) - sink.length()));
	return sink.toBuffer();
};

const writeValue = (sink: ByteSink, value: GgufValue) => {
	if (typeof value === 'string') {
		sink.number('u32', textType);
		sink.text(value);
	} else if (typeof value === 'boolean') {
		writeNumbers(sink, {type: 'bool', value: Number(value)});
	} else if (typeof value === 'number') {
		writeNumbers(sink, {type: 'u32', value});
	} else if ('type' in value) {
		writeNumbers(sink, value);
	} else if (value.every(item => typeof item === 'boolean')) {
		writeNumbers(sink, {type: 'bool', value: value.map(Number)});
	} else {
		sink.number('u32', arrayType);
		sink.number('u32', textType);
		sink.number('u64', value.length);
		for (const text of value) sink.text(String(text));
	}
};

const writeNumbers = (sink: ByteSink, {type, value}: TypedNumbers) => {
	if (typeof value === 'number') {
		sink.number('u32', numberTypes[type].id);
		sink.number(type, value);
	} else {
		sink.number('u32', arrayType);
		sink.number('u32', numberTypes[type].id);
		sink.number('u64', value.length);
		for (const item of value) sink.number(type, item);
	}
};

const createByteSink = () => {
	let buffer = Buffer.alloc(64 * 1024);
	let length = 0;
	const reserve = (bytes: number) => {
		if (length + bytes > buffer.length) buffer = Buffer.concat([buffer], Math.max(buffer.length * 2, length + bytes));
		length += bytes;
		return length - bytes;
	};

	const number = (type: NumberType, value: number) => {
		const at = reserve(numberTypes[type].bytes);
		numberTypes[type].write(new DataView(buffer.buffer, buffer.byteOffset, buffer.length), at, value);
	};

	return {
		number,
		text(text: string) {
			const bytes = Buffer.byteLength(text);
			number('u64', bytes);
			buffer.write(text, reserve(bytes));
		},
		bytes: (bytes: Buffer) => {
			const at = reserve(bytes.length);
			bytes.copy(buffer, at);
		},
		length: () => length,
		toBuffer: () => buffer.subarray(0, length),
	};
};

type ByteSink = ReturnType<typeof createByteSink>;

const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

const typeOf = (name: string) => {
	const [id, type] = [...tensorTypes].find(([, candidate]) => candidate.name === name) ?? [];
	if (id === undefined || type === undefined) throw new Error(`No tensor type ${name}`);
	return {id, ...type};
};

export const tensorBytes = ({type, dimensions}: TensorShape): number => {
	const {blockElements, blockBytes} = typeOf(type);
	return (dimensions.reduce((product, dimension) => product * dimension, 1) / blockElements) * blockBytes;
};

const isNorm = ({name}: TensorShape) => name.endsWith('norm.weight');

const ones = ({dimensions}: TensorShape) => Buffer.from(Float32Array.from({length: dimensions[0] ?? 1}, () => 1).buffer);

/** Blocks of a prime number, so that the rows of no tensor repeat soon. */
const poolBlocks = 4099;

/** A tensor's weights are cut from one pool of random blocks per type: a hundred megabytes are written in a tenth of a second. */
const weightPool = (type: string, random: () => number): Buffer => {
	const {blockBytes} = typeOf(type);
	const write = blockWriters[type];
	if (!write) throw new Error(`No random weights for ${type}; write it sparse`);
	const pool = Buffer.alloc(poolBlocks * blockBytes);
	for (let at = 0; at < pool.length; at += blockBytes) write(pool, at, random);
	return pool;
};

const cutFrom = (pool: Buffer, type: string, sizeBytes: number, random: number): Buffer => {
	const start = (random % poolBlocks) * typeOf(type).blockBytes;
	return Buffer.alloc(sizeBytes, Buffer.concat([pool.subarray(start), pool.subarray(0, start)]));
};

/**
Half precision from 1/2^(exponent + 1) to 1/2^(exponent - 1). Blocks of real weights differ in their scales, and llama.cpp looks scales up in a table of 256 KiB:
with one scale for all, a model runs 1.4 times as fast as a real one.
*/
const scale = (exponent: number, random: () => number) => ((14 - exponent) << 10) + (random() & 0x7_ff);

/** Weights up to ±1/32 or a little more, which is what real layers have: small enough that nothing overflows, large enough that words differ. */
const blockWriters: Readonly<Record<string, (pool: Buffer, at: number, random: () => number) => void>> = {
	F32: (pool, at, random) => pool.writeFloatLE((random() / 2 ** 32 - 0.5) / 16, at),
	// Half precision by its bits: a random sign and fraction, the exponent for 1/64 to 1/32.
	F16: (pool, at, random) => pool.writeUInt16LE((random() & 0x83_ff) | ((15 - 6) << 10), at),
	Q8_0(pool, at, random) {
		pool.writeUInt16LE(scale(12, random), at); // around 1/4096, for quants up to ±127
		for (let quant = 2; quant < 34; quant += 4) pool.writeUInt32LE(random(), at + quant);
	},
	Q4_0(pool, at, random) {
		pool.writeUInt16LE(scale(8, random), at); // around 1/256, for quants from -8 to 7
		for (let quant = 2; quant < 18; quant += 4) pool.writeUInt32LE(random(), at + quant);
	},
	Q4_1(pool, at, random) {
		pool.writeUInt16LE(scale(8, random), at); // around 1/256, for quants from 0 to 15 above the least
		pool.writeUInt16LE(0x80_00 | scale(5, random), at + 2);
		for (let quant = 4; quant < 20; quant += 4) pool.writeUInt32LE(random(), at + quant);
	},
};

/** 32 random bits a call (mulberry32). */
const randomBits = (seed: number) => {
	let state = seed;
	return () => {
		state = (state + 0x6d_2b_79_f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
		return (mixed ^ (mixed >>> 14)) >>> 0;
	};
};
