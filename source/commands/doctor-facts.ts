import type {Failure} from '../engine/engine-errors.js';
import type {Backend, EngineFacts} from '../engine/types.js';
import type {RamAndSwap} from '../monitor/ram-and-swap.js';

/** A device as far as it is known: without the native hooks only what it is. */
export type DoctorDevice = {
	readonly name: string | undefined;
	readonly description: string;
	readonly totalBytes: number | undefined;
	readonly freeBytes: number | undefined;
};

export type BackendFacts = {
	readonly backend: Backend;
	/** It is the one that vramble runs on. */
	readonly isUsed: boolean;
	readonly devices: readonly DoctorDevice[];
	/** undefined: it works. */
	readonly failure: Failure | undefined;
};

export type TerminalFacts = {
	readonly columns: number;
	readonly rows: number;
	/** 2 to the power of them are the colours. */
	readonly colourBits: number;
	readonly isUtf8: boolean;
	/** What the terminal says; undefined: it says nothing. */
	readonly bracketedPaste: boolean | undefined;
	/** `TERM` */
	readonly kind: string | undefined;
	readonly inside: 'tmux' | 'screen' | undefined;
};

export type FolderFacts = {
	/** What is kept there; `cache`: what Node.js has compiled, where it keeps that (`NODE_COMPILE_CACHE`, or among the temporary files). */
	readonly use: 'data' | 'temporary' | 'cache';
	readonly path: string;
	readonly freeBytes: number | undefined;
	/** Why nothing can be written there; undefined: it can. */
	readonly problem: string | undefined;
};

export type SpeedFacts = {
	readonly ramBytesPerSecond: number | undefined;
	readonly gpuBytesPerSecond: number | undefined;
	/** Answers that they were learned from. */
	readonly answers: number;
};

export type DoctorModel = {
	readonly path: string;
	/** What it is and the settings that it would be opened with; undefined: it cannot be opened. */
	readonly text: string | undefined;
	/** What there is to say about them. */
	readonly remarks: readonly string[];
	readonly failure: Failure | undefined;
};

/** What works here. */
export type DoctorFacts = {
	readonly versions: {readonly vramble: string; readonly node: string; readonly platform: string};
	readonly backends: readonly BackendFacts[];
	/** undefined: llama.cpp does not start. */
	readonly engine: Omit<EngineFacts, 'devices'> | undefined;
	/** Why the native hooks do nothing; undefined: they work, or llama.cpp does not start. */
	readonly hooksOff: string | undefined;
	readonly cpu: {readonly name: string; readonly threads: number};
	readonly memory: RamAndSwap | undefined;
	/** undefined: unlimited, or not known. */
	readonly mlockLimitBytes: number | undefined;
	/** undefined: the output goes elsewhere. */
	readonly terminal: TerminalFacts | undefined;
	readonly folders: readonly FolderFacts[];
	/** undefined: nothing was measured yet. */
	readonly speeds: SpeedFacts | undefined;
	/** undefined: none was named. */
	readonly model: DoctorModel | undefined;
};
