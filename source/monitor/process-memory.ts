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
