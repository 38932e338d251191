import {Box, Text} from 'ink';
import type {PlanState} from '../../planner/plan-state.js';
import {adviceTexts} from '../../planner/plan-words.js';
import {useTheme} from '../theme.js';

export const adviceLines = 3;

const wordingFor = ([longest, ...others]: readonly [string, ...string[]], room: number): string =>
	[longest, ...others].find(text => text.length <= room) ?? others.at(-1) ?? longest;

/** Three lines, and on the last of them where they are in a longer list; the number before a line makes its settings pending. */
export const TunerAdvice = ({
	advice,
	top = 0,
	width,
}: Pick<PlanState, 'advice'> & {readonly top?: number | undefined; readonly width: number}) => {
	const theme = useTheme();
	const list = advice === undefined || advice === 'asked' ? undefined : advice;
	const all = list?.length ?? 0;
	const isLong = all > adviceLines;
	const numbered = (list ?? []).slice(top, top + adviceLines).map((one, row) => {
		const number = top + row + 1;
		const place = isLong && row === adviceLines - 1 ? `  ${number} of ${all} ↑↓` : '';
		return (
			<Box key={one.text} justifyContent="space-between">
				<Text wrap="truncate">
					<Text bold color={one.settings ? theme.accent : theme.faint}>{`  ${one.settings ? number : ' '} `}</Text>
					<Text color={theme.text}>{wordingFor(adviceTexts(one, theme.glyphs.approximately), width - '  1 '.length - place.length)}</Text>
				</Text>
				<Box flexShrink={0}>
					<Text color={theme.faint}>{place}</Text>
				</Box>
			</Box>
		);
	});
	const nothing = list ? 'Nothing that was computed would make it better.' : 'The engine is being asked …';
	return (
		<Box flexDirection="column" height={adviceLines} flexShrink={0}>
			{numbered.length > 0 ? numbered : <Text color={theme.dim}>{`  ${nothing}`}</Text>}
		</Box>
	);
};
