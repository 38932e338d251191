import {Text} from 'ink';
import {memory} from '../../lib/format.js';
import type {Breakdown, Memory, Plan} from '../../planner/types.js';
import {useTheme} from '../theme.js';

type TunerBreakdownProps = {readonly plan: Plan | undefined; readonly vram: Memory | undefined; readonly ram: Memory | undefined};

const columns = ['weights', 'KV cache', 'compute', 'driver', 'total', 'others'] as const;
const columnWidth = 10;

const sum = ({weights, cache, compute, driver}: Breakdown) => weights + cache + compute + driver;

const Row = ({name, of, others}: {readonly name: string; readonly of: Breakdown; readonly others: number | undefined}) => {
	const theme = useTheme();
	// A driver that nobody has measured yet is unknown, not nothing.
	const cells = [of.weights, of.cache, of.compute, of.driver || undefined, sum(of), others];
	return (
		<Text wrap="truncate">
			<Text color={theme.dim}>{`  ${name.padEnd(7)}`}</Text>
			{cells.map((bytes, index) => (
				<Text key={columns[index]} bold={columns[index] === 'total'} color={columns[index] === 'others' ? theme.dim : theme.text}>
					{memory(bytes).padStart(columnWidth)}
				</Text>
			))}
		</Text>
	);
};

/** Three lines: what the memory of a plan is for. A model's recurrent state counts as its cache. */
export const TunerBreakdown = ({plan, vram, ram}: TunerBreakdownProps) => {
	const theme = useTheme();
	const {approximately} = theme.glyphs;
	if (!plan) return <Text color={theme.dim}> The engine is being asked.</Text>;
	return (
		<>
			<Text color={theme.dim} wrap="truncate">
				{`  ${(plan.exact ? '' : approximately).padEnd(7)}${columns.map(name => name.padStart(columnWidth)).join('')}`}
			</Text>
			<Row name="VRAM" of={plan.breakdown.vram} others={vram?.otherBytes} />
			<Row name="RAM" of={plan.breakdown.ram} others={ram?.otherBytes} />
		</>
	);
};
