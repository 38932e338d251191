import {Box, Text, useInput, usePaste} from 'ink';
import {useEffect, useRef, useState} from 'react';
import {describeError} from '../../engine/engine-errors.js';
import type {ModelFacts} from '../../engine/types.js';
import {fileSize} from '../../lib/format.js';
import type {ModelEntry} from '../../models/types.js';
import {LineInput} from '../components/line-input.js';
import {Pane} from '../components/pane.js';
import {firstVisible, selectListReducer} from '../components/select-list-reducer.js';
import {globalKeys, quitHint, verbOf} from '../keymap.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';

type ModelsScreenProps = {
	readonly width: number;
	readonly height: number;
	/** Chosen already, by its path. */
	readonly named: ModelFacts | undefined;
	readonly onLoad: (model: ModelFacts, keepConversation: boolean) => void;
	/** Ctrl+C was pressed once. */
	readonly isLeaving: boolean;
	readonly onClose: () => void;
	readonly onQuit: () => void;
};

/** What became of the choice. */
type Stage =
	| {readonly name: 'choosing'}
	| {readonly name: 'reading'}
	| {readonly name: 'refused'; readonly why: string}
	| {readonly name: 'asking'; readonly model: ModelFacts};

const question = '  Keep the conversation?  y keep   n new one   Esc back';
const choosing: Stage = {name: 'choosing'};

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
			<Box flexGrow={1} flexBasis={0} minWidth={Math.min(12, entry.note?.length ?? 0)} overflow="hidden">
				<Text color={theme.dim} wrap="truncate">
					{entry.note ?? ''}
				</Text>
			</Box>
		</Box>
	);
};

const StageLine = ({stage}: {readonly stage: Stage}) => {
	const theme = useTheme();
	switch (stage.name) {
		case 'choosing':
			return null;
		case 'reading':
			return <Text color={theme.dim}>{'  '}reading …</Text>;
		case 'refused':
			return <Text color={theme.danger}>{`  ${stage.why}`}</Text>;
		case 'asking':
			return <Text color={theme.tight}>{question}</Text>;
	}
};

/** The loaded one is in the list wherever its file is. */
const withLoaded = (entries: readonly ModelEntry[], loaded: ModelFacts | undefined): readonly ModelEntry[] => {
	if (!loaded) return entries;
	const note = 'loaded';
	if (!entries.some(({path}) => path === loaded.path)) return [{...loaded, note}, ...entries];
	return entries.map(entry => (entry.path === loaded.path ? {...entry, note} : entry));
};

/** Chooses a model: from the list, or by a path typed into the filter. */
export const ModelsScreen = ({width, height, named, isLeaving, onLoad, onClose, onQuit}: ModelsScreenProps) => {
	const theme = useTheme();
	const {findModels, readModel, engine, chat} = useServices();
	const loaded = useStore(engine, ({model, applied}) => (applied ? model : undefined));
	const [entries, setEntries] = useState<readonly ModelEntry[]>();
	const [filter, setFilter] = useState(named?.path ?? '');
	const [list, setList] = useState({index: 0});
	const [stage, setStage] = useState<Stage>(named ? {name: 'asking', model: named} : choosing);
	/** The path that is being read; what was read of another is not wanted any more. */
	const reading = useRef<string>(undefined);

	useEffect(() => {
		let isWanted = true;
		void findModels().then(found => {
			if (isWanted) setEntries(found);
		});
		return () => {
			isWanted = false;
			reading.current = undefined;
		};
	}, [findModels]);

	const found = withLoaded(entries ?? [], loaded).filter(entry => matches(entry, filter));
	const isPath = found.length === 0 && filter.trim() !== '';
	const room = Math.max(1, height - 4);
	const top = firstVisible(list.index, room - (stage === choosing ? 0 : 1), found.length);

	const back = () => {
		reading.current = undefined;
		setStage(choosing);
	};

	const choose = async (path: string | undefined) => {
		if (path === undefined) return;
		reading.current = path;
		setStage({name: 'reading'});
		try {
			const model = await readModel(path);
			if (reading.current !== path) return;
			if (chat.conversation().messages.length > 0) setStage({name: 'asking', model});
			else onLoad(model, true);
		} catch (error) {
			if (reading.current === path) setStage({name: 'refused', why: describeError(error)});
		}
	};

	const filterBy = (value: string) => {
		back();
		setFilter(value);
		setList(selectListReducer(list, {type: 'narrowed'}, found.length));
	};

	const move = (rows: number) => {
		back();
		setList(selectListReducer(list, {type: 'moved', rows}, found.length));
	};

	useInput((input, key) => {
		if (stage.name === 'asking') {
			if (key.escape) back();
			else if (key.return || input === 'y' || input === 'k') onLoad(stage.model, true);
			else if (input === 'n') onLoad(stage.model, false);
			return;
		}

		if (key.escape && stage === choosing) onClose();
		else if (key.escape) back();
		else if (key.upArrow) move(-1);
		else if (key.downArrow) move(1);
		else if (key.pageUp) move(-room);
		else if (key.pageDown) move(room);
		else if (verbOf(globalKeys, input, key) === 'endOfInput' && filter === '') onQuit();
	});

	usePaste(pasted => filterBy(filter + (pasted.split('\n')[0] ?? '')));

	return (
		<Pane title="Models" hint={isLeaving ? quitHint : 'Enter load   Esc back'} isFocused width={width} height={height}>
			<Box height={1}>
				<Text color={theme.user}>{`${theme.glyphs.prompt} `}</Text>
				<LineInput
					value={filter}
					focus={stage.name !== 'asking'}
					placeholder="type to filter, or the path of a GGUF file"
					onChange={filterBy}
					onSubmit={() => void choose(isPath ? filter.trim() : found[list.index]?.path)}
				/>
			</Box>
			<Box flexDirection="column" height={room} overflowY="hidden">
				{entries === undefined ? <Text color={theme.dim}> looking …</Text> : null}
				{isPath && stage === choosing ? <Text color={theme.dim}>{` Enter opens the file ${filter.trim()}`}</Text> : null}
				{isPath ? <StageLine stage={stage} /> : null}
				{found.slice(top, top + room).map((entry, row) => (
					<Box key={entry.path} flexDirection="column" flexShrink={0}>
						<Entry entry={entry} isSelected={top + row === list.index} width={width - 4} />
						{top + row === list.index ? <StageLine stage={stage} /> : null}
					</Box>
				))}
			</Box>
		</Pane>
	);
};
