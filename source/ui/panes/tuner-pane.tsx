import {Box, Text} from 'ink';
import {memo, type ReactNode, useEffect} from 'react';
import {tunedFrom} from '../../engine/engine-state.js';
import type {Settings} from '../../engine/types.js';
import {count} from '../../lib/format.js';
import type {Size} from '../../lib/size.js';
import {machineOf} from '../../planner/machine.js';
import type {PlanState} from '../../planner/plan-state.js';
import {isImpossible, type Limits, type SettingName, usedBatchSize} from '../../planner/settings.js';
import type {Machine} from '../../planner/types.js';
import type {TunerMode} from '../app-reducer.js';
import {Pane} from '../components/pane.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';
import {TunerAdvice} from './tuner-advice.js';
import {TunerBreakdown} from './tuner-breakdown.js';
import {TunerBudget} from './tuner-budget.js';
import {TunerSettings} from './tuner-settings.js';
import {fitTexts, TunerStatus} from './tuner-status.js';

export type TunerViewProps = {
	readonly width: number;
	readonly height: number;
	readonly isCompact: boolean;
	readonly isFocused: boolean;
	readonly mode: TunerMode;
	/** Pieces of advice above the first that is seen. */
	readonly adviceTop?: number;
	readonly selected: SettingName;
	/** undefined: nothing is loaded, nor has a load failed. */
	readonly applied: Settings | undefined;
	/** A load has failed with `applied`. */
	readonly hasFailed?: boolean;
	readonly hasAutoThreads: boolean;
	readonly plan: PlanState;
	readonly limits: Limits | undefined;
	readonly machine: Machine;
	readonly isBusy: boolean;
	/** A reload was told to stop, and the settings before come back. */
	readonly isStopping?: boolean;
	/** Of the conversation, where it does not fit into the context that is planned. */
	readonly forgottenTokens?: number | undefined;
	/** Why the native hooks are off; undefined: they work. */
	readonly hooksOff?: string | undefined;
	/** An empty text is no budget. */
	readonly onBudget: (size: Size | undefined) => void;
};

const summary = (settings: Settings, limits: Limits | undefined, separator: string, hooksOff: string | undefined) =>
	[
		limits?.gpuLayers ? `layers ${settings.gpuLayers}/${limits.gpuLayers}` : 'no GPU',
		`ctx ${count(settings.contextSize)}`,
		...(hooksOff === undefined ? [] : ['hooks off']),
		`KV ${settings.cacheTypeK}/${settings.cacheTypeV}`,
		`batch ${usedBatchSize(settings)}`,
		`threads ${settings.threads}`,
	].join(` ${separator} `);

const keysFor = (width: number): string =>
	width >= 100 ? '↑↓ choose  ←→ change  f fit  b budget  a advice  i memory  u undo  Esc put back' : 'f fit  b budget  a advice  i memory';

/** On the frame, beside the title. */
const hintFor = ({width, isFocused, hooksOff}: Pick<TunerViewProps, 'width' | 'isFocused' | 'hooksOff'>): string => {
	const keys = isFocused ? keysFor(width) : '';
	if (hooksOff === undefined) return keys;
	const off = 'native hooks off';
	const [text] = fitTexts([[`${off}: ${hooksOff}`, `${off} (vramble doctor)`, off]], width - 'Tuner'.length - 11 - keys.length);
	return [text, keys].filter(Boolean).join('  ');
};

export const TunerView = (props: TunerViewProps) => {
	const {
		width,
		height,
		isCompact,
		isFocused,
		mode,
		selected,
		applied,
		hasFailed,
		hasAutoThreads,
		plan,
		limits,
		machine,
		isBusy,
		isStopping,
		hooksOff,
		onBudget,
	} = props;
	const theme = useTheme();
	const frame = (children: ReactNode) =>
		isCompact ? (
			<Box flexDirection="column" width={width} height={height} paddingX={1} overflowY="hidden">
				{children}
			</Box>
		) : (
			<Pane title="Tuner" hint={hintFor(props)} isFocused={isFocused} width={width} height={height}>
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
				{`${plan.pending ? 'pending: ' : ''}${summary(settings, limits, theme.glyphs.separator, hooksOff)}`}
			</Text>,
		);
	}

	return frame(
		<>
			<Box flexDirection="column" flexGrow={1} flexShrink={0}>
				{mode === 'advice' ? <TunerAdvice advice={plan.advice} top={props.adviceTop} width={width - (isCompact ? 2 : 4)} /> : null}
				{mode === 'breakdown' ? (
					<TunerBreakdown
						plan={plan.plan}
						isRefused={isImpossible(settings)}
						vram={machine.vram}
						ram={machine.ram}
						width={width - (isCompact ? 2 : 4)}
					/>
				) : null}
				{mode === 'advice' || mode === 'breakdown' ? null : (
					<TunerSettings
						settings={settings}
						applied={applied}
						hasAutoThreads={hasAutoThreads}
						limits={limits}
						selected={isFocused ? selected : undefined}
						width={width}
					/>
				)}
			</Box>
			{mode === 'budget' ? (
				<TunerBudget
					name={limits?.gpuLayers ? 'VRAM' : 'RAM'}
					budget={limits?.gpuLayers ? plan.budgets.vram : plan.budgets.ram}
					onBudget={onBudget}
					width={width - (isCompact ? 2 : 4)}
				/>
			) : (
				<TunerStatus
					plan={plan}
					settings={settings}
					applied={applied}
					limits={limits}
					machine={machine}
					hasFailed={hasFailed}
					isAsking={mode === 'asking'}
					isReloading={isBusy}
					isStopping={isStopping}
					forgottenTokens={props.forgottenTokens}
					width={width - (isCompact ? 2 : 4)}
				/>
			)}
		</>,
	);
};

type TunerPaneProps = Pick<TunerViewProps, 'width' | 'height' | 'isCompact' | 'isFocused' | 'selected' | 'mode' | 'adviceTop'> & {
	readonly onBudgetSet: () => void;
};

export const TunerPane = memo(({onBudgetSet, ...props}: TunerPaneProps) => {
	const {engine, plan, monitor, setBudget} = useServices();
	const applied = useStore(engine, tunedFrom);
	const hasFailed = useStore(engine, ({failedWith}) => failedWith !== undefined);
	const hooksOff = useStore(engine, ({device}) => device?.hooksOff);
	const hasAutoThreads = useStore(engine, state => state.hasAutoThreads);
	const isBusy = useStore(
		engine,
		({phase: {name}, applied: now}) => name === 'loading' || name === 'reloading' || (name === 'stopping' && now === undefined),
	);
	const isStopping = useStore(engine, ({phase}) => phase.name === 'stopping' && phase.isReload);
	const state = useStore(plan, snapshot => snapshot);
	const forgottenTokens = useStore(engine, ({contextUsed}) =>
		state.pending && contextUsed >= state.pending.contextSize ? contextUsed : undefined,
	);
	const readings = useStore(monitor, snapshot => snapshot);
	// What was advised, or asked about, is no longer what is on the screen.
	const lacksAdvice = props.mode === 'advice' && applied !== undefined && state.advice === undefined;
	useEffect(() => {
		if (lacksAdvice) void plan.advise();
	}, [lacksAdvice, plan]);
	return (
		<TunerView
			{...props}
			applied={applied}
			hasFailed={hasFailed}
			hasAutoThreads={hasAutoThreads}
			plan={state}
			limits={plan.limits()}
			machine={machineOf(readings, state.budgets)}
			isBusy={isBusy}
			isStopping={isStopping}
			forgottenTokens={forgottenTokens}
			hooksOff={hooksOff}
			onBudget={size => {
				void setBudget(size);
				onBudgetSet();
			}}
		/>
	);
});
