/** Drawing as arithmetic: how many cells each part of a bar gets. */

export type Run<Kind extends string> = {readonly kind: Kind; readonly length: number};

/**
Cells for each part of `parts`, in order; their sum is `width`.

Edges are rounded, not lengths, so that a part that grows does not move the ones before it. A part that is not 0 keeps a cell as long as there are as many cells as parts.
*/
const apportion = <Kind extends string>(parts: ReadonlyArray<readonly [Kind, number]>, width: number): ReadonlyArray<Run<Kind>> => {
	const total = parts.reduce((sum, [, size]) => sum + size, 0);
	let edge = 0;
	let before = 0;
	const runs = parts.map(([kind, size]) => {
		edge += size;
		const end = total > 0 ? Math.round((edge / total) * width) : 0;
		const length = end - before;
		before = end;
		return {kind, size, length};
	});

	for (const run of runs) {
		const widest = runs.reduce((most, other) => (other.length > most.length ? other : most));
		if (run.size === 0 || run.length > 0 || widest.length < 2) continue;
		widest.length--;
		run.length++;
	}

	return runs.filter(run => run.length > 0).map(({kind, length}) => ({kind, length}));
};

export type GaugeKind = 'other' | 'own' | 'pending' | 'free';

export type GaugeParts = {
	readonly total: number;
	/** What others hold. */
	readonly other: number;
	readonly own: number;
	/** What will be added; below 0: how much of `own` will be freed. */
	readonly pending: number;
};

const between = (value: number, low: number, high: number) => (value > low ? Math.min(value, high) : low);

/** What does not fit into the total is cut off at the right. */
export const gaugeCells = ({total, other, own, pending}: GaugeParts, width: number): ReadonlyArray<Run<GaugeKind>> => {
	const cells = Math.max(0, Math.floor(width));
	if (!(total > 0)) return cells > 0 ? [{kind: 'free', length: cells}] : [];
	const others = between(other, 0, total);
	const ours = between(own, 0, total - others);
	// Less than half a cell is not worth a sign: one would look as if something were added.
	const freed = -pending * cells * 2 < total ? 0 : between(-pending, 0, ours);
	const room = total - others - ours;
	// Full already, and more to come: the smallest number still gets its cell.
	const added = pending > 0 ? Math.max(Number.MIN_VALUE, Math.min(pending, room)) : 0;
	return apportion(
		[
			['other', others],
			['own', ours - freed],
			['pending', freed + added],
			['free', Math.max(0, room - added)],
		],
		cells,
	);
};

export type LayerKind = 'on' | 'added' | 'removed' | 'off';

/** One cell a layer, fewer where there is not the room: what stays on, what the pending settings add or remove, what stays off. */
export const layerCells = (applied: number, pending: number, total: number, width: number): ReadonlyArray<Run<LayerKind>> => {
	const layers = Math.max(0, Math.floor(total));
	const [was, willBe] = [between(applied, 0, layers), between(pending, 0, layers)];
	const most = Math.max(was, willBe);
	return apportion(
		[
			['on', Math.min(was, willBe)],
			['added', most - was],
			['removed', most - willBe],
			['off', layers - most],
		],
		Math.max(0, Math.min(layers, Math.floor(width))),
	);
};

/** The newest values, one cell each, from 0 to the highest of them; exactly `width` cells. `glyphs` go from empty to full. */
export const sparkline = (values: readonly number[], width: number, glyphs: readonly string[]): string => {
	const shown = width > 0 ? values.slice(-Math.floor(width)) : [];
	const highest = Math.max(0, ...shown);
	const cells = shown.map(value => glyphs[highest > 0 ? Math.round(between(value / highest, 0, 1) * (glyphs.length - 1)) : 0]);
	return cells.join('') + ' '.repeat(Math.max(0, Math.floor(width) - cells.length));
};
