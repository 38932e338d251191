import {useInput} from 'ink';
import TextInput from 'ink-text-input';
import {useRef, useState} from 'react';
import {graphemesOf} from '../../lib/segments.js';
import {drawable} from '../../lib/text.js';

type LineInputProps = {
	readonly value: string;
	readonly placeholder: string;
	readonly focus?: boolean;
	readonly onChange: (value: string) => void;
	readonly onSubmit: (value: string) => void;
};

type Seen = 'text' | 'deletion' | 'other';

/** Sees each key before the field does: Ink calls listeners in the order of their elements. */
const KeyWatch = ({onSeen, onClear}: {readonly onSeen: (seen: Seen) => void; readonly onClear: (() => void) | undefined}) => {
	useInput((input, key) => {
		if (key.ctrl && input === 'u') onClear?.();
		if (key.ctrl || key.meta) onSeen('other');
		else onSeen(key.backspace || key.delete ? 'deletion' : 'text');
	});
	return null;
};

/** The text without the whole grapheme that one code unit was taken out of. */
export const withoutGrapheme = (text: string, less: string): string => {
	let at = 0;
	while (at < less.length && text[at] === less[at]) at++;
	const cluster = graphemesOf(text).containing(at);
	return cluster ? text.slice(0, cluster.index) + text.slice(cluster.index + cluster.segment.length) : less;
};

/** What made `to` of `from`, done to what earlier keys have left of `from`. */
export const edited = (from: string, to: string, left: string): string => {
	const shorter = Math.min(from.length, to.length);
	let start = 0;
	while (start < shorter && from[start] === to[start]) start++;
	let same = 0;
	while (same < shorter - start && from.at(-1 - same) === to.at(-1 - same)) same++;
	const at = Math.max(0, start - (from.length - left.length));
	return left.slice(0, at) + to.slice(start, to.length - same) + left.slice(at + from.length - same - start);
};

/** A line of text. ink-text-input takes Ctrl+L for the letter l and half an emoji for a character, this does not; Ctrl+U empties it. */
export const LineInput = ({onChange, ...props}: LineInputProps) => {
	const seen = useRef<Seen>('text');
	// The field moves its cursor for a letter that it did not get: a new one begins at the end.
	const [field, setField] = useState(0);
	// Keys that come in one piece find the field as it was before the first of them.
	const latest = useRef(props.value);
	latest.current = props.value;
	const change = (text: string) => {
		latest.current = text;
		onChange(text);
	};

	return (
		<>
			<KeyWatch
				onSeen={now => {
					seen.current = now;
				}}
				onClear={props.focus === false ? undefined : () => change('')}
			/>
			<TextInput
				key={field}
				{...props}
				onChange={value => {
					if (seen.current === 'other') {
						setField(field + 1);
						return;
					}

					const text = edited(props.value, value, latest.current);
					if (seen.current === 'deletion') {
						change(withoutGrapheme(latest.current, text));
						return;
					}

					const [line = '', ...rest] = text.split(/[\r\n]/);
					change(drawable(line));
					// Text and Enter can come in one piece.
					if (rest.length > 0) props.onSubmit(line);
				}}
			/>
		</>
	);
};
