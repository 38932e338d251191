import {Box, Text} from 'ink';
import {mebibytes, memory} from '../../lib/format.js';
import {totalOf} from '../../planner/memory.js';
import type {Breakdown, Memory, Plan} from '../../planner/types.js';
import {useTheme} from '../theme.js';

type TunerBreakdownProps = {
	readonly plan: Plan | undefined;
	/** llama.cpp would not take the settings. */
	readonly isRefused: boolean;
	readonly vram: Memory | undefined;
	readonly ram: Memory | undefined;
	/** Cells of the line. */
	readonly width: number;
};

const columns = ['weights', 'KV cache', 'recurrent', 'compute', 'driver', 'draft', 'total', 'others'] as const;

/** As llama.cpp calls them in its log. */
const shortNames: Readonly<Partial<Record<(typeof columns)[number], string>>> = {'KV cache': 'KV', recurrent: 'RS'};

type Columns = ReadonlyArray<(typeof columns)[number]>;

/** Where every number has its unit; else MiB. */
const wide = {column: 10, name: 9};
const narrow = {column: 8, name: 8};

type RowProps = {
	readonly name: string;
	readonly of: Breakdown;
	readonly others: number | undefined;
	readonly names: Columns;
	readonly isWide: boolean;
};

const Row = ({name, of, others, names, isWide}: RowProps) => {
	const theme = useTheme();
	const look = isWide ? wide : narrow;
	// A driver that nobody has measured yet is unknown, not nothing.
	const driver = of.driver || undefined;
	const {weights, cache, recurrent, compute, draft} = of;
	const bytes = {weights, 'KV cache': cache, recurrent, compute, driver, draft, total: totalOf(of), others};
	return (
		<Text wrap="truncate">
			<Text color={theme.dim}>{`  ${name}`.padEnd(look.name)}</Text>
			{names.map(column => (
				<Text key={column} bold={column === 'total'} color={column === 'others' ? theme.dim : theme.text}>
					{(isWide ? memory : mebibytes)(bytes[column]).padStart(look.column)}
				</Text>
			))}
		</Text>
	);
};

/** Three lines: what the memory of a plan is for. */
export const TunerBreakdown = ({plan, isRefused, vram, ram, width}: TunerBreakdownProps) => {
	const theme = useTheme();
	if (!plan) {
		return (
			<Box height={3} flexShrink={0}>
				<Text color={theme.dim}>{isRefused ? '  These settings would be refused.' : '  The engine is being asked.'}</Text>
			</Box>
		);
	}

	const {vram: onGpu, ram: onCpu} = plan.breakdown;
	const kinds = columns.filter(
		name => (name !== 'draft' || plan.settings.draftModel !== undefined) && (name !== 'recurrent' || onGpu.recurrent + onCpu.recurrent > 0),
	);
	const fits = (names: Columns, {name, column}: typeof wide | typeof narrow) => name + column * names.length <= width;
	const isWide = fits(kinds, wide);
	const names = kinds.filter(name => name !== 'others' || fits(kinds, narrow));
	const look = isWide ? wide : narrow;
	const corner = [!plan.exact && theme.glyphs.approximately, !isWide && 'MiB'].filter(Boolean).join(' ');
	const head = names.map(name => ((!isWide && shortNames[name]) || name).padStart(look.column)).join('');
	return (
		<>
			<Text color={theme.dim} wrap="truncate">
				{`  ${corner}`.padEnd(look.name) + head}
			</Text>
			<Row name="VRAM" of={onGpu} others={vram?.otherBytes} names={names} isWide={isWide} />
			<Row name="RAM" of={onCpu} others={ram?.otherBytes} names={names} isWide={isWide} />
		</>
	);
};
