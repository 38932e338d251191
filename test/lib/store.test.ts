import {expect, test} from 'vitest';
import {createStore} from '../../source/lib/store.js';

test('who subscribed hears of every change, until they no longer want to', () => {
	const store = createStore(1);
	const heard: number[] = [];
	const unsubscribe = store.subscribe(() => heard.push(store.get()));
	store.set(2);
	store.update(value => value * 10);
	unsubscribe();
	unsubscribe();
	store.set(3);
	expect([heard, store.get()]).toEqual([[2, 20], 3]);
});

test('the same value is no change', () => {
	const store = createStore<{readonly a: number}>({a: 1});
	let changes = 0;
	store.subscribe(() => changes++);
	store.update(current => current);
	store.set(store.get());
	expect(changes).toBe(0);
	store.set({a: 1});
	expect(changes).toBe(1);
});

test('a listener may leave, or change the value again, while it is told', () => {
	const store = createStore(0);
	const heard: string[] = [];
	const leave = store.subscribe(() => {
		heard.push('once');
		leave();
	});
	store.subscribe(() => {
		heard.push(`sees ${store.get()}`);
		if (store.get() < 2) store.set(2);
	});
	store.set(1);
	expect(heard).toEqual(['once', 'sees 1', 'sees 2']);
});
