/** `end`: follows what is written; a number: the rows above the view, which stay the same whatever comes below, as wrapped to this width. */
export type ScrollState = {readonly top: 'end'} | {readonly top: number; readonly width: number};

/** Rows in all as wrapped to a width, and rows that the view shows. */
export type ScrollExtent = {readonly total: number; readonly height: number; readonly width: number};

export type ScrollEvent =
	| ({readonly type: 'moved'; readonly rows: number} & ScrollExtent)
	| ({readonly type: 'pagedUp' | 'pagedDown' | 'wentToTop'} & ScrollExtent)
	/** The rows or the view became more or fewer, or were wrapped anew: then `top` shows what was at the top. */
	| ({readonly type: 'measured'; readonly top: number} & ScrollExtent)
	| {readonly type: 'wentToEnd'};

export const following: ScrollState = {top: 'end'};

const lastTop = ({total, height}: ScrollExtent) => Math.max(0, total - height);

/** The first visible row. */
export const visibleTop = ({top}: ScrollState, extent: ScrollExtent): number =>
	top === 'end' ? lastTop(extent) : Math.min(top, lastTop(extent));

/** What is written below the view; 0 at the end. */
export const rowsBelow = (state: ScrollState, extent: ScrollExtent): number => lastTop(extent) - visibleTop(state, extent);

const scrollTo = (state: ScrollState, top: number, extent: ScrollExtent): ScrollState => {
	const next = Math.max(0, top);
	if (next >= lastTop(extent)) return state.top === 'end' ? state : following;
	return state.top === next && state.width === extent.width ? state : {top: next, width: extent.width};
};

const distance = (event: Exclude<ScrollEvent, {type: 'wentToEnd' | 'measured'}>): number => {
	// One row of the old page stays, so that the reader finds the place again.
	const page = Math.max(1, event.height - 1);
	switch (event.type) {
		case 'moved':
			return event.rows;
		case 'pagedUp':
			return -page;
		case 'pagedDown':
			return page;
		case 'wentToTop':
			return -event.total;
	}
};

export const scrollReducer = (state: ScrollState, event: ScrollEvent): ScrollState => {
	switch (event.type) {
		case 'wentToEnd':
			return state.top === 'end' ? state : following;
		case 'measured':
			return state.top === 'end' ? state : scrollTo(state, event.top, event);
		default:
			return scrollTo(state, visibleTop(state, event) + distance(event), event);
	}
};
