import {Box, Text, useInput} from 'ink';
import {useCallback, useMemo} from 'react';
import {isQueued} from '../../chat/chat-reducer.js';
import {parseInput} from '../../chat/commands.js';
import {describeError} from '../../engine/engine-errors.js';
import type {ReadableStore, Store} from '../../lib/store.js';
import {movableNames, stepBetween} from '../../planner/settings.js';
import type {AppEvent, AppState, TunerMode} from '../app-reducer.js';
import {Editor} from '../components/editor.js';
import type {EditorState} from '../components/editor-reducer.js';
import type {ScrollEvent, ScrollState} from '../components/scroll-reducer.js';
import {useEditor} from '../components/use-editor.js';
import {globalKeys, quitHint, type TunerVerb, tunerKeys, verbOf} from '../keymap.js';
import {layoutOf} from '../layout.js';
import {ChatPane} from '../panes/chat-pane.js';
import {Footer, type Hint} from '../panes/footer.js';
import {MachinePane} from '../panes/machine-pane.js';
import {TitleLine} from '../panes/title-line.js';
import {adviceLines} from '../panes/tuner-advice.js';
import {TunerPane} from '../panes/tuner-pane.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';

type MainScreenProps = {
	readonly columns: number;
	readonly rows: number;
	readonly appStore: ReadableStore<AppState>;
	readonly dispatch: (event: AppEvent) => void;
	readonly editor: Store<EditorState>;
	readonly scroll: ScrollState;
	readonly onScroll: (event: ScrollEvent) => void;
	readonly onCommand: (name: 'help' | 'model' | 'quit') => void;
};

const hintsFor = (focus: AppState['focus'], tuner: TunerMode, stops: boolean, columns: number): readonly Hint[] => [
	['Tab', focus === 'chat' ? 'tuner' : 'chat'],
	['Esc', focus === 'tuner' && tuner !== 'settings' ? 'back' : stops ? 'stop' : columns < 70 ? 'back' : 'put back'],
	['^O', 'models'],
	['^Y', 'copy'],
	['F1', 'help'],
	['^C', 'quit'],
];

const placeholders = {
	ready: 'Ask something, or /help',
	busy: 'Enter sends it as soon as the model is ready',
	none: 'Load a model with Ctrl+O',
};

export const MainScreen = ({columns, rows, appStore, dispatch, editor, scroll, onScroll, onCommand}: MainScreenProps) => {
	const theme = useTheme();
	const services = useServices();
	const {chat, engine, plan} = services;
	// Not all of the state, which is another with every token.
	const model = useStore(engine, state => state.model);
	const phase = useStore(engine, state => state.phase);
	const device = useStore(engine, state => state.device);
	const app = useStore(appStore, state => state);
	const isMoved = useStore(plan, state => state.pending !== undefined);
	const isChat = app.focus === 'chat';
	const isIdle = phase.name === 'idle' || phase.name === 'failed';
	const isBusy = phase.name !== 'ready' && !isIdle;

	const openNamed = async (path: string) => {
		if (chat.conversation().messages.length === 0) return services.open(path);
		const model = await services.readModel(path).catch(error => chat.note(describeError(error), 'error'));
		if (model) dispatch({type: 'modelNamed', model});
	};

	const submit = (text: string) => {
		onScroll({type: 'wentToEnd'});
		const parsed = parseInput(text.trim());
		if (parsed.type === 'text') {
			chat.send(text);
			if (isIdle) chat.note('No model is loaded: the question waits. Ctrl+O opens the list.', 'warning');
			return;
		}

		if (parsed.type === 'unknown') {
			chat.note(`There is no command /${parsed.name}: /help lists them.`, 'warning');
			return;
		}

		const {name, argument} = parsed;
		if (name === 'help' || name === 'quit') onCommand(name);
		else if (name === 'model' && argument === '') onCommand(name);
		else if (name === 'model') void openNamed(argument);
		else if (name === 'clear') void chat.clear();
		else if (name === 'undo') void chat.restore();
		else if (name === 'retry') void chat.retry();
		else if (name === 'copy') services.copyAnswer();
		else {
			void chat.instruct(argument === '' ? undefined : argument);
			chat.note(argument === '' ? 'There is no system prompt now.' : 'The system prompt is set; it holds from the next answer on.');
		}
	};

	const {
		layout: text,
		text: draft,
		dispatch: edit,
	} = useEditor({width: columns - 4, isActive: isChat, onSubmit: submit, onEmpty: chat.goOn, store: editor});
	const waiting = useStore(chat, ({messages, isHeld}) => (isHeld || isIdle ? messages.filter(isQueued).length : 0));

	/** Stops what runs; then takes back the questions that wait; then, pressed twice, puts the draft away. */
	const goBack = () => {
		const now = engine.get().phase.name;
		if (now === 'idle' || now === 'failed' || now === 'ready' || now === 'stopping') {
			const questions = chat.takeBack();
			const typed = editor.get().text;
			if (questions.length > 0) edit({type: 'replaced', text: [...questions, typed].filter(Boolean).join('\n')});
			else if (typed === '' || now === 'stopping') return;
			else if (appStore.get().armed === 'clear') edit({type: 'submitted'});
			else dispatch({type: 'armed', to: 'clear'});
		} else chat.stop();
	};

	/** A change that has to be made between answers. */
	const hasToWait = () => {
		const {
			applied,
			phase: {name},
		} = engine.get();
		const {pending} = plan.get();
		return pending !== undefined && applied !== undefined && isAnswering(name) && stepBetween(applied, pending) !== 'threads';
	};

	useInput((input, key) => {
		const now = appStore.get();
		if (now.focus === 'chat') return;
		const turn = (to: TunerMode) => dispatch({type: 'tunerTurned', to});
		if (now.tuner === 'budget') {
			if (key.escape) turn('settings');
			return;
		}

		if (now.tuner === 'asking') {
			if (key.escape) turn('settings');
			else if (key.return || input === 's') {
				turn('settings');
				if (input === 's') engine.cancel();
				void services.apply();
			}

			return;
		}

		if (now.tuner === 'advice' && /^[1-9]$/.test(input)) {
			plan.follow(Number(input) - 1);
			turn('settings');
			return;
		}

		const {pending, queued} = plan.get();
		if (input === 's' && queued !== undefined && queued === pending && isAnswering(engine.get().phase.name)) {
			engine.cancel();
			return;
		}

		const verb = verbOf(tunerKeys, input, key);
		// It is of the settings as they were.
		if (now.tuner === 'advice' && (verb === 'recall' || verb === 'fit')) turn('settings');
		if (now.tuner === 'advice' && (verb === 'previousSetting' || verb === 'nextSetting')) {
			const {advice} = plan.get();
			const most = typeof advice === 'object' ? Math.max(0, advice.length - adviceLines) : 0;
			dispatch({type: 'adviceScrolled', by: verb === 'nextSetting' ? 1 : -1, most});
			return;
		}

		// What the arrows change is not seen there.
		if (verb && now.tuner !== 'settings' && movesSetting(verb)) turn('settings');
		else if (verb === 'previousSetting') dispatch({type: 'settingChosen', by: -1, among: movableNames(plan.limits())});
		else if (verb === 'nextSetting') dispatch({type: 'settingChosen', by: 1, among: movableNames(plan.limits())});
		else if (verb === 'apply' && hasToWait()) turn('asking');
		else if (verb === 'apply') void services.apply();
		else if (verb === 'recall') {
			if (!plan.recall()) chat.note('There is no change to undo.');
		} else if (verb === 'fit') plan.fit().catch(error => chat.note(describeError(error), 'error'));
		else if (verb === 'budget') {
			if (plan.limits()) turn('budget');
		} else if (verb === 'advice') {
			turn(now.tuner === 'advice' ? 'settings' : 'advice');
			if (now.tuner !== 'advice') void plan.advise().catch(() => {});
		} else if (verb === 'breakdown') turn(now.tuner === 'breakdown' ? 'settings' : 'breakdown');
		else if (verb === 'putBack') {
			if (now.tuner !== 'settings') turn('settings');
			else if (plan.get().pending && engine.get().phase.name !== 'reloading') plan.putBack();
			else engine.cancel();
		} else if (verb) plan.move(now.selected, verb);
	});

	useInput((input, key) => {
		const verb = verbOf(globalKeys, input, key);
		const isChat = appStore.get().focus === 'chat';
		if (verb === 'stop' && isChat) {
			goBack();
			if (key.meta) goBack(); // two that came in one piece
		} else if (verb === 'nextPane' || verb === 'previousPane') dispatch({type: 'paneChanged'});
		else if (verb === 'copy') services.copyAnswer();
		else if (verb === 'endOfInput' && isChat && draft === '') onCommand('quit');
	});

	const leaveBudget = useCallback(() => dispatch({type: 'tunerTurned', to: 'settings'}), [dispatch]);
	const stops = isChat || phase.name === 'reloading' || (isBusy && !isMoved);
	const hints = useMemo(() => hintsFor(app.focus, app.tuner, stops, columns), [app.focus, app.tuner, stops, columns]);
	const hasExperts = (plan.limits()?.cpuExpertLayers ?? 0) > 0;
	const layout = layoutOf(columns, rows, {promptLines: text.lines.length, isTunerFocused: !isChat, hasExperts});
	const rules = layout.isCompact ? 1 : 2;
	const placeholder = isIdle ? placeholders.none : isBusy && !isAnswering(phase.name) ? placeholders.busy : placeholders.ready;
	return (
		<Box flexDirection="column" width={columns} height={rows - 1}>
			<TitleLine model={model} phase={phase} device={device} width={columns} />
			<MachinePane width={columns} height={layout.machine.height} />
			<TunerPane
				width={columns}
				height={layout.tuner.height}
				isCompact={layout.isCompact}
				isFocused={!isChat}
				selected={app.selected}
				mode={app.tuner}
				adviceTop={app.adviceTop}
				onBudgetSet={leaveBudget}
			/>
			<ChatPane width={columns} height={layout.chat.height} isActive={isChat} scroll={scroll} onScroll={onScroll} />
			<Text color={isChat ? theme.accent : theme.faint}>{theme.glyphs.rule.repeat(columns)}</Text>
			<Box paddingX={2} height={layout.prompt.height - rules} overflowY="hidden">
				<Editor layout={text} maxRows={layout.prompt.height - rules} isActive={isChat} placeholder={placeholder} width={columns - 4} />
			</Box>
			{layout.isCompact ? null : <Text color={isChat ? theme.accent : theme.faint}>{theme.glyphs.rule.repeat(columns)}</Text>}
			<Footer hints={hints} message={messageFor(app.armed, waiting, isIdle)} width={columns} />
		</Box>
	);
};

const messageFor = (armed: AppState['armed'], waiting: number, isIdle: boolean): string | undefined => {
	if (armed === 'quit') return quitHint;
	if (armed === 'clear') return 'Esc again clears the prompt; Up brings it back';
	if (waiting === 0) return undefined;
	const questions = waiting === 1 ? '1 question waits' : `${waiting} questions wait`;
	return isIdle ? `${questions} for a model; Esc takes back` : `${questions}: Enter asks, Esc takes back`;
};

const otherVerbs: ReadonlySet<TunerVerb> = new Set(['apply', 'putBack', 'recall', 'fit', 'budget', 'breakdown', 'advice']);
const movesSetting = (verb: TunerVerb) => !otherVerbs.has(verb);

const isAnswering = (name: string) => name === 'writing' || name === 'processing';
