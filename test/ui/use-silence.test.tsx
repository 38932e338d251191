import {Text} from 'ink';
import {test} from 'vitest';
import {createStore, type Store} from '../../source/lib/store.js';
import {useSilence} from '../../source/ui/use-silence.js';
import {useStore} from '../../source/ui/use-store.js';
import {renderScreen} from '../support/render-screen.js';

const Title = ({store}: {readonly store: Store<{readonly progress: number}>}) => {
	const phase = useStore(store, state => state);
	return <Text>{`at ${phase.progress}, silent for ${useSilence(phase, true)}`}</Text>;
};

const start = () => {
	const store = createStore({progress: 0});
	return {store, screen: renderScreen(<Title store={store} />)};
};

test('counts seconds until the value changes', async () => {
	const {store, screen} = start();
	await screen.waitForText(/at 0, silent for 2\d{3}/);
	store.set({progress: 1});
	await screen.waitForText(/at 1, silent for (0|\d{1,3})$/);
	await screen.unmount();
});

test('values that come faster than they are drawn', async () => {
	const {store, screen} = start();
	await screen.waitForText(/silent for 1\d{3}/);
	for (let progress = 1; progress <= 500; progress++) {
		store.set({progress});
		if (progress % 2 === 0) await Promise.resolve();
	}

	await screen.waitForText('at 500');
	await screen.unmount();
});
