/** Where the program's own files are. */
export type Places = {
	readonly guidePath: string;
	/** The script of an engine in a process of its own. */
	readonly engineProcess: URL;
	readonly packageFile: URL;
};
