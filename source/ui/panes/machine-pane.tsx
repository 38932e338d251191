import {Box, Text} from 'ink';
import {memo} from 'react';
import type {Rates} from '../../chat/token-rate.js';
import type {Device, Drafting} from '../../engine/types.js';
import {gibibytes} from '../../lib/format.js';
import {ramShares, type Shares} from '../../monitor/ram-shares.js';
import type {Readings, Swap} from '../../monitor/types.js';
import type {Verdict as PlanVerdict} from '../../planner/types.js';
import type {Verdict} from '../components/gauge.js';
import {Pane} from '../components/pane.js';
import {useServices} from '../services-context.js';
import {useRates} from '../use-rates.js';
import {useStore} from '../use-store.js';
import {
	Acceptance,
	Amounts,
	ContextFact,
	type ContextUse,
	contextWidth,
	Dim,
	Fact,
	FirstToken,
	type Load,
	LoadBar,
	LoadFacts,
	labelWidth,
	type Measure,
	MeasureGauge,
	Row,
	Sparkline,
	Speeds,
	speedsWidth,
} from './machine-rows.js';

export type MachineViewProps = {
	readonly width: number;
	/** From 5 on with a frame; below that compact: 2 lines, or 1. */
	readonly height: number;
	/** undefined: llama.cpp is not loaded yet. */
	readonly device: Device | undefined;
	readonly readings: Readings;
	readonly rates: Rates;
	/** undefined: nothing is guessed ahead. */
	readonly drafting?: Drafting | undefined;
	readonly context: ContextUse;
	/** A load that is under way takes the place of the tokens per second. */
	readonly load: Load | undefined;
	/** The planner's; where there is none, how full the memory is. */
	readonly verdict?: {readonly vram?: Verdict | undefined; readonly ram?: Verdict | undefined};
	/** What the tuner's pending settings add, or free (below 0). */
	readonly pending?: {readonly vramBytes: number; readonly ramBytes: number} | undefined;
	readonly isFocused?: boolean;
};

/** Where nobody has planned: the last tenth is tight, the last fiftieth is what drivers and desktops stumble over. */
const verdictOf = (shares: Shares | undefined): Verdict => {
	const full = shares ? shares.usedBytes / shares.totalBytes : 0;
	if (full >= 0.98) return 'danger';
	return full >= 0.9 ? 'tight' : 'fits';
};

const measures = ({readings: {ram, vram, processMemory}, verdict, pending}: MachineViewProps) => {
	const vramShares = vram && {...vram, otherBytes: vram.usedBytes - vram.ownBytes};
	const shares = ram && ramShares(ram, processMemory);
	const measure = (of: Shares | undefined, pendingBytes = 0, planned?: Verdict): Measure => ({
		shares: of,
		pendingBytes: of ? pendingBytes : 0,
		verdict: planned ?? verdictOf(of),
	});
	const digits = Math.max(4, gibibytes(vram?.totalBytes).length, gibibytes(ram?.totalBytes).length);
	return {vram: measure(vramShares, pending?.vramBytes, verdict?.vram), ram: measure(shares, pending?.ramBytes, verdict?.ram), digits};
};

const isCpuOnly = (device: Device | undefined) => device?.names.length === 0;

/** Blank where it would only repeat what is used. */
const Own = ({shares, digits}: {readonly shares: Shares | undefined; readonly digits: number}) =>
	!shares || gibibytes(shares.ownBytes) === gibibytes(shares.usedBytes) ? (
		' '.repeat(digits + 5)
	) : (
		<Fact name="ours" value={gibibytes(shares.ownBytes)} width={digits} />
	);

const SwapFact = ({swap, digits}: {readonly swap: Swap | undefined; readonly digits: number}) => (
	<Fact name="swap" value={swap?.totalBytes === 0 ? 'none' : gibibytes(swap?.usedBytes)} width={digits} />
);

/** Cells that the right side takes: of the mock, with numbers of one more digit. */
const factsWidth = {wide: 62, narrow: 44};
const leastBar = 4;
/** `first  12.3 s`, or `draft   63 %`, and the gap before it. */
const firstTokenWidth = 15;

const FullMachine = (props: MachineViewProps) => {
	const {width, height, device, readings, rates, drafting, context, load, isFocused = false} = props;
	const {vram, ram, digits} = measures(props);
	const isWide = width >= 100;
	const room = width - 4 - labelWidth - (isWide ? factsWidth.wide : factsWidth.narrow);
	const bar = Math.max(8, Math.min(room, Math.round(width * (isWide ? 0.385 : 0.3))));
	/** Of the last line's bar and context. */
	const rest = width - 4 - labelWidth - speedsWidth - firstTokenWidth;
	const spark = isWide
		? bar - (drafting ? firstTokenWidth : 0)
		: Math.max(leastBar, Math.min(bar, rest - contextWidth(context, rest - leastBar)));
	return (
		<Pane title="Machine" isFocused={isFocused} width={width} height={height}>
			{isCpuOnly(device) ? (
				<Row label="VRAM" bar={<Dim>CPU only</Dim>} />
			) : (
				<Row label="VRAM" bar={<MeasureGauge {...vram} width={bar} />}>
					<Amounts {...vram} digits={digits} />
					<Dim>{' GiB   '}</Dim>
					<Own shares={vram.shares} digits={digits} />
					{isWide && ' '.repeat(digits + 8)}
				</Row>
			)}
			<Row label="RAM" bar={<MeasureGauge {...ram} width={bar} />}>
				<Amounts {...ram} digits={digits} />
				<Dim>{' GiB   '}</Dim>
				{isWide && <Own shares={ram.shares} digits={digits} />}
				{isWide && '   '}
				<SwapFact swap={readings.swap} digits={digits} />
			</Row>
			{load ? (
				<Row label="load" bar={<LoadBar load={load} width={bar} />}>
					<LoadFacts load={load} />
				</Row>
			) : (
				<Row label="tok/s" bar={<Sparkline rates={rates} width={spark} />}>
					<Speeds rates={rates} />
					{isWide ? '   ' : '  '}
					{(isWide || !drafting) && <FirstToken rates={rates} />}
					{isWide && drafting && '   '}
					{drafting && <Acceptance drafting={drafting} />}
					{isWide ? '   ' : '  '}
					<ContextFact context={context} room={rest - (isWide ? bar : leastBar)} />
				</Row>
			)}
		</Pane>
	);
};

const CompactMachine = (props: MachineViewProps) => {
	const {width, height, device, rates, context, load} = props;
	const {vram, ram, digits} = measures(props);
	const bar = Math.max(leastBar, Math.floor((width - 19 - 4 * digits) / 2));
	/** Of the last line's bar and context. */
	const room = width - 2 - labelWidth - speedsWidth;
	return (
		<Box flexDirection="column" width={width} height={height} paddingX={1} overflowY="hidden">
			<Box justifyContent="space-between" height={1}>
				<Text wrap="truncate">
					<Dim>{'VRAM'.padEnd(labelWidth)}</Dim>
					{isCpuOnly(device) ? (
						<Dim>CPU only</Dim>
					) : (
						<>
							<MeasureGauge {...vram} width={bar} /> <Amounts {...vram} digits={digits} isShort />
						</>
					)}
				</Text>
				<Text wrap="truncate">
					<Dim>RAM </Dim>
					<MeasureGauge {...ram} width={bar} /> <Amounts {...ram} digits={digits} isShort />
				</Text>
			</Box>
			{height >= 2 && load && (
				<Row label="load" bar={<LoadBar load={load} width={Math.max(4, width - 34)} />}>
					<LoadFacts load={load} />
				</Row>
			)}
			{height >= 2 && !load && (
				<Row
					label="tok/s"
					bar={<Sparkline rates={rates} width={Math.max(leastBar, Math.min(bar, room - contextWidth(context, room - leastBar)))} />}
				>
					<Speeds rates={rates} />
					{'  '}
					<ContextFact context={context} room={room - leastBar} />
				</Row>
			)}
		</Box>
	);
};

/** The machine at a glance: memory, and what it is worth in tokens per second. */
export const MachineView = (props: MachineViewProps) => (props.height >= 5 ? <FullMachine {...props} /> : <CompactMachine {...props} />);

const gaugeVerdicts: Record<PlanVerdict, Verdict> = {fits: 'fits', tight: 'tight', paging: 'danger', 'does not fit': 'danger'};

type MachinePaneProps = {readonly width: number; readonly height: number};

export const MachinePane = memo(({width, height}: MachinePaneProps) => {
	const {engine, monitor, plan, rate} = useServices();
	const phase = useStore(engine, state => state.phase);
	const device = useStore(engine, state => state.device);
	const applied = useStore(engine, state => state.applied);
	const rates = useRates(rate);
	// While an answer is written, as often as the rates: what each token changes would have all of the pane drawn anew.
	const isSettled = phase.name !== 'writing';
	useStore(engine, ({contextUsed}) => isSettled && contextUsed);
	useStore(engine, ({drafting}) => isSettled && drafting);
	const {contextUsed, drafting} = engine.get();
	const readings = useStore(monitor, snapshot => snapshot);
	const added = useStore(plan, state => state.added);
	const verdicts = useStore(plan, state => (state.pending ? state.plan : undefined));
	const isLoading = phase.name === 'loading' || phase.name === 'reloading';
	return (
		<MachineView
			width={width}
			height={height}
			device={device}
			readings={readings}
			rates={rates}
			drafting={drafting}
			pending={added}
			verdict={verdicts && {vram: gaugeVerdicts[verdicts.vramVerdict], ram: gaugeVerdicts[verdicts.ramVerdict]}}
			context={applied && {used: contextUsed, size: applied.contextSize}}
			load={isLoading && phase.progress !== undefined ? {progress: phase.progress, etaMs: phase.remainingMs} : undefined}
		/>
	);
});
