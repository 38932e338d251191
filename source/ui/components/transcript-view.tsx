import {Box, Text} from 'ink';
import {memo} from 'react';
import type {TranscriptLine} from '../../chat/transcript.js';
import {type Theme, useTheme} from '../theme.js';

type Props = {
	/** The visible ones. */
	readonly lines: readonly TranscriptLine[];
	readonly width: number;
	readonly height: number;
};

const toneColor = (theme: Theme, tone: TranscriptLine['tone']): string | undefined =>
	({normal: theme.text, dim: theme.dim, warning: theme.tight, error: theme.danger})[tone];

const Lead = ({line, color}: {readonly line: TranscriptLine; readonly color: string | undefined}) => {
	const theme = useTheme();
	if (line.kind === 'assistant') return null;
	if (!line.first) return '  ';
	const isUser = line.kind === 'user';
	return (
		<Text bold={isUser} color={isUser && line.tone === 'normal' ? theme.user : color}>
			{isUser ? theme.glyphs.prompt : theme.glyphs.separator}{' '}
		</Text>
	);
};

const Mark = ({line}: {readonly line: TranscriptLine}) => {
	const theme = useTheme();
	return (
		<Text bold={false} color={line.mark === 'failed' ? theme.danger : theme.dim}>
			{`${line.text === '' ? '' : ' '}${theme.glyphs.separator} `}
			{line.mark}
		</Text>
	);
};

const TranscriptRow = memo(({line, width}: {readonly line: TranscriptLine; readonly width: number}) => {
	const theme = useTheme();
	const color = toneColor(theme, line.tone);
	return (
		<Box width={width} height={1} flexShrink={0} overflowY="hidden">
			{line.kind !== 'blank' && (
				<Text wrap="truncate-end" bold={line.kind === 'user'} color={color}>
					<Lead line={line} color={color} />
					{line.text}
					{line.mark && <Mark line={line} />}
					{line.cursor && <Text inverse> </Text>}
				</Text>
			)}
		</Box>
	);
});

/** Rows of the conversation from the top of its rectangle; draws `height` rows, however few lines there are. */
export const TranscriptView = memo(({lines, width, height}: Props) => (
	<Box flexDirection="column" width={width} height={height} flexShrink={0} overflowY="hidden">
		{lines.slice(0, height).map(line => (
			<TranscriptRow key={line.key} line={line} width={width} />
		))}
	</Box>
));
