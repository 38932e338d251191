import {Box, Text} from 'ink';
import type {Settings} from '../../engine/types.js';
import {count, unknown} from '../../lib/format.js';
import {type Limits, type Move, moveSetting, type SettingName, usedBatchSize} from '../../planner/settings.js';
import {layerCells} from '../components/gauge-cells.js';
import {useTheme} from '../theme.js';

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

const valueText = (settings: Settings, name: SettingName, isAuto: boolean): string => {
	if (isAuto) return `auto (${settings.threads})`;
	const value = name === 'batchSize' ? usedBatchSize(settings) : settings[name];
	if (typeof value === 'boolean') return value ? 'on' : 'off';
	return typeof value === 'number' ? count(value) : value;
};

type FieldProps = {
	readonly name: SettingName;
	readonly settings: Settings;
	readonly isPending: boolean;
	readonly isSelected: boolean;
	readonly isFirst: boolean;
	/** Below 80 columns: one cell where there are two. */
	readonly isNarrow: boolean;
	/** Where its arrows lead nowhere, they fade. */
	readonly canMove?: (name: SettingName, move: Move) => boolean;
	/** Of threads: found out by trying. */
	readonly isAuto?: boolean;
	readonly suffix?: string;
	/** Stands for the value. */
	readonly instead?: string | undefined;
};

const Field = ({
	name,
	settings,
	isPending,
	isSelected,
	isFirst,
	isNarrow,
	canMove = () => true,
	isAuto = false,
	suffix = '',
	instead,
}: FieldProps) => {
	const theme = useTheme();
	const {selected, left, right} = theme.glyphs;
	const gap = isNarrow ? '' : ' ';
	const label = isFirst && !isNarrow ? labels[name].padEnd(10) : labels[name];
	const width = isNarrow && name === 'threads' ? 3 : valueWidths[name];
	const value = instead ?? valueText(settings, name, isAuto && !isNarrow);
	return (
		<Text wrap="truncate">
			<Text color={theme.accent}>{isSelected ? `${selected}${gap}` : ` ${gap}`}</Text>
			<Text bold={isSelected} color={isSelected ? theme.text : theme.dim}>
				{`${label} `}
			</Text>
			<Text color={canMove(name, 'less') ? theme.accent : theme.faint}>{isSelected ? `${left}${gap}` : ` ${gap}`}</Text>
			<Text bold={isPending} color={isPending ? theme.pending : theme.text}>
				{value.padStart(isFirst ? width : 0)}
			</Text>
			<Text color={theme.dim}>{suffix}</Text>
			<Text color={canMove(name, 'more') ? theme.accent : theme.faint}>{isSelected ? `${gap}${right}` : `${gap} `}</Text>
			{isFirst ? '' : ''.padEnd(width - value.length)}
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

type TunerSettingsProps = {
	readonly settings: Settings;
	readonly applied: Settings;
	readonly hasAutoThreads: boolean;
	readonly limits: Limits | undefined;
	/** undefined: the tuner is not focused. */
	readonly selected: SettingName | undefined;
	readonly width: number;
};

/** Three lines of settings. */
export const TunerSettings = ({settings, applied, hasAutoThreads, limits, selected, width}: TunerSettingsProps) => {
	const theme = useTheme();
	const layers = limits?.gpuLayers ?? 0;
	const experts = limits?.cpuExpertLayers ?? 0;
	const expertCells = experts > 0 ? 'Experts on CPU  / '.length + 2 * String(experts).length + 6 : 0;
	const isLayers = (name: SettingName | undefined) => name === 'gpuLayers';
	const canMove = (name: SettingName, move: Move) => limits !== undefined && moveSetting(settings, name, move, limits) !== settings;
	return lines.map(names => (
		<Box key={names[0]} height={1} flexShrink={0}>
			{names.map((name, index) => (
				<Field
					key={name}
					name={name}
					settings={settings}
					isPending={settings[name] !== applied[name]}
					isSelected={name === selected}
					isFirst={index === 0}
					isNarrow={width < 80}
					canMove={canMove}
					isAuto={name === 'threads' && hasAutoThreads && settings.threads === applied.threads}
					suffix={isLayers(name) && layers > 0 ? ` / ${layers}` : ''}
					instead={isLayers(name) && layers === 0 ? unknown : undefined}
				/>
			))}
			{isLayers(names[0]) && experts > 0 ? (
				<Field
					name="cpuExpertLayers"
					settings={settings}
					isPending={settings.cpuExpertLayers !== applied.cpuExpertLayers}
					isSelected={selected === 'cpuExpertLayers'}
					isFirst={false}
					isNarrow={width < 80}
					canMove={canMove}
					suffix={` / ${experts}`}
				/>
			) : null}
			{isLayers(names[0]) && layers === 0 ? <Text color={theme.dim}> no GPU: all layers on the CPU</Text> : null}
			{isLayers(names[0]) && layers > 0 ? (
				<Box flexGrow={1} justifyContent="space-between" marginLeft={1}>
					<Layers
						applied={applied.gpuLayers}
						pending={settings.gpuLayers}
						total={layers}
						width={Math.min(layers, Math.max(0, width - 46 - expertCells))}
					/>
					<Text color={theme.dim}>{settings.gpuLayers === applied.gpuLayers ? '' : `was ${applied.gpuLayers}`}</Text>
				</Box>
			) : null}
		</Box>
	));
};
