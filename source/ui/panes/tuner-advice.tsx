import {Box, Text} from 'ink';
import type {PlanState} from '../../planner/plan-state.js';
import {adviceText} from '../../planner/plan-words.js';
import {useTheme} from '../theme.js';

const lines = 3;

/** Three lines; the number before a line makes its settings pending. */
export const TunerAdvice = ({advice}: Pick<PlanState, 'advice'>) => {
	const theme = useTheme();
	const list = advice === undefined || advice === 'asked' ? undefined : advice.slice(0, lines);
	const numbered = (list ?? []).map((one, index) => (
		<Text key={one.text} wrap="truncate">
			<Text bold color={one.settings ? theme.accent : theme.faint}>{`  ${one.settings ? index + 1 : ' '} `}</Text>
			<Text color={theme.text}>{adviceText(one, theme.glyphs.approximately)}</Text>
		</Text>
	));
	const nothing = list ? 'Nothing that was computed would make it better.' : 'The engine is being asked …';
	return (
		<Box flexDirection="column" height={lines} flexShrink={0}>
			{numbered.length > 0 ? numbered : <Text color={theme.dim}>{`  ${nothing}`}</Text>}
		</Box>
	);
};
