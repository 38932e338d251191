import {Box, Text} from 'ink';
import type {Settings} from '../../engine/types.js';
import {count, unknown} from '../../lib/format.js';
import {gpuExperts} from '../../planner/placement.js';
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
	/** Of the first in its line: what its label is padded to, so that the values stand below each other. */
	readonly labelWidth?: number | undefined;
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
	labelWidth,
	isNarrow,
	canMove = () => true,
	isAuto = false,
	suffix = '',
	instead,
}: FieldProps) => {
	const theme = useTheme();
	const {selected, left, right} = theme.glyphs;
	const gap = isNarrow ? '' : ' ';
	const isFirst = labelWidth !== undefined;
	const width = isNarrow && name === 'threads' ? 3 : valueWidths[name];
	const value = instead ?? valueText(settings, name, isAuto && !isNarrow);
	return (
		<Text wrap="truncate">
			<Text color={theme.accent}>{isSelected ? `${selected}${gap}` : ` ${gap}`}</Text>
			<Text bold={isSelected} color={isSelected ? theme.text : theme.dim}>
				{`${labels[name].padEnd(labelWidth ?? 0)} `}
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

type LayerCellsProps = {readonly applied: number; readonly pending: number; readonly total: number; readonly width: number};

const LayerCells = ({applied, pending, total, width}: LayerCellsProps) => {
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

type LayerSetting = 'gpuLayers' | 'cpuExpertLayers';

/** Layers of which that is on the GPU. */
const onGpu = (name: LayerSetting, settings: Settings, limits: Limits): number =>
	name === 'gpuLayers' ? settings.gpuLayers : gpuExperts(settings, limits);

type TunerSettingsProps = {
	readonly settings: Settings;
	readonly applied: Settings;
	readonly hasAutoThreads: boolean;
	readonly limits: Limits | undefined;
	/** undefined: the tuner is not focused. */
	readonly selected: SettingName | undefined;
	readonly width: number;
};

/** A line for the layers, one for the experts of a model that has them, and two for the rest. */
export const TunerSettings = ({settings, applied, hasAutoThreads, limits, selected, width}: TunerSettingsProps) => {
	const theme = useTheme();
	const isNarrow = width < 80;
	const layerSettings: readonly LayerSetting[] = limits?.cpuExpertLayers ? ['gpuLayers', 'cpuExpertLayers'] : ['gpuLayers'];
	const totalWidth = String(limits?.gpuLayers ?? 0).length;
	const canMove = (name: SettingName, move: Move) => limits !== undefined && moveSetting(settings, name, move, limits) !== settings;
	const field = (name: SettingName) => ({
		name,
		settings,
		isPending: settings[name] !== applied[name],
		isSelected: name === selected,
		isNarrow,
		canMove,
	});
	return (
		<>
			{layerSettings.map(name => (
				<Box key={name} height={1} flexShrink={0}>
					<Field
						{...field(name)}
						labelWidth={Math.max(...layerSettings.map(each => labels[each].length))}
						suffix={limits?.gpuLayers ? ` / ${String(limits[name]).padStart(totalWidth)}` : ''}
						instead={limits?.gpuLayers ? undefined : unknown}
					/>
					{limits?.gpuLayers ? (
						<Box flexGrow={1} justifyContent="space-between" marginLeft={1}>
							<LayerCells
								applied={onGpu(name, applied, limits)}
								pending={onGpu(name, settings, limits)}
								total={limits[name]}
								width={Math.max(0, width - 46)}
							/>
							<Text color={theme.dim}>{settings[name] === applied[name] ? '' : `was ${applied[name]}`}</Text>
						</Box>
					) : (
						<Text color={theme.dim}> no GPU: all layers on the CPU</Text>
					)}
				</Box>
			))}
			{lines.map(names => (
				<Box key={names[0]} height={1} flexShrink={0}>
					{names.map((name, index) => (
						<Field
							key={name}
							{...field(name)}
							labelWidth={index > 0 ? undefined : isNarrow ? 0 : labels.gpuLayers.length}
							isAuto={name === 'threads' && hasAutoThreads && settings.threads === applied.threads}
						/>
					))}
				</Box>
			))}
		</>
	);
};
