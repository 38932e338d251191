import {Box, Text, useApp, useInput, useWindowSize} from 'ink';
import {useCallback, useEffect, useReducer, useState} from 'react';
import {createStore} from './lib/store.js';
import type {Services} from './services.js';
import {type AppEvent, appReducer, createAppState} from './ui/app-reducer.js';
import {createEditor} from './ui/components/editor-reducer.js';
import {following, scrollReducer} from './ui/components/scroll-reducer.js';
import {globalKeys, quitHint, verbOf} from './ui/keymap.js';
import {isTooSmall, smallest} from './ui/layout.js';
import {HelpScreen} from './ui/screens/help-screen.js';
import {MainScreen} from './ui/screens/main-screen.js';
import {ModelsScreen} from './ui/screens/models-screen.js';
import {ServicesProvider} from './ui/services-context.js';
import {type Theme, ThemeProvider} from './ui/theme.js';
import {useStore} from './ui/use-store.js';

type AppProps = {
	readonly services: Services;
	readonly theme: Theme;
	/** The screen that stands first: the model list where no model was named. */
	readonly firstScreen: 'main' | 'models';
	readonly onQuit: () => void;
	/** Draws the whole screen anew. */
	readonly onRedraw: () => void;
	/** Stops the program while the terminal is as it was before; undefined: nothing can. */
	readonly onSuspend?: (() => Promise<void>) | undefined;
};

/** Two presses of a key within this time do more than one. */
const armedMs = 2000;

export const App = ({services, theme, firstScreen, onQuit, onRedraw, onSuspend}: AppProps) => {
	const {columns, rows} = useWindowSize();
	const {suspendTerminal} = useApp();
	// Not React's state: several keys can come before the next render, and each must see what the one before it did.
	const [appStore] = useState(() => createStore(createAppState(firstScreen)));
	const app = useStore(appStore, state => state);
	const dispatch = useCallback((event: AppEvent) => appStore.update(state => appReducer(state, event)), [appStore]);
	const [scroll, onScroll] = useReducer(scrollReducer, following);
	// Outlives the main screen, which the model list and the help take away.
	const [editor] = useState(() => createStore(createEditor()));
	const close = useCallback(() => dispatch({type: 'screenClosed'}), [dispatch]);

	useEffect(() => {
		if (!app.armed) return;
		const timer = setTimeout(() => dispatch({type: 'armed', to: undefined}), armedMs);
		return () => clearTimeout(timer);
	}, [app.armed, dispatch]);

	useInput((input, key) => {
		const verb = verbOf(globalKeys, input, key);
		if (verb === 'interrupt') {
			if (appStore.get().armed === 'quit') onQuit();
			else dispatch({type: 'armed', to: 'quit'});
			services.chat.stop();
		} else if (verb === 'stop' && isTooSmall(columns, rows)) services.chat.stop();
		else if (verb === 'models') dispatch({type: 'screenOpened', screen: 'models'});
		else if (verb === 'help') dispatch({type: 'screenOpened', screen: 'help'});
		else if (verb === 'redraw') onRedraw();
		else if (verb === 'suspend' && onSuspend) void suspendTerminal(onSuspend);
	});

	const isLeaving = app.armed === 'quit';
	const screen = () => {
		if (isTooSmall(columns, rows)) {
			const text = isLeaving ? quitHint : `too small: needs ${smallest.columns} x ${smallest.rows}, has ${columns} x ${rows}`;
			return <Text wrap="truncate">{text}</Text>;
		}

		if (app.screen === 'help') return <HelpScreen width={columns} height={rows - 1} isLeaving={isLeaving} onClose={close} />;
		if (app.screen === 'models') {
			return (
				<ModelsScreen
					width={columns}
					height={rows - 1}
					named={app.named}
					isLeaving={isLeaving}
					onClose={close}
					onQuit={onQuit}
					onLoad={(model, keepConversation) => {
						dispatch({type: 'modelChosen'});
						void services.load(model, {keepConversation});
					}}
				/>
			);
		}

		return (
			<MainScreen
				columns={columns}
				rows={rows}
				appStore={appStore}
				dispatch={dispatch}
				editor={editor}
				scroll={scroll}
				onScroll={onScroll}
				onCommand={name => (name === 'quit' ? onQuit() : dispatch({type: 'screenOpened', screen: name === 'model' ? 'models' : 'help'}))}
			/>
		);
	};

	return (
		<ServicesProvider value={services}>
			<ThemeProvider value={theme}>
				<Box width={columns} height={Math.max(1, rows - 1)} overflowY="hidden">
					{screen()}
				</Box>
			</ThemeProvider>
		</ServicesProvider>
	);
};
