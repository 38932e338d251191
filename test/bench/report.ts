export const median = (values: readonly number[]): number => {
	const sorted = values.toSorted((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 === 1
		? (sorted[middle] ?? Number.NaN)
		: ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
};

/** The smallest value that at least so many percent are not above. */
export const percentile = (values: readonly number[], percent: number): number => {
	const sorted = values.toSorted((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
};

export type Line = {
	readonly name: string;
	/** undefined: could not be measured, and `detail` says why. */
	readonly value: number | undefined;
	readonly unit: string;
	readonly digits: number;
	/** What the value must not be above. */
	readonly bar?: number;
	readonly detail?: string;
};

const verdict = ({value, bar}: Line) => {
	if (bar === undefined) return '';
	if (value === undefined) return 'unknown';
	return value <= bar ? 'met' : 'MISSED';
};

export const formatLine = (line: Line): string => {
	const {name, value, unit, digits, bar, detail = ''} = line;
	const shown = value === undefined ? '—' : `${value.toFixed(digits)} ${unit}`;
	const limit = bar === undefined ? '' : `≤ ${bar} ${unit}`;
	return `${name.padEnd(34)}${shown.padStart(12)}  ${limit.padEnd(12)}${verdict(line).padEnd(9)}${detail}`.trimEnd();
};

export const summarize = (lines: readonly Line[]): string => {
	const verdicts = lines.map(verdict);
	const count = (wanted: string) => verdicts.filter(one => one === wanted).length;
	return `${count('met')} bars met, ${count('MISSED')} missed, ${count('unknown')} unknown`;
};

/** The median of what was measured, with its spread; undefined where nothing was. */
export const spread = (values: readonly number[], digits = 0): string =>
	values.length === 0 ? '' : `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;
