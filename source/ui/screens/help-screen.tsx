import {Box, Text, useInput, usePaste} from 'ink';
import {useState} from 'react';
import {commands} from '../../chat/commands.js';
import {unknown} from '../../lib/format.js';
import {wrapped} from '../../lib/wrapped.js';
import {Pane} from '../components/pane.js';
import {type Binding, chatKeys, globalKeys, quitHint, tunerKeys} from '../keymap.js';
import {type Glyphs, useTheme} from '../theme.js';

type HelpScreenProps = {readonly width: number; readonly height: number; readonly isLeaving: boolean; readonly onClose: () => void};

type Line = {readonly id: string; readonly title?: string; readonly keys?: string; readonly text?: string};

const keyLines = (title: string, bindings: ReadonlyArray<Binding<unknown>>): readonly Line[] => [
	{id: title, title},
	...bindings.filter(({keys}) => keys !== '').map(({keys, text}) => ({id: `${title} ${keys}`, keys, text})),
	{id: `after ${title}`},
];

const signs = ({gauge, layer, approximately}: Glyphs): ReadonlyArray<Omit<Line, 'id'>> => [
	{keys: gauge.other, text: 'memory that other programs hold'},
	{keys: gauge.own, text: 'memory that vramble holds'},
	{keys: gauge.pending, text: 'what pending settings add or free'},
	{keys: gauge.free, text: 'free memory'},
	{keys: layer.on, text: 'a layer on the GPU'},
	{keys: layer.removed, text: 'a layer to be taken off the GPU'},
	{keys: layer.off, text: 'a layer on the CPU'},
	{keys: approximately, text: 'computed or expected, not measured'},
	{keys: unknown, text: 'not known'},
];

const keysWidth = 24;

/** What there is no room for beside its keys goes on in lines of its own. */
const wrappedLines = ({id, title, keys, text}: Line, width: number): readonly Line[] =>
	title || !text
		? [{id, ...(title && {title})}]
		: wrapped(text, width - keysWidth).map((part, index) => ({id: `${id} ${index}`, keys: index === 0 ? (keys ?? '') : '', text: part}));

const linesOf = (glyphs: Glyphs): readonly Line[] => [
	...keyLines('Everywhere', globalKeys),
	...keyLines('Chat', chatKeys),
	...keyLines('Tuner', tunerKeys),
	{id: 'Signs', title: 'Signs'},
	...signs(glyphs).map(line => ({...line, id: `Signs ${line.text}`})),
	{id: 'after Signs'},
	{id: 'Commands', title: 'Commands'},
	...commands.map(({name, argument, text}) => ({id: name, keys: `/${name} ${argument}`.trim(), text})),
];

export const HelpScreen = ({width, height, isLeaving, onClose}: HelpScreenProps) => {
	const theme = useTheme();
	const [top, setTop] = useState(0);
	const lines = linesOf(theme.glyphs).flatMap(line => wrappedLines(line, width - 4));
	const room = height - 2;
	const last = Math.max(0, lines.length - room);
	const scroll = (rows: number) => setTop(current => Math.min(last, Math.max(0, current + rows)));
	useInput((input, key) => {
		if (key.upArrow) scroll(-1);
		else if (key.downArrow) scroll(1);
		else if (key.pageUp) scroll(-room);
		else if (key.pageDown) scroll(room);
		else if (key.escape || key.return || input === 'q') onClose();
	});
	// Without a listener pasted text would come as keys.
	usePaste(() => {});
	const shown = Math.min(top, last);
	return (
		<Pane title="Help" hint={isLeaving ? quitHint : last > 0 ? '↑↓ scroll   Esc back' : 'Esc back'} isFocused width={width} height={height}>
			{lines.slice(shown, shown + room).map(({id, title, keys, text}) => (
				<Box key={id} height={1} overflow="hidden">
					{title ? (
						<Text bold color={theme.accent}>
							{title}
						</Text>
					) : (
						<Text wrap="truncate">
							<Text color={theme.text}>{`  ${keys ?? ''}`.padEnd(keysWidth)}</Text>
							<Text color={theme.dim}>{text ?? ''}</Text>
						</Text>
					)}
				</Box>
			))}
		</Pane>
	);
};
