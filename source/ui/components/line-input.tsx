import {useInput} from 'ink';
import TextInput from 'ink-text-input';
import {type RefObject, useRef} from 'react';

type LineInputProps = {
	readonly value: string;
	readonly placeholder: string;
	readonly focus?: boolean;
	readonly onChange: (value: string) => void;
	readonly onSubmit: (value: string) => void;
};

/** Sees each key before the field does: Ink calls listeners in the order of their elements. */
const KeyWatch = ({isText}: {readonly isText: RefObject<boolean>}) => {
	useInput((_input, key) => {
		isText.current = !key.ctrl && !key.meta;
	});
	return null;
};

/** A line of text; ink-text-input takes Ctrl+L for the letter l, this does not. */
export const LineInput = ({onChange, ...props}: LineInputProps) => {
	const isText = useRef(true);
	return (
		<>
			<KeyWatch isText={isText} />
			<TextInput
				{...props}
				onChange={value => {
					const [line = '', ...rest] = value.split(/[\r\n]/);
					if (isText.current) onChange(line);
					// Text and Enter can come in one piece.
					if (rest.length > 0) props.onSubmit(line);
				}}
			/>
		</>
	);
};
