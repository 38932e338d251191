export type SelectList = {readonly index: number};

export type SelectListEvent = {readonly type: 'moved'; readonly rows: number} | {readonly type: 'narrowed'};

/** `count` is how many there are to choose from now. */
export const selectListReducer = (list: SelectList, event: SelectListEvent, count: number): SelectList => {
	const to = event.type === 'narrowed' ? 0 : list.index + event.rows;
	const index = Math.max(0, Math.min(count - 1, to));
	return index === list.index ? list : {index};
};

/** The first of the `height` rows that are shown, so that the chosen one is among them. */
export const firstVisible = (index: number, height: number, count: number): number =>
	Math.max(0, Math.min(index - Math.floor(height / 2), count - height));
