/** One entry of the conversation as it is shown. Never changed in place: a change makes a new object, which is how the transcript knows. */
export type ChatMessage = {
	readonly id: number;
	readonly role: 'user' | 'assistant' | 'notice';
	readonly text: string;
	/** `cut off`: it has as many tokens as `-n` allows. */
	readonly state: 'done' | 'queued' | 'streaming' | 'stopped' | 'cut off' | 'failed';
	/** Of a notice; `info` where it is not given. */
	readonly tone?: 'info' | 'warning' | 'error';
};
