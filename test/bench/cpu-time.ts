import {readdirSync, readFileSync} from 'node:fs';

/** USER_HZ, which Linux shows to programs as 100 on every machine that Node.js runs on. */
const msPerTick = 10;

const statOf = (pid: string) => {
	try {
		// The name, in parentheses, may hold anything; what follows are numbers.
		return readFileSync(`/proc/${pid}/stat`, 'utf8')
			.replace(/^.*\) /s, '')
			.split(' ');
	} catch {
		return undefined;
	}
};

/** CPU time of all processes in the session of `leader` (in a terminal of its own: the program and what it started); undefined: unknown here. */
export const sessionCpuMs = (leader: number): number | undefined => {
	if (process.platform !== 'linux') return undefined;
	const ticks = readdirSync('/proc')
		.filter(name => /^\d+$/.test(name))
		.map(statOf)
		.filter(stat => Number(stat?.[3]) === leader)
		.map(stat => Number(stat?.[11]) + Number(stat?.[12]));
	return ticks.reduce((sum, one) => sum + one, 0) * msPerTick;
};
