import {type ChildProcess, spawn} from 'node:child_process';
import {text} from 'node:stream/consumers';
import {personsEnvironment} from '../support/terminal.ts';
import {cliPath, type Home} from './program.ts';

type Run = {
	/** Nothing: standard input is closed from the start. */
	readonly input?: string;
	readonly env?: Readonly<Record<string, string | undefined>>;
	/** Default: the CPU, whatever device the machine has. */
	readonly gpu?: string;
	/** A file in place of a pipe. */
	readonly stdout?: number;
};

export type Ended = {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
};

const environment = (home: Home, env: Run['env']) => personsEnvironment({...home.env, GGML_VK_VISIBLE_DEVICES: undefined, ...env});

/** The built program with pipes instead of a terminal. */
export const startProgram = (home: Home, args: readonly string[], {env, gpu = 'off', stdout}: Run = {}): ChildProcess =>
	spawn(process.execPath, [cliPath, '--gpu', gpu, ...args], {
		cwd: home.folder,
		env: environment(home, env),
		stdio: ['pipe', stdout ?? 'pipe', 'pipe'],
		timeout: 120_000,
		killSignal: 'SIGKILL',
	});

export const exitOf = (child: ChildProcess) =>
	new Promise<Pick<Ended, 'code' | 'signal'>>((resolve, reject) => {
		child.once('error', reject);
		child.once('close', (code, signal) => resolve({code, signal}));
	});

export const runProgram = async (home: Home, args: readonly string[], {input = '', ...run}: Run = {}): Promise<Ended> => {
	const child = startProgram(home, args, run);
	if (!child.stdin || !child.stdout || !child.stderr) throw new Error('No pipes.');
	// Who ends before it has read its input closes the pipe.
	child.stdin.on('error', () => {});
	child.stdin.end(input);
	const [ended, stdout, stderr] = await Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
	return {...ended, stdout, stderr};
};
