import {Box, Text} from 'ink';
import {useTheme} from '../theme.js';

export type Hint = readonly [key: string, text: string];

/** What the keys do now; a message takes their place. */
export const Footer = ({
	hints,
	message,
	width,
}: {
	readonly hints: readonly Hint[];
	readonly message: string | undefined;
	readonly width: number;
}) => {
	const theme = useTheme();
	return (
		<Box width={width} height={1} paddingX={1} overflow="hidden">
			{message === undefined ? (
				<Text wrap="truncate">
					{hints.map(([key, text], index) => (
						<Text key={key}>
							{index === 0 ? '' : width < 70 ? '  ' : '   '}
							<Text bold color={theme.accent}>
								{key}
							</Text>
							<Text color={theme.dim}>{` ${text}`}</Text>
						</Text>
					))}
				</Text>
			) : (
				<Text color={theme.tight} wrap="truncate">
					{message}
				</Text>
			)}
		</Box>
	);
};
