import {Box, Text} from 'ink';
import {useState} from 'react';
import {parseSize, type Size, sizeText} from '../../lib/size.js';
import {LineInput} from '../components/line-input.js';
import {useTheme} from '../theme.js';

type TunerBudgetProps = {
	/** The one in force. */
	readonly budget: Size | undefined;
	/** An empty text is no budget. */
	readonly onBudget: (size: Size | undefined) => void;
};

export const TunerBudget = ({budget, onBudget}: TunerBudgetProps) => {
	const theme = useTheme();
	const [text, setText] = useState(budget ? sizeText(budget) : '');
	const [isWrong, setIsWrong] = useState(false);
	return (
		<Box height={1} paddingLeft={2}>
			<Text color={theme.accent}>VRAM budget </Text>
			<LineInput
				value={text}
				placeholder="11.5G, 11500M or 90%; empty: none"
				onChange={value => {
					setIsWrong(false);
					setText(value);
				}}
				onSubmit={value => {
					const size = parseSize(value);
					if (size || value.trim() === '') onBudget(size);
					else setIsWrong(true);
				}}
			/>
			<Text color={theme.danger}>{isWrong ? '  not a size' : ''}</Text>
		</Box>
	);
};
