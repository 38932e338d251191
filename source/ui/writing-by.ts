type Write = (text: string | Uint8Array, ...rest: never[]) => boolean;

/** The same stream, which is written to in another way. */
export const writingBy = (stream: NodeJS.WriteStream, write: Write): NodeJS.WriteStream =>
	new Proxy(stream, {
		get(target, property) {
			if (property === 'write') return write;
			const value: unknown = Reflect.get(target, property, target);
			return typeof value === 'function' ? value.bind(target) : value;
		},
	});
