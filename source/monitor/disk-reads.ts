const blockBytes = 512;

/**
Bytes that this process has read from the disk since it began, its swapped and mapped pages among them; undefined where the system does not tell.

Major page faults would say less: with the kernel's read-ahead 94 MB of a mapped file came in with one of them (Linux 6.18).
*/
export const readDiskBytes = (): number | undefined =>
	process.platform === 'linux' ? process.resourceUsage().fsRead * blockBytes : undefined;

/** Counts what is read from one look to the next. */
export const createReadMeter = (diskBytes: () => number | undefined) => {
	let before = diskBytes();
	return {
		/** Bytes since the last look; undefined: the system does not tell. */
		look(): number | undefined {
			const now = diskBytes();
			const read = now === undefined || before === undefined ? undefined : now - before;
			before = now;
			return read;
		},
	};
};
