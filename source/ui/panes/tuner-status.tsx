import {Box, Text} from 'ink';
import type {Settings} from '../../engine/types.js';
import {overBudget} from '../../planner/breach.js';
import type {PlanState} from '../../planner/plan-state.js';
import {planText, remarkTexts} from '../../planner/plan-words.js';
import {refusalTexts} from '../../planner/refusal.js';
import {type Limits, stepBetween} from '../../planner/settings.js';
import type {Machine} from '../../planner/types.js';
import {useTheme} from '../theme.js';

type TunerStatusProps = {
	readonly plan: PlanState;
	readonly settings: Settings;
	readonly applied: Settings;
	readonly limits: Limits | undefined;
	readonly machine: Machine;
	/** Nothing is loaded with `applied`: a load has failed. */
	readonly hasFailed?: boolean | undefined;
	/** An answer is in the way of what is to be applied. */
	readonly isAsking: boolean;
	/** Another change is being made. */
	readonly isReloading: boolean;
	/** It was told to stop. */
	readonly isStopping?: boolean | undefined;
	/** Of the conversation, where it does not fit into the context that is planned. */
	readonly forgottenTokens?: number | undefined;
	/** Cells of the line. */
	readonly width: number;
};

const effects = {nothing: 'nothing to do', threads: 'at once', context: 'context only', model: 'full reload'};
const gap = '   ';

/** Of each thing to say, those that matter most first, the first wording that there is room for; empty where there is none. */
export const fitTexts = (things: ReadonlyArray<readonly string[]>, room: number): readonly string[] => {
	let left = room;
	return things.map(wordings => {
		const text = wordings.find(wording => wording.length <= left) ?? '';
		left -= text.length;
		return text;
	});
};

/** What the settings come to, and what Enter will do. */
export const TunerStatus = ({
	plan: state,
	settings,
	applied,
	limits,
	machine,
	hasFailed,
	isAsking,
	isReloading,
	isStopping,
	forgottenTokens,
	width,
}: TunerStatusProps) => {
	const theme = useTheme();
	const {dot, approximately} = theme.glyphs;
	if (isAsking) {
		return (
			<Text color={theme.tight} wrap="truncate">
				An answer is being written. Enter waits, s stops, Esc back
			</Text>
		);
	}

	const refusals = refusalTexts(settings, state.plan, state.mlockLimitBytes);
	const text = state.plan && !refusals ? planText(state.plan, machine, approximately) : undefined;
	const verdict = text?.verdict ?? (refusals ? 'does not fit' : 'fits');
	const isUnread = text !== undefined && limits !== undefined && limits.gpuLayers > 0 && !machine.vram;
	const colors = {fits: theme.fits, tight: theme.tight, paging: theme.danger, 'does not fit': theme.danger};
	const color = isUnread ? theme.dim : colors[verdict];
	const said = isUnread ? 'VRAM not read yet' : text?.head;
	const remarks = state.isAsking ? ['asking the engine …'] : refusals ? [] : remarkTexts({settings, limits, forgottenTokens, ...state});
	const isQueued = state.pending !== undefined && state.queued === state.pending;
	const isRefused = refusals !== undefined || (state.plan !== undefined && overBudget(state.plan, machine) !== undefined);
	const what = hasFailed ? 'loads the model' : effects[stepBetween(applied, settings)];
	const [key, effect] = isStopping
		? ['', 'the settings before come back']
		: isReloading
			? ['Esc', 'stops the reload']
			: isQueued
				? ['Esc', width < 100 ? `takes back: ${what}` : `takes back: ${what}, s stops the answer now`]
				: isRefused && state.pending
					? ['Esc', 'puts back']
					: isRefused && hasFailed
						? ['a', 'advice']
						: ['Enter', what];
	const [refusal] = fitTexts([refusals ?? []], width - `${dot} ${key} ${effect}`.length - 4);
	const head = refusals ? refusal : said;
	const isWorth = isReloading || state.pending !== undefined;
	const room = width - 2 - (head ? head.length + 2 : 0) - `${key} ${effect}`.length - 2;
	const spaced = (words: string) => `${head ? gap : ''}${words}`;
	const speedWords = text?.speed ? [spaced(text.speed)] : [];
	const rests = isUnread ? [] : (text?.rests ?? []);
	const spacedRemarks = remarks.map(spaced);
	// What is missing matters more than how fast it would be.
	const isShort = verdict === 'does not fit' || verdict === 'paging';
	const byWorth = isShort ? [rests, speedWords] : [speedWords, rests];
	const [first = 0, second = 0] = byWorth.map(words => words.at(-1)?.length ?? 0);
	// A shorter wording where it leaves room for what is left and how fast it is, or for the one that matters most.
	const shortened = [first + second, first].map(others => spacedRemarks.find(words => words.length <= room - others)).find(Boolean);
	const [remark, worthMost, worthLess, noSpeed, measured] = fitTexts(
		[shortened === undefined ? spacedRemarks : [shortened], ...byWorth, (text?.noSpeeds ?? []).map(spaced), [text?.measured ?? '']],
		room,
	);
	const [speed, rest] = isShort ? [worthLess, worthMost] : [worthMost, worthLess];
	return (
		<Box height={1} justifyContent="space-between" paddingLeft={2} gap={2}>
			<Text wrap="truncate" color={theme.dim}>
				<Text bold color={color}>
					{head ? `${dot} ${head}` : ''}
				</Text>
				{rest}
				<Text color={theme.text}>{speed}</Text>
				{measured}
				{noSpeed}
				<Text color={state.isAsking ? theme.dim : theme.tight}>{remark}</Text>
			</Text>
			<Box flexShrink={0}>
				<Text color={isWorth ? theme.text : theme.faint}>
					<Text bold color={isWorth ? theme.accent : theme.faint}>
						{key}
					</Text>
					{` ${effect}`}
				</Text>
			</Box>
		</Box>
	);
};
