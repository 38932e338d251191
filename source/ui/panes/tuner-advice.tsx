import {Box, Text} from 'ink';
import type {PlanState} from '../../planner/plan-state.js';
import {adviceTexts} from '../../planner/plan-words.js';
import {useTheme} from '../theme.js';

const lines = 3;

const wordingFor = ([longest, ...others]: readonly [string, ...string[]], room: number): string =>
	[longest, ...others].find(text => text.length <= room) ?? others.at(-1) ?? longest;

/** Three lines; the number before a line makes its settings pending. */
export const TunerAdvice = ({advice, width}: Pick<PlanState, 'advice'> & {readonly width: number}) => {
	const theme = useTheme();
	const list = advice === undefined || advice === 'asked' ? undefined : advice.slice(0, lines);
	const numbered = (list ?? []).map((one, index) => (
		<Text key={one.text} wrap="truncate">
			<Text bold color={one.settings ? theme.accent : theme.faint}>{`  ${one.settings ? index + 1 : ' '} `}</Text>
			<Text color={theme.text}>{wordingFor(adviceTexts(one, theme.glyphs.approximately), width - '  1 '.length)}</Text>
		</Text>
	));
	const nothing = list ? 'Nothing that was computed would make it better.' : 'The engine is being asked …';
	return (
		<Box flexDirection="column" height={lines} flexShrink={0}>
			{numbered.length > 0 ? numbered : <Text color={theme.dim}>{`  ${nothing}`}</Text>}
		</Box>
	);
};
