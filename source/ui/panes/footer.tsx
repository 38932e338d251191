import {Box, Text} from 'ink';
import {memo} from 'react';
import {useTheme} from '../theme.js';

export type Hint = readonly [key: string, text: string];

type FooterProps = {readonly hints: readonly Hint[]; readonly message: string | undefined; readonly width: number};

/** What the keys do now; a message takes their place. */
export const Footer = memo(({hints, message, width}: FooterProps) => {
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
});
