import type {FileHandle} from 'node:fs/promises';
import {EngineError} from '../engine/engine-errors.js';
import {fileSize} from '../lib/format.js';

/** Small enough to keep the event loop free (15,000 vocabulary entries take about 1 ms), large enough that reads do not count. */
const chunkBytes = 256 * 1024;

/** Real headers take up to 30 MB, nearly all of it vocabulary. What reaches further is damaged, and walking it could take minutes. */
const headerLimit = 512 * 1024 * 1024;

/** Longer than any name, and than nearly every chat template. */
const longestText = 64 * 1024;

export const damaged = (name: string, why: string): EngineError =>
	new EngineError('bad-model', `"${name}" is damaged.`, {why, advice: 'Download the file again.'});

/** Reads forward through the start of a file; what is skipped is not read. No length in the file is believed before it was compared with the size. */
export const createFileCursor = (file: FileHandle, name: string, sizeBytes: number) => {
	const chunk = Buffer.allocUnsafe(chunkBytes);
	let chunkStart = 0;
	let chunkEnd = 0;
	let position = 0;

	const cutOff = (): EngineError =>
		new EngineError('bad-model', `"${name}" was cut off: it ends inside its header, after ${fileSize(sizeBytes)}.`, {
			advice: 'Download the file again.',
		});

	/** Throws unless the file can hold that many bytes from here. */
	const claim = (bytes: number) => {
		if (position + bytes > headerLimit) throw damaged(name, 'Its header gives sizes that cannot be true.');
		if (position + bytes > sizeBytes) throw cutOff();
	};

	/** Brings the next bytes, a chunk at most, into memory. */
	const fill = async (bytes: number) => {
		claim(bytes);
		if (position >= chunkStart && position + bytes <= chunkEnd) return;
		chunkStart = position;
		chunkEnd = position;
		while (chunkEnd < position + bytes) {
			const {bytesRead} = await file.read(chunk, chunkEnd - chunkStart, chunkBytes - (chunkEnd - chunkStart), chunkEnd);
			if (bytesRead === 0) throw cutOff();
			chunkEnd += bytesRead;
		}
	};

	/** As a double: exact up to 2 ** 53, and what is larger cannot be true anyway. */
	const uint64At = (at: number) => chunk.readUInt32LE(at - chunkStart) + chunk.readUInt32LE(at - chunkStart + 4) * 2 ** 32;

	const take = async <T>(bytes: number, read: (chunk: Buffer, at: number) => T): Promise<T> => {
		await fill(bytes);
		const value = read(chunk, position - chunkStart);
		position += bytes;
		return value;
	};

	const uint64 = async (): Promise<number> => {
		await fill(8);
		position += 8;
		return uint64At(position - 8);
	};

	const skip = (bytes: number) => {
		claim(bytes);
		position += bytes;
	};

	return {
		take,
		uint64,
		skip,
		claim,
		uint32: () => take(4, (bytes, at) => bytes.readUInt32LE(at)),
		/** undefined, and skipped, where it is too long to be wanted. */
		async text(): Promise<string | undefined> {
			const length = await uint64();
			claim(length);
			if (length > longestText) {
				skip(length);
				return undefined;
			}

			return take(length, (bytes, at) => bytes.toString('utf8', at, at + length));
		},
		async skipTexts(count: number) {
			claim(count * 8);
			for (let skipped = 0; skipped < count; ) {
				await fill(8);
				for (; skipped < count && position + 8 <= chunkEnd; skipped++) position += 8 + uint64At(position);
			}

			claim(0);
		},
		position: () => position,
	};
};

export type FileCursor = ReturnType<typeof createFileCursor>;
