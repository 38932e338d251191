import {Box, Text} from 'ink';
import {useState} from 'react';
import {parseSize, type Size, sizeProblem, sizeText} from '../../lib/size.js';
import {LineInput} from '../components/line-input.js';
import {useTheme} from '../theme.js';
import {fitTexts} from './tuner-status.js';

type TunerBudgetProps = {
	/** `RAM` where there is no GPU. */
	readonly name: 'VRAM' | 'RAM';
	/** The one in force. */
	readonly budget: Size | undefined;
	/** An empty text is no budget. */
	readonly onBudget: (size: Size | undefined) => void;
	/** Cells of the line. */
	readonly width: number;
};

const examples = '11.5G, 11500M or 90%';

export const TunerBudget = ({name, budget, onBudget, width}: TunerBudgetProps) => {
	const theme = useTheme();
	const label = `${name} budget `;
	const [text, setText] = useState(budget ? sizeText(budget) : '');
	const [isTouched, setIsTouched] = useState(false);
	const [isWrong, setIsWrong] = useState(false);
	const problem = sizeProblem(text);
	const wrongTexts = problem ? [problem] : [`not a size: write ${examples}`, `write ${examples}`, examples];
	const oldTexts = ['typing replaces it, empty is no budget', 'empty: none'];
	const [remark = ''] = fitTexts(
		[isWrong ? wrongTexts : text !== '' && !isTouched ? oldTexts : []],
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
					setIsTouched(true);
					// The field begins with its cursor at the end.
					setText(!isTouched && value.length > text.length && value.startsWith(text) ? value.slice(text.length) : value);
				}}
				onSubmit={value => {
					const size = parseSize(value);
					if (size || value.trim() === '') onBudget(size);
					else setIsWrong(true);
				}}
			/>
			<Text color={isWrong ? theme.danger : theme.dim} wrap="truncate">
				{`  ${remark}`}
			</Text>
		</Box>
	);
};
