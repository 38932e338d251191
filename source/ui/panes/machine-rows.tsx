import {Box, Text} from 'ink';
import type {ReactNode} from 'react';
import type {Rates} from '../../chat/token-rate.js';
import type {Drafting} from '../../engine/types.js';
import {count, duration, gibibytes, percent, rate} from '../../lib/format.js';
import type {Shares} from '../../monitor/ram-shares.js';
import {Gauge, type Verdict} from '../components/gauge.js';
import {sparkline} from '../components/gauge-cells.js';
import {useTheme} from '../theme.js';

export const labelWidth = 6;

export const Dim = ({children}: {readonly children: ReactNode}) => <Text color={useTheme().dim}>{children}</Text>;

export const Strong = ({children, isPending = false}: {readonly children: ReactNode; readonly isPending?: boolean}) => {
	const theme = useTheme();
	return (
		<Text bold color={isPending ? theme.pending : theme.text}>
			{children}
		</Text>
	);
};

/** `name value`, the value in a field of its own so that nothing moves when it gets longer. */
export const Fact = ({name, value, width = 0}: {readonly name: string; readonly value: string; readonly width?: number}) => (
	<Text color={useTheme().text}>
		<Dim>{`${name} `}</Dim>
		{value.padStart(width)}
	</Text>
);

type RowProps = {readonly label: string; readonly bar: ReactNode; readonly children?: ReactNode};

export const Row = ({label, bar, children}: RowProps) => (
	<Box justifyContent="space-between" height={1}>
		<Box flexShrink={0}>
			<Dim>{label.padEnd(labelWidth)}</Dim>
			{bar}
		</Box>
		<Text wrap="truncate">{children}</Text>
	</Box>
);

export type Measure = {
	readonly shares: Shares | undefined;
	/** What the pending settings will add, or free (below 0). */
	readonly pendingBytes: number;
	readonly verdict: Verdict;
};

export const MeasureGauge = ({shares, pendingBytes, verdict, width}: Measure & {readonly width: number}) => (
	<Gauge
		width={width}
		total={shares?.totalBytes ?? 0}
		other={shares?.otherBytes ?? 0}
		own={shares?.ownBytes ?? 0}
		pending={pendingBytes}
		verdict={verdict}
	/>
);

/** `10.2 → 11.1 / 12.0`, every number `digits` wide; short: `11.1/12.0`, what is to come in place of what is. */
export const Amounts = ({
	shares,
	pendingBytes,
	digits,
	isShort = false,
}: Measure & {readonly digits: number; readonly isShort?: boolean}) => {
	const {arrow} = useTheme().glyphs;
	const used = gibibytes(shares?.usedBytes);
	const willBe = gibibytes(shares && Math.max(0, shares.usedBytes + pendingBytes));
	const isPending = willBe !== used;
	const slash = isShort ? '/' : ' / ';
	return (
		<>
			{!(isShort && isPending) && <Strong>{used.padStart(digits)}</Strong>}
			{!isShort && isPending && <Dim>{` ${arrow} `}</Dim>}
			{isPending && <Strong isPending>{willBe.padStart(digits)}</Strong>}
			<Dim>{`${slash}${gibibytes(shares?.totalBytes).padStart(shares ? digits : 0)}`}</Dim>
		</>
	);
};

export const Sparkline = ({rates, width}: {readonly rates: Rates; readonly width: number}) => {
	const theme = useTheme();
	// Not up to the full block, which would melt into the gauge of the row above.
	return <Text color={theme.accent}>{sparkline(rates.history, width, theme.glyphs.spark.slice(0, -1))}</Text>;
};

/** `18.4 now  17.9 mean`. */
export const Speeds = ({rates}: {readonly rates: Rates}) => {
	const theme = useTheme();
	return (
		<Text color={theme.text}>
			<Strong>{rate(rates.now).padStart(4)}</Strong>
			<Dim>{' now  '}</Dim>
			{rate(rates.mean).padStart(4)}
			<Dim> mean</Dim>
		</Text>
	);
};

export type ContextUse = {readonly used: number; readonly size: number} | undefined;

/** Cells of `18.4 now  17.9 mean`, with a digit more, and of the gap behind it. */
export const speedsWidth = 22;

const numbersWidth = ({size}: {readonly size: number}) => 'ctx '.length + 2 * count(size).length + '/'.length;
const percentWidth = 'ctx 100 %'.length;

/** Cells that `ContextFact` takes of those that there are. */
export const contextWidth = (context: ContextUse, room: number): number =>
	context && numbersWidth(context) <= room ? numbersWidth(context) : percentWidth;

/** Numbers where there is room for them, else percent. */
export const ContextFact = ({context, room}: {readonly context: ContextUse; readonly room: number}) => {
	if (!context || numbersWidth(context) > room)
		return <Fact name="ctx" value={percent(context && context.used / context.size)} width={5} />;
	const size = count(context.size);
	return (
		<>
			<Fact name="ctx" value={count(context.used)} width={size.length} />
			<Dim>{`/${size}`}</Dim>
		</>
	);
};

export type Load = {readonly progress: number /** undefined: too early to say. */; readonly etaMs: number | undefined};

export const LoadBar = ({load, width}: {readonly load: Load; readonly width: number}) => (
	<Gauge width={width} total={1} other={0} own={load.progress} pending={0} verdict="accent" />
);

export const LoadFacts = ({load}: {readonly load: Load}) => (
	<>
		{load.etaMs !== undefined && <Dim>{`${duration(load.etaMs)} left`}</Dim>}
		<Strong>{percent(load.progress).padStart(8)}</Strong>
	</>
);

export const FirstToken = ({rates}: {readonly rates: Rates}) => <Fact name="first" value={duration(rates.firstTokenMs)} width={6} />;

/** The share of guessed tokens that came true. */
export const Acceptance = ({drafting: {drafted, accepted, off}}: {readonly drafting: Drafting}) => (
	<Fact name="draft" value={off ? 'off' : percent(drafted > 0 ? accepted / drafted : undefined)} width={6} />
);
