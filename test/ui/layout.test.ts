import fc from 'fast-check';
import {expect, test} from 'vitest';
import {isTooSmall, type Layout, layoutOf, smallest} from '../../source/ui/layout.js';

const calm = {promptLines: 1, isTunerFocused: false, hasExperts: false};
const parts = ['title', 'machine', 'tuner', 'chat', 'prompt', 'footer'] as const;
const heights = (layout: Layout) => parts.map(part => layout[part].height);

test.each([
	[59, 16, true],
	[60, 15, true],
	[60, 16, false],
	[59, 100, true],
	[500, 15, true],
	[120, 32, false],
])('%i x %i: too small %s', (columns, rows, expected) => {
	expect(isTooSmall(columns, rows)).toBe(expected);
});

// Heights from top to bottom: title, machine, tuner, chat, prompt with its rules, footer.
test.each([
	[120, 32, calm, false, [1, 5, 6, 15, 3, 1]],
	[80, 24, calm, false, [1, 5, 6, 7, 3, 1]],
	[80, 22, calm, false, [1, 5, 6, 5, 3, 1]],
	[80, 21, calm, true, [1, 2, 1, 13, 2, 1]],
	[79, 24, calm, true, [1, 2, 1, 16, 2, 1]],
	[60, 16, calm, true, [1, 2, 1, 8, 2, 1]],
	[60, 16, {...calm, isTunerFocused: true}, true, [1, 2, 4, 5, 2, 1]],
	[120, 32, {...calm, promptLines: 4}, false, [1, 5, 6, 12, 6, 1]],
	[120, 32, {...calm, promptLines: 99}, false, [1, 5, 6, 6, 12, 1]],
	[80, 24, {...calm, promptLines: 99}, false, [1, 5, 6, 3, 7, 1]],
	[60, 16, {...calm, promptLines: 99, isTunerFocused: true}, true, [1, 2, 4, 3, 4, 1]],
	[80, 22, {...calm, hasExperts: true}, false, [1, 5, 7, 4, 3, 1]],
	[60, 16, {...calm, hasExperts: true}, true, [1, 2, 1, 8, 2, 1]],
	[60, 16, {...calm, hasExperts: true, isTunerFocused: true}, true, [1, 2, 5, 4, 2, 1]],
])('%i x %i %o', (columns, rows, wishes, isCompact, expected) => {
	const layout = layoutOf(columns, rows, wishes);
	expect([layout.isCompact, heights(layout)]).toEqual([isCompact, expected]);
});

const anySize = [fc.integer({min: smallest.columns, max: 400}), fc.integer({min: smallest.rows, max: 200})] as const;
const anyWishes = fc.record({promptLines: fc.integer({min: 1, max: 300}), isTunerFocused: fc.boolean(), hasExperts: fc.boolean()});

test('for every size no pane overlaps, none is empty, and the last row stays free', () => {
	fc.assert(
		fc.property(...anySize, anyWishes, (columns, rows, wishes) => {
			const layout = layoutOf(columns, rows, wishes);
			let top = 0;
			for (const part of parts) {
				expect(layout[part]).toMatchObject({top, width: columns});
				expect(layout[part].height).toBeGreaterThanOrEqual(1);
				top += layout[part].height;
			}

			expect(top).toBe(rows - 1);
			expect(layout.chat.height).toBeGreaterThanOrEqual(3);
		}),
	);
});

test('a prompt grows with its lines, to a third of the screen, and only the chat makes room', () => {
	fc.assert(
		fc.property(...anySize, anyWishes, (columns, rows, {promptLines, ...others}) => {
			const one = layoutOf(columns, rows, {promptLines: 1, ...others});
			const many = layoutOf(columns, rows, {promptLines, ...others});
			const rules = one.prompt.height - 1;
			expect(many.prompt.height - rules).toBeLessThanOrEqual(Math.min(promptLines, Math.max(1, Math.floor(rows / 3))));
			expect(many.prompt.height).toBeGreaterThanOrEqual(one.prompt.height);
			expect(many.chat.height + many.prompt.height).toBe(one.chat.height + one.prompt.height);
			expect([many.title, many.machine, many.tuner, many.footer]).toEqual([one.title, one.machine, one.tuner, one.footer]);
		}),
	);
});
