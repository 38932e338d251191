import {expect, test} from 'vitest';
import {appReducer, createAppState} from '../../source/ui/app-reducer.js';

test('advice scrolls as far as there is more of it, and begins at the top when it is opened again', () => {
	const most = 2;
	const down = (state: ReturnType<typeof createAppState>) => appReducer(state, {type: 'adviceScrolled', by: 1, most});
	const bottom = down(down(createAppState('main')));
	expect(bottom.adviceTop).toBe(2);
	expect(down(bottom)).toBe(bottom);
	expect(appReducer(bottom, {type: 'adviceScrolled', by: -1, most}).adviceTop).toBe(1);
	expect(appReducer(bottom, {type: 'tunerTurned', to: 'advice'}).adviceTop).toBe(0);
});
