import {readFile} from 'node:fs/promises';
import type {ProcessMemory} from './types.js';

/** Reads `/proc/<pid>/status` (proc_pid_status(5)); undefined where its kernel does not split resident memory (before Linux 4.5). */
export const parseProcessStatus = (status: string): ProcessMemory | undefined => {
	const bytes = (name: string) => {
		const kibibytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
		return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
	};

	const [anonymous, file] = [bytes('RssAnon'), bytes('RssFile')];
	if (anonymous === undefined || file === undefined) return undefined;
	// Shared memory cannot be dropped and read again as a mapped file can, so it goes with the anonymous pages.
	const unreclaimable = anonymous + (bytes('RssShmem') ?? 0);
	return {residentBytes: unreclaimable + file, anonymousBytes: unreclaimable, fileBytes: file};
};

type Edges = {readonly readStatus: () => Promise<string>; readonly residentBytes: () => number};

const realEdges: Edges = {
	readStatus: async () => readFile('/proc/self/status', 'utf8'),
	residentBytes: () => process.memoryUsage.rss(),
};

export const readProcessMemory = async ({readStatus, residentBytes} = realEdges): Promise<ProcessMemory> => {
	const split = await readStatus().then(parseProcessStatus, () => undefined);
	return split ?? {residentBytes: residentBytes(), anonymousBytes: undefined, fileBytes: undefined};
};

const add = (a: number | undefined, b: number | undefined): number | undefined => (a === undefined || b === undefined ? undefined : a + b);

/** Of this process and of one that works for it (`pid`), as one. */
export const readMemoryWith = async (pid: number | undefined, edges = realEdges): Promise<ProcessMemory> => {
	const own = await readProcessMemory(edges);
	const status = pid === undefined ? undefined : await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
	const other = status === undefined ? undefined : parseProcessStatus(status);
	return other
		? {
				residentBytes: own.residentBytes + other.residentBytes,
				anonymousBytes: add(own.anonymousBytes, other.anonymousBytes),
				fileBytes: add(own.fileBytes, other.fileBytes),
			}
		: own;
};
