/** Pages that this process has waited for the disk for, since it began; undefined where the system does not tell them apart (Windows counts all faults). */
export const readMajorFaults = (): number | undefined =>
	process.platform === 'win32' ? undefined : process.resourceUsage().majorPageFault;
