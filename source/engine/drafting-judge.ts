import type {Drafting} from './types.js';

/** One evaluation, and the tokens of the answer that came out of it. */
export type DraftingStep = {readonly ms: number; readonly isDrafted: boolean; readonly tokens: number};

/** Steps of a kind that are needed before they are compared, and the most that are looked back at: a context grows, and texts change. */
const fewest = 8;
const most = 32;
/** One in so many steps is done without drafting, to know what that is worth now. */
const plainEvery = 32;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const tokensPerSecond = (steps: readonly DraftingStep[]): number =>
	(sum(steps.map(({tokens}) => tokens)) * 1000) / sum(steps.map(({ms}) => ms));

/** Tokens without drafting after it did not pay for the first time in an answer; then twice as many each time. The text may become easier to guess. */
const firstPause = 64;

/** Compares steps with and without drafting, and pauses it where it does not pay. */
export const createDraftingJudge = () => {
	let plain: readonly DraftingStep[] = [];
	let drafted: readonly DraftingStep[] = [];
	let sincePlain = 0;
	let pause = firstPause;
	let left = 0;
	let off: Drafting['off'];

	return {
		/** What steps are worth without drafting is still known from the answer before. */
		beginAnswer() {
			drafted = [];
			off = undefined;
			pause = firstPause;
		},
		mayDraft: (): boolean => off === undefined && plain.length >= fewest && sincePlain < plainEvery,
		add(step: DraftingStep) {
			if (!step.isDrafted) {
				plain = [...plain, step].slice(-most);
				sincePlain = 0;
				if (off && --left === 0) off = undefined;
				return;
			}

			sincePlain++;
			drafted = [...drafted, step].slice(-most);
			if (drafted.length < fewest) return;
			const [tokensPerSecondWith, tokensPerSecondWithout] = [tokensPerSecond(drafted), tokensPerSecond(plain)];
			if (tokensPerSecondWith >= tokensPerSecondWithout) return;
			off = {tokensPerSecondWith, tokensPerSecondWithout};
			drafted = [];
			left = pause;
			pause *= 2;
		},
		off: (): Drafting['off'] => off,
	};
};
