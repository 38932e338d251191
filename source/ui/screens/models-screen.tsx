import {Box, Text, useInput, usePaste} from 'ink';
import {useEffect, useState} from 'react';
import {fileSize} from '../../lib/format.js';
import type {ModelEntry} from '../../models/types.js';
import {LineInput} from '../components/line-input.js';
import {Pane} from '../components/pane.js';
import {firstVisible, selectListReducer} from '../components/select-list-reducer.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';

type ModelsScreenProps = {
	readonly width: number;
	readonly height: number;
	/** There is a conversation that could be kept. */
	readonly asksToKeep: boolean;
	readonly onOpen: (path: string, keepConversation: boolean) => void;
	/** Ctrl+C was pressed once. */
	readonly isLeaving: boolean;
	readonly onClose: () => void;
};

const matches = (entry: ModelEntry, filter: string) => entry.name.toLowerCase().includes(filter.trim().toLowerCase());

const Entry = ({entry, isSelected, width}: {readonly entry: ModelEntry; readonly isSelected: boolean; readonly width: number}) => {
	const theme = useTheme();
	return (
		<Box height={1} width={width} gap={2} overflow="hidden">
			<Box flexShrink={1} overflow="hidden">
				<Text wrap="truncate" bold={isSelected} color={isSelected ? theme.text : theme.dim}>
					<Text color={theme.accent}>{isSelected ? `${theme.glyphs.selected} ` : '  '}</Text>
					{entry.name}
				</Text>
			</Box>
			<Box flexShrink={0}>
				<Text color={theme.dim}>{fileSize(entry.sizeBytes)}</Text>
			</Box>
			<Box flexShrink={1} overflow="hidden">
				<Text color={theme.dim} wrap="truncate">
					{entry.note ?? ''}
				</Text>
			</Box>
		</Box>
	);
};

/** Chooses a model: from the list, or by a path typed into the filter. */
export const ModelsScreen = ({width, height, asksToKeep, isLeaving, onOpen, onClose}: ModelsScreenProps) => {
	const theme = useTheme();
	const {findModels} = useServices();
	const [entries, setEntries] = useState<readonly ModelEntry[]>();
	const [filter, setFilter] = useState('');
	const [list, setList] = useState({index: 0});
	const [chosen, setChosen] = useState<string>();

	useEffect(() => {
		let isWanted = true;
		void findModels().then(found => {
			if (isWanted) setEntries(found);
		});
		return () => {
			isWanted = false;
		};
	}, [findModels]);

	const found = entries?.filter(entry => matches(entry, filter)) ?? [];
	const isPath = found.length === 0 && filter.trim() !== '';
	const room = Math.max(1, height - 5);
	const top = firstVisible(list.index, room, found.length);

	const choose = (path: string | undefined) => {
		if (path === undefined) return;
		if (asksToKeep) setChosen(path);
		else onOpen(path, true);
	};

	const filterBy = (value: string) => {
		setFilter(value);
		setList(selectListReducer(list, {type: 'narrowed'}, entries?.length ?? 0));
	};

	useInput((input, key) => {
		if (chosen !== undefined) {
			if (key.escape) setChosen(undefined);
			else if (key.return || input === 'y' || input === 'k') onOpen(chosen, true);
			else if (input === 'n') onOpen(chosen, false);
			return;
		}

		if (key.escape) onClose();
		else if (key.upArrow) setList(selectListReducer(list, {type: 'moved', rows: -1}, found.length));
		else if (key.downArrow) setList(selectListReducer(list, {type: 'moved', rows: 1}, found.length));
		else if (key.pageUp) setList(selectListReducer(list, {type: 'moved', rows: -room}, found.length));
		else if (key.pageDown) setList(selectListReducer(list, {type: 'moved', rows: room}, found.length));
	});

	usePaste(pasted => filterBy(filter + (pasted.split('\n')[0] ?? '')));

	return (
		<Pane title="Models" hint="Enter load   Esc back" isFocused width={width} height={height}>
			<Box height={1}>
				<Text color={theme.user}>{`${theme.glyphs.prompt} `}</Text>
				<LineInput
					value={filter}
					focus={chosen === undefined}
					placeholder="type to filter, or the path of a GGUF file"
					onChange={filterBy}
					onSubmit={() => choose(isPath ? filter.trim() : found[list.index]?.path)}
				/>
			</Box>
			<Box flexDirection="column" height={room} overflowY="hidden">
				{entries === undefined ? <Text color={theme.dim}> looking …</Text> : null}
				{isPath ? <Text color={theme.dim}>{` Enter opens the file ${filter.trim()}`}</Text> : null}
				{found.slice(top, top + room).map((entry, row) => (
					<Entry key={entry.path} entry={entry} isSelected={top + row === list.index} width={width - 4} />
				))}
			</Box>
			<Box height={1}>
				<Text color={theme.tight} wrap="truncate">
					{isLeaving ? 'Ctrl+C again quits' : chosen === undefined ? '' : 'Keep the conversation?  y keep   n begin a new one   Esc back'}
				</Text>
			</Box>
		</Pane>
	);
};
