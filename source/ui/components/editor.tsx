import {Box, Text} from 'ink';
import {graphemesOf} from '../../lib/segments.js';
import {useTheme} from '../theme.js';
import {type EditorLayout, promptWidth, visibleRows} from './editor-layout.js';

type Props = {
	readonly layout: EditorLayout;
	readonly maxRows: number;
	readonly isActive: boolean;
	readonly placeholder: string;
	/** Cells, prompt glyph included. */
	readonly width: number;
};

type RowProps = {readonly text: string; readonly cursorIndex: number; readonly isActive: boolean; readonly color: string | undefined};

const CursorRow = ({text, cursorIndex, isActive, color}: RowProps) => {
	const under = cursorIndex < text.length ? (graphemesOf(text).containing(cursorIndex)?.segment ?? '') : '';
	return (
		<Text wrap="truncate-end" color={color}>
			{text.slice(0, cursorIndex)}
			<Text inverse={isActive}>{under === '' ? ' ' : under}</Text>
			{text.slice(cursorIndex + under.length)}
		</Text>
	);
};

export const Editor = ({layout, maxRows, isActive, placeholder, width}: Props) => {
	const theme = useTheme();
	const isEmpty = layout.lines.length === 1 && layout.lines[0] === '';
	const {top, rows} = visibleRows(layout, maxRows);
	return (
		<Box flexDirection="column" width={width} flexShrink={0}>
			{rows.map((text, index) => {
				const row = top + index;
				return (
					<Box key={row} width={width} height={1} flexShrink={0} overflowY="hidden">
						<Box width={promptWidth} flexShrink={0}>
							{row === 0 && (
								<Text bold color={theme.user}>
									{theme.glyphs.prompt}
								</Text>
							)}
						</Box>
						{row === layout.cursorRow ? (
							<CursorRow
								text={isEmpty ? placeholder : text}
								cursorIndex={layout.cursorIndex}
								isActive={isActive}
								color={isEmpty ? theme.dim : theme.text}
							/>
						) : (
							<Text wrap="truncate-end" color={theme.text}>
								{text}
							</Text>
						)}
					</Box>
				);
			})}
		</Box>
	);
};
