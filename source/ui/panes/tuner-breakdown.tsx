import {Text} from 'ink';
import {mebibytes, memory} from '../../lib/format.js';
import type {Breakdown, Memory, Plan} from '../../planner/types.js';
import {useTheme} from '../theme.js';

type TunerBreakdownProps = {
	readonly plan: Plan | undefined;
	readonly vram: Memory | undefined;
	readonly ram: Memory | undefined;
	/** Cells of the line. */
	readonly width: number;
};

const names = ['weights', 'KV cache', 'compute', 'driver', 'total', 'others'] as const;

/** Where every number has its unit; else MiB. */
const wide = {column: 10, name: 9, least: 9 + 10 * names.length};
const narrow = {column: 8, name: 8};

const sum = ({weights, cache, compute, driver}: Breakdown) => weights + cache + compute + driver;

type RowProps = {readonly name: string; readonly of: Breakdown; readonly others: number | undefined; readonly isWide: boolean};

const Row = ({name, of, others, isWide}: RowProps) => {
	const theme = useTheme();
	const look = isWide ? wide : narrow;
	// A driver that nobody has measured yet is unknown, not nothing.
	const cells = [of.weights, of.cache, of.compute, of.driver || undefined, sum(of), others];
	return (
		<Text wrap="truncate">
			<Text color={theme.dim}>{`  ${name}`.padEnd(look.name)}</Text>
			{cells.map((bytes, index) => (
				<Text key={names[index]} bold={names[index] === 'total'} color={names[index] === 'others' ? theme.dim : theme.text}>
					{(isWide ? memory : mebibytes)(bytes).padStart(look.column)}
				</Text>
			))}
		</Text>
	);
};

/** Three lines: what the memory of a plan is for. A model's recurrent state counts as its cache. */
export const TunerBreakdown = ({plan, vram, ram, width}: TunerBreakdownProps) => {
	const theme = useTheme();
	if (!plan) return <Text color={theme.dim}> The engine is being asked.</Text>;
	const isWide = width >= wide.least;
	const look = isWide ? wide : narrow;
	const corner = [!plan.exact && theme.glyphs.approximately, !isWide && 'MiB'].filter(Boolean).join(' ');
	const head = names.map(name => (name === 'KV cache' && !isWide ? 'KV' : name).padStart(look.column)).join('');
	return (
		<>
			<Text color={theme.dim} wrap="truncate">
				{`  ${corner}`.padEnd(look.name) + head}
			</Text>
			<Row name="VRAM" of={plan.breakdown.vram} others={vram?.otherBytes} isWide={isWide} />
			<Row name="RAM" of={plan.breakdown.ram} others={ram?.otherBytes} isWide={isWide} />
		</>
	);
};
