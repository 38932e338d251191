import type {ModelFacts} from '../engine/types.js';
import type {SettingName} from '../planner/settings.js';

export type TunerMode = 'settings' | 'breakdown' | 'advice' | 'budget' | 'asking';

type Screen = 'main' | 'models' | 'help';

export type AppState = {
	readonly screen: Screen;
	/** What comes back when it is closed. */
	readonly under: Screen;
	/** The model that was named to be loaded, where there is a conversation to be asked about. */
	readonly named: ModelFacts | undefined;
	readonly focus: 'chat' | 'tuner';
	/** The setting that the tuner's keys move. */
	readonly selected: SettingName;
	/** What the tuner shows or asks instead of its settings. */
	readonly tuner: TunerMode;
	/** Pieces of advice above the first that is seen. */
	readonly adviceTop: number;
	/** A key was pressed a moment ago that does this when it is pressed once more: Ctrl+C quits, Esc clears the prompt. */
	readonly armed: 'quit' | 'clear' | undefined;
};

export type AppEvent =
	| {readonly type: 'paneChanged'}
	| {readonly type: 'settingChosen'; readonly by: 1 | -1; readonly among: readonly SettingName[]}
	| {readonly type: 'screenOpened'; readonly screen: 'models' | 'help'}
	| {readonly type: 'modelNamed'; readonly model: ModelFacts}
	| {readonly type: 'screenClosed'}
	| {readonly type: 'modelChosen'}
	| {readonly type: 'tunerTurned'; readonly to: TunerMode}
	| {readonly type: 'adviceScrolled'; readonly by: 1 | -1; readonly most: number}
	| {readonly type: 'armed'; readonly to: AppState['armed']};

export const createAppState = (screen: AppState['screen']): AppState => ({
	screen,
	under: 'main',
	named: undefined,
	focus: 'chat',
	selected: 'gpuLayers',
	tuner: 'settings',
	adviceTop: 0,
	armed: undefined,
});

export const appReducer = (state: AppState, event: AppEvent): AppState => {
	switch (event.type) {
		case 'paneChanged':
			return {...state, focus: state.focus === 'chat' ? 'tuner' : 'chat', tuner: state.tuner === 'breakdown' ? 'breakdown' : 'settings'};
		case 'settingChosen': {
			const at = Math.max(0, event.among.indexOf(state.selected)) + event.by;
			const selected = event.among[at];
			return selected ? {...state, selected} : state;
		}

		case 'screenOpened':
			return event.screen === state.screen
				? state
				: {...state, screen: event.screen, under: state.screen === 'help' ? state.under : state.screen};
		case 'modelNamed':
			return {...state, screen: 'models', under: 'main', named: event.model};
		case 'screenClosed':
			return {...state, screen: state.screen === 'help' ? state.under : 'main', under: 'main', named: undefined};
		case 'modelChosen':
			return {...state, screen: 'main', under: 'main', named: undefined, focus: 'chat'};
		case 'tunerTurned':
			return event.to === state.tuner ? state : {...state, tuner: event.to, adviceTop: 0};
		case 'adviceScrolled': {
			const adviceTop = Math.max(0, Math.min(event.most, state.adviceTop + event.by));
			return adviceTop === state.adviceTop ? state : {...state, adviceTop};
		}

		case 'armed':
			return event.to === state.armed ? state : {...state, armed: event.to};
	}
};
