import {Box, Text} from 'ink';
import type {ReactNode} from 'react';
import type {Settings} from '../../engine/types.js';
import {count} from '../../lib/format.js';
import {type Limits, type SettingName, stepBetween, warningsOf} from '../../planner/settings.js';
import {layerCells} from '../components/gauge-cells.js';
import {Pane} from '../components/pane.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';

type TunerViewProps = {
	readonly width: number;
	readonly height: number;
	readonly isCompact: boolean;
	readonly isFocused: boolean;
	readonly selected: SettingName;
	/** undefined: nothing is loaded. */
	readonly applied: Settings | undefined;
	readonly pending: Settings | undefined;
	readonly limits: Limits | undefined;
	readonly isBusy: boolean;
};

const labels: Record<SettingName, string> = {
	gpuLayers: 'GPU layers',
	cpuExpertLayers: 'Experts on CPU',
	contextSize: 'Context',
	cacheTypeK: 'KV K',
	cacheTypeV: 'V',
	batchSize: 'Batch',
	threads: 'Threads',
	flashAttention: 'Flash attn',
	mmap: 'mmap',
	mlock: 'mlock',
};

const lines: ReadonlyArray<readonly SettingName[]> = [
	['gpuLayers'],
	['contextSize', 'cacheTypeK', 'cacheTypeV', 'batchSize'],
	['threads', 'flashAttention', 'mmap', 'mlock'],
];

/** Widest value of each setting, so that nothing moves when a value does. */
const valueWidths: Record<SettingName, number> = {
	gpuLayers: 3,
	cpuExpertLayers: 3,
	contextSize: 9,
	cacheTypeK: 4,
	cacheTypeV: 4,
	batchSize: 5,
	threads: 9,
	flashAttention: 4,
	mmap: 3,
	mlock: 3,
};

const valueText = (settings: Settings, name: SettingName): string => {
	const value = settings[name];
	if (typeof value === 'boolean') return value ? 'on' : 'off';
	return typeof value === 'number' ? count(value) : value;
};

type FieldProps = {
	readonly name: SettingName;
	readonly settings: Settings;
	readonly isPending: boolean;
	readonly isSelected: boolean;
	readonly isFirst: boolean;
	readonly suffix?: string;
};

const Field = ({name, settings, isPending, isSelected, isFirst, suffix = ''}: FieldProps) => {
	const theme = useTheme();
	const {selected, left, right} = theme.glyphs;
	const label = isFirst ? labels[name].padEnd(11) : labels[name];
	return (
		<Text wrap="truncate">
			<Text color={theme.accent}>{isSelected ? `${selected} ` : '  '}</Text>
			<Text bold={isSelected} color={isSelected ? theme.text : theme.dim}>
				{`${label} `}
			</Text>
			<Text color={theme.accent}>{isSelected ? `${left} ` : '  '}</Text>
			<Text bold={isPending} color={isPending ? theme.pending : theme.text}>
				{valueText(settings, name).padStart(isFirst ? valueWidths[name] : 0)}
			</Text>
			<Text color={theme.dim}>{suffix}</Text>
			<Text color={theme.accent}>{isSelected ? ` ${right}` : '  '}</Text>
			{isFirst ? '' : ' '.repeat(valueWidths[name] - valueText(settings, name).length)}
		</Text>
	);
};

const Layers = ({applied, pending, total, width}: {applied: number; pending: number; total: number; width: number}) => {
	const theme = useTheme();
	const {layer} = theme.glyphs;
	const look = {
		on: {color: theme.fits, glyph: layer.on},
		added: {color: theme.pending, glyph: layer.on},
		removed: {color: theme.pending, glyph: layer.removed},
		off: {color: theme.faint, glyph: layer.off},
	};
	return (
		<Text wrap="truncate">
			{layerCells(applied, pending, total, width).map(({kind, length}) => (
				<Text key={kind} color={look[kind].color}>
					{look[kind].glyph.repeat(length)}
				</Text>
			))}
		</Text>
	);
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

export const TunerView = ({width, height, isCompact, isFocused, selected, applied, pending, limits, isBusy}: TunerViewProps) => {
	const theme = useTheme();
	const {separator, dot} = theme.glyphs;
	const frame = (children: ReactNode) =>
		isCompact ? (
			<Box flexDirection="column" width={width} height={height} paddingX={1} overflow="hidden">
				{children}
			</Box>
		) : (
			<Pane title="Tuner" hint={isFocused ? tunerHint(width) : ''} isFocused={isFocused} width={width} height={height}>
				{children}
			</Pane>
		);
	const settings = pending ?? applied;
	if (!settings || !applied) {
		return frame(
			<Text color={theme.dim} wrap="truncate">
				{isBusy ? 'The settings can be moved when the model is loaded.' : 'No model is loaded: Ctrl+O opens the list.'}
			</Text>,
		);
	}

	if (isCompact && !isFocused) {
		return frame(
			<Text color={pending ? theme.pending : theme.dim} wrap="truncate">
				{summary(settings, limits, separator)}
			</Text>,
		);
	}

	const effect = effects[stepBetween(applied, settings)];
	const [warning] = limits ? warningsOf(settings, limits) : [];
	const layerCount = limits?.gpuLayers ?? 0;
	return frame(
		<>
			{lines.map(names => (
				<Box key={names[0]} height={1}>
					{names.map((name, index) => (
						<Field
							key={name}
							name={name}
							settings={settings}
							isPending={settings[name] !== applied[name]}
							isSelected={isFocused && name === selected}
							isFirst={index === 0}
							suffix={name === 'gpuLayers' ? ` / ${layerCount}` : ''}
						/>
					))}
					{names[0] === 'gpuLayers' && layerCount === 0 ? <Text color={theme.dim}> no GPU: all layers run on the CPU</Text> : null}
					{names[0] === 'gpuLayers' && layerCount > 0 ? (
						<Box flexGrow={1} justifyContent="space-between" marginLeft={1}>
							<Layers
								applied={applied.gpuLayers}
								pending={settings.gpuLayers}
								total={layerCount}
								width={Math.min(layerCount, width - 46)}
							/>
							<Text color={theme.dim}>{settings.gpuLayers === applied.gpuLayers ? '' : `was ${applied.gpuLayers}`}</Text>
						</Box>
					) : null}
				</Box>
			))}
			<Box height={1} justifyContent="space-between" paddingLeft={2}>
				<Text color={warning ? theme.tight : theme.dim} wrap="truncate">
					{warning ? `${dot} ${warning}` : pending ? `${dot} not applied yet` : ''}
				</Text>
				<Box flexShrink={0}>
					<Text color={pending ? theme.text : theme.faint}>
						<Text bold color={pending ? theme.accent : theme.faint}>
							Enter
						</Text>
						{` ${effect}`}
					</Text>
				</Box>
			</Box>
		</>,
	);
};

const tunerHint = (width: number) => (width >= 100 ? '↑↓ choose   ←→ change   u undo   Esc put back' : 'u undo  Esc put back');

type TunerPaneProps = Pick<TunerViewProps, 'width' | 'height' | 'isCompact' | 'isFocused' | 'selected'>;

export const TunerPane = (props: TunerPaneProps) => {
	const {engine, plan} = useServices();
	const applied = useStore(engine, state => state.applied);
	const isBusy = useStore(engine, state => state.phase.name === 'loading' || state.phase.name === 'reloading');
	const pending = useStore(plan, state => state.pending);
	return <TunerView {...props} applied={applied} pending={pending} limits={plan.limits()} isBusy={isBusy} />;
};
