import type {TranscriptLine} from './transcript.js';

const messageOf = ({key}: TranscriptLine): string => key.slice(0, key.indexOf(':'));

/** Wrapping leaves out spaces, and nothing else. */
const lettersOf = ({text}: TranscriptLine): number => text.replaceAll(/\s/g, '').length;

/** The row of `after`, the same conversation at another width, that shows what `row` of `before` begins with. */
export const sameRow = (before: readonly TranscriptLine[], row: number, after: readonly TranscriptLine[]): number => {
	const line = before[row];
	if (!line) return row;
	const message = messageOf(line);
	const rowsOf = (lines: readonly TranscriptLine[]) => lines.filter(other => other.kind !== 'blank' && messageOf(other) === message);
	const start = after.findIndex(other => messageOf(other) === message);
	if (line.kind === 'blank' || start === -1) return Math.max(0, start);
	const rowsBefore = rowsOf(before);
	const letters = rowsBefore.slice(0, rowsBefore.indexOf(line)).reduce((sum, other) => sum + lettersOf(other), 0);
	let seen = 0;
	let found = 0;
	for (const [at, other] of rowsOf(after).entries()) {
		if (seen > letters) break;
		found = at;
		seen += lettersOf(other);
	}

	return start + (after[start]?.kind === 'blank' ? 1 : 0) + found;
};
