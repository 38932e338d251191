import {Box, Text} from 'ink';
import {type ReactNode, useState} from 'react';
import type {Settings} from '../../engine/types.js';
import {count} from '../../lib/format.js';
import {parseSize, type Size} from '../../lib/size.js';
import {machineOf} from '../../planner/machine.js';
import type {PlanState} from '../../planner/plan-store.js';
import {bindingText, planText} from '../../planner/plan-words.js';
import {type Limits, type SettingName, stepBetween, warningsOf} from '../../planner/settings.js';
import type {Machine} from '../../planner/types.js';
import type {TunerMode} from '../app-reducer.js';
import {LineInput} from '../components/line-input.js';
import {Pane} from '../components/pane.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';
import {TunerAdvice} from './tuner-advice.js';
import {TunerBreakdown} from './tuner-breakdown.js';
import {TunerSettings} from './tuner-settings.js';

export type TunerViewProps = {
	readonly width: number;
	readonly height: number;
	readonly isCompact: boolean;
	readonly isFocused: boolean;
	readonly mode: TunerMode;
	readonly selected: SettingName;
	/** undefined: nothing is loaded. */
	readonly applied: Settings | undefined;
	readonly plan: PlanState;
	readonly limits: Limits | undefined;
	readonly machine: Machine;
	readonly isBusy: boolean;
	/** An empty text is no budget. */
	readonly onBudget: (size: Size | undefined) => void;
};

const effects = {nothing: 'nothing to do', context: 'context only', model: 'full reload'};

const summary = (settings: Settings, limits: Limits | undefined, separator: string) =>
	[
		`layers ${settings.gpuLayers}/${limits?.gpuLayers ?? 0}`,
		`ctx ${count(settings.contextSize)}`,
		`KV ${settings.cacheTypeK}/${settings.cacheTypeV}`,
		`batch ${settings.batchSize}`,
		`threads ${settings.threads}`,
	].join(` ${separator} `);

const hintFor = (width: number): string =>
	width >= 100 ? '↑↓ choose  ←→ change  f fit  b budget  a advice  i memory  u undo  Esc put back' : 'f fit  b budget  a advice  i memory';

const BudgetField = ({onBudget}: Pick<TunerViewProps, 'onBudget'>) => {
	const theme = useTheme();
	const [text, setText] = useState('');
	const [isWrong, setIsWrong] = useState(false);
	return (
		<Box height={1} paddingLeft={2}>
			<Text color={theme.accent}>VRAM budget </Text>
			<LineInput
				value={text}
				placeholder="11.5G, 11500M or 90%; empty: none"
				onChange={value => {
					setIsWrong(false);
					setText(value);
				}}
				onSubmit={value => {
					const size = parseSize(value);
					if (size || value.trim() === '') onBudget(size);
					else setIsWrong(true);
				}}
			/>
			<Text color={theme.danger}>{isWrong ? '  not a size' : ''}</Text>
		</Box>
	);
};

const StatusLine = ({
	settings,
	applied,
	plan: {pending, plan, binding, budgets, isAsking},
	limits,
	mode,
}: TunerViewProps & {settings: Settings; applied: Settings}) => {
	const theme = useTheme();
	const {dot, approximately} = theme.glyphs;
	if (mode === 'asking') {
		return (
			<Text color={theme.tight} wrap="truncate">
				{`  An answer is being written.  Enter apply after it   s stop it and apply   Esc back`}
			</Text>
		);
	}

	const [warning] = limits ? warningsOf(settings, limits) : [];
	const text = plan && planText(plan, budgets.vram !== undefined, approximately);
	const color = text && {fits: theme.fits, tight: theme.tight, paging: theme.danger, 'does not fit': theme.danger}[text.verdict];
	const remark = isAsking ? 'asking the engine …' : (warning ?? (binding ? bindingText(binding) : ''));
	return (
		<Box height={1} justifyContent="space-between" paddingLeft={2} gap={2}>
			<Text wrap="truncate" color={theme.dim}>
				{text ? (
					<>
						<Text bold color={color}>{`${dot} ${text.head}`}</Text>
						{text.rest}
						<Text color={theme.text}>{text.speed === '' ? '' : `   ${text.speed}`}</Text>
					</>
				) : null}
				<Text color={warning ? theme.tight : theme.dim}>{remark === '' ? '' : `   ${remark}`}</Text>
			</Text>
			<Box flexShrink={0}>
				<Text color={pending ? theme.text : theme.faint}>
					<Text bold color={pending ? theme.accent : theme.faint}>
						Enter
					</Text>
					{` ${effects[stepBetween(applied, settings)]}`}
				</Text>
			</Box>
		</Box>
	);
};

export const TunerView = (props: TunerViewProps) => {
	const {width, height, isCompact, isFocused, mode, selected, applied, plan, limits, machine, isBusy, onBudget} = props;
	const theme = useTheme();
	const frame = (children: ReactNode) =>
		isCompact ? (
			<Box flexDirection="column" width={width} height={height} paddingX={1} overflowY="hidden">
				{children}
			</Box>
		) : (
			<Pane title="Tuner" hint={isFocused ? hintFor(width) : ''} isFocused={isFocused} width={width} height={height}>
				{children}
			</Pane>
		);
	const settings = plan.pending ?? applied;
	if (!settings || !applied) {
		return frame(
			<Text color={theme.dim} wrap="truncate">
				{isBusy ? 'The settings can be moved when the model is loaded.' : 'No model is loaded: Ctrl+O opens the list.'}
			</Text>,
		);
	}

	if (isCompact && !isFocused) {
		return frame(
			<Text color={plan.pending ? theme.pending : theme.dim} wrap="truncate">
				{summary(settings, limits, theme.glyphs.separator)}
			</Text>,
		);
	}

	return frame(
		<>
			{mode === 'advice' ? <TunerAdvice advice={plan.advice} /> : null}
			{mode === 'breakdown' ? <TunerBreakdown plan={plan.plan} vram={machine.vram} ram={machine.ram} /> : null}
			{mode === 'advice' || mode === 'breakdown' ? null : (
				<TunerSettings settings={settings} applied={applied} limits={limits} selected={isFocused ? selected : undefined} width={width} />
			)}
			{mode === 'budget' ? <BudgetField onBudget={onBudget} /> : <StatusLine {...props} settings={settings} applied={applied} />}
		</>,
	);
};

type TunerPaneProps = Pick<TunerViewProps, 'width' | 'height' | 'isCompact' | 'isFocused' | 'selected' | 'mode'> & {
	readonly onBudgetSet: () => void;
};

export const TunerPane = ({onBudgetSet, ...props}: TunerPaneProps) => {
	const {engine, plan, monitor} = useServices();
	const applied = useStore(engine, state => state.applied);
	const isBusy = useStore(engine, state => state.phase.name === 'loading' || state.phase.name === 'reloading');
	const state = useStore(plan, snapshot => snapshot);
	const readings = useStore(monitor, snapshot => snapshot);
	return (
		<TunerView
			{...props}
			applied={applied}
			plan={state}
			limits={plan.limits()}
			machine={machineOf(readings, state.budgets)}
			isBusy={isBusy}
			onBudget={size => {
				plan.setVramBudget(size);
				onBudgetSet();
			}}
		/>
	);
};
