/** What can be typed after a slash. */
export const commands = [
	{name: 'help', argument: '', text: 'keys and commands'},
	{name: 'model', argument: '[PATH]', text: 'load another model; without a path: the list'},
	{name: 'system', argument: '[TEXT]', text: 'set the system prompt; without text: none'},
	{name: 'retry', argument: '', text: 'ask the last question again'},
	{name: 'clear', argument: '', text: 'begin a new conversation'},
	{name: 'undo', argument: '', text: 'bring back what /clear took away'},
	{name: 'copy', argument: '', text: 'copy the last answer'},
	{name: 'quit', argument: '', text: 'leave'},
] as const;

export type CommandName = (typeof commands)[number]['name'];

export type Parsed =
	| {readonly type: 'text'; readonly text: string}
	| {readonly type: 'command'; readonly name: CommandName; readonly argument: string}
	| {readonly type: 'unknown'; readonly name: string};

/** A slash, letters and nothing but a space or the end behind them is a command; a path like `/etc/hosts` is text. */
export const parseInput = (text: string): Parsed => {
	const match = text.match(/^\/([a-z]+)(?:\s+([\s\S]*))?$/);
	if (!match) return {type: 'text', text};
	const name = match[1] ?? '';
	const command = commands.find(candidate => candidate.name === name);
	return command ? {type: 'command', name: command.name, argument: match[2]?.trim() ?? ''} : {type: 'unknown', name};
};
