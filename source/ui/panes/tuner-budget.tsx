import {Box, Text} from 'ink';
import {useState} from 'react';
import {parseSize, type Size, sizeText} from '../../lib/size.js';
import {LineInput} from '../components/line-input.js';
import {useTheme} from '../theme.js';
import {fitTexts} from './tuner-status.js';

type TunerBudgetProps = {
	/** The one in force. */
	readonly budget: Size | undefined;
	/** An empty text is no budget. */
	readonly onBudget: (size: Size | undefined) => void;
	/** Cells of the line. */
	readonly width: number;
};

const label = 'VRAM budget ';
const examples = '11.5G, 11500M or 90%';

export const TunerBudget = ({budget, onBudget, width}: TunerBudgetProps) => {
	const theme = useTheme();
	const [text, setText] = useState(budget ? sizeText(budget) : '');
	const [isWrong, setIsWrong] = useState(false);
	const [wrongText = ''] = fitTexts(
		[[`not a size, such as ${examples}`, `a size: ${examples}`, examples]],
		width - text.length - label.length - 5,
	);
	return (
		<Box height={1} paddingLeft={2}>
			<Text color={theme.accent}>{label}</Text>
			<LineInput
				value={text}
				placeholder={`${examples}; empty: none`}
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
			<Text color={theme.danger} wrap="truncate">
				{isWrong ? `  ${wrongText}` : ''}
			</Text>
		</Box>
	);
};
