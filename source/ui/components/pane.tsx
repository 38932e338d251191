import {Box, Text} from 'ink';
import type {ReactNode} from 'react';
import {useTheme} from '../theme.js';

type PaneProps = {
	readonly title: string;
	/** What can be done here, at the right of the frame's top line; left out where there is no room. */
	readonly hint?: string;
	readonly isFocused?: boolean;
	readonly width: number;
	readonly height: number;
	readonly children?: ReactNode;
};

const corners = {round: ['╭', '╮'], classic: ['+', '+']} as const;

/** A frame with a title; Ink's Box has no border title, so the top line is text. Title and hint are our own words: one cell a character. */
export const Pane = ({title, hint = '', isFocused = false, width, height, children}: PaneProps) => {
	const theme = useTheme();
	const {rule, border} = theme.glyphs;
	const [left, right] = corners[border];
	const frame = isFocused ? theme.accent : theme.faint;
	const room = width - [...title].length - 6;
	const shownHint = hint !== '' && [...hint].length + 3 <= room ? ` ${hint} ` : '';
	return (
		<Box flexDirection="column" width={width} height={height} flexShrink={0}>
			<Text color={frame} wrap="truncate">
				{`${left}${rule} `}
				<Text bold color={isFocused ? theme.accent : theme.text}>
					{title}
				</Text>
				{` ${rule.repeat(Math.max(0, room - [...shownHint].length))}`}
				<Text color={theme.dim}>{shownHint}</Text>
				{`${rule}${right}`}
			</Text>
			<Box
				flexDirection="column"
				borderStyle={border}
				borderTop={false}
				borderColor={frame}
				paddingX={1}
				width={width}
				height={height - 1}
				overflowY="hidden"
			>
				{/* Rows that do not fit are cut off below; shrunk, they would be drawn over each other. */}
				<Box flexDirection="column" flexGrow={1} flexShrink={0}>
					{children}
				</Box>
			</Box>
		</Box>
	);
};
