import {Text} from 'ink';
import {type Theme, useTheme} from '../theme.js';
import {type GaugeKind, type GaugeParts, gaugeCells} from './gauge-cells.js';

export type Verdict = 'fits' | 'tight' | 'danger';

type GaugeProps = GaugeParts & {
	readonly width: number;
	/** The meaning of our own part; `accent` for what is neither good nor bad. */
	readonly verdict: Verdict | 'accent';
};

const colourOf = (kind: GaugeKind, theme: Theme, verdict: GaugeProps['verdict']) => {
	if (kind === 'own') return theme[verdict];
	return kind === 'pending' ? theme.pending : theme.faint;
};

export const Gauge = ({width, verdict, ...parts}: GaugeProps) => {
	const theme = useTheme();
	return (
		<Text wrap="truncate">
			{gaugeCells(parts, width).map(({kind, length}) => (
				<Text key={kind} color={colourOf(kind, theme, verdict)}>
					{theme.glyphs.gauge[kind].repeat(length)}
				</Text>
			))}
		</Text>
	);
};
