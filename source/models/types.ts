/** One line of the model list. */
export type ModelEntry = {
	readonly path: string;
	readonly name: string;
	readonly sizeBytes: number;
	/** What to say of it beside its size. */
	readonly note: string | undefined;
};
