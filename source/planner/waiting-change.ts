import type {ReadableStore} from '../lib/store.js';

/** Says that a change waits for an answer, and when it is taken back, be it by Esc or by other settings. */
export const watchWaiting = (plan: ReadableStore<unknown>, isWanted: () => boolean, say: (text: string) => void) => {
	let isTakenBack = false;
	say('The change comes after the answer; Esc in the tuner takes it back.');
	const unsubscribe = plan.subscribe(() => {
		if (isWanted()) return;
		unsubscribe();
		isTakenBack = true;
		say('The change is taken back.');
	});
	return {
		isTakenBack: () => isTakenBack,
		/** Its turn has come: false where it is no longer wanted. */
		begins(): boolean {
			unsubscribe();
			return !isTakenBack;
		},
	};
};
