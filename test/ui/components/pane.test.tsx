import {renderToString, Text} from 'ink';
import {expect, test} from 'vitest';
import {Pane} from '../../../source/ui/components/pane.js';

const show = (width: number, height: number, hint?: string) =>
	`\n${renderToString(
		<Pane title="Tuner" width={width} height={height} {...(hint && {hint})}>
			<Text>one</Text>
			<Text>two</Text>
		</Pane>,
		{columns: 80},
	)}\n`;

test('title and hint stand in the frame', () => {
	expect(show(30, 4, '←→ change')).toBe(`
╭─ Tuner ──────── ←→ change ─╮
│ one                        │
│ two                        │
╰────────────────────────────╯
`);
});

test('without the room there is no hint', () => {
	expect(show(22, 4, '←→ change')).toBe(`
╭─ Tuner ────────────╮
│ one                │
│ two                │
╰────────────────────╯
`);
});

test('is exactly as high as it is told', () => {
	expect(show(12, 3)).toBe(`
╭─ Tuner ──╮
│ one      │
╰──────────╯
`);
	expect(show(12, 6)).toBe(`
╭─ Tuner ──╮
│ one      │
│ two      │
│          │
│          │
╰──────────╯
`);
});
