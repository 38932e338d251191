import {Box, Text} from 'ink';
import {memo} from 'react';
import type {EngineState} from '../../engine/engine-state.js';
import {fileSize} from '../../lib/format.js';
import {phaseText} from '../phase-text.js';
import {useTheme} from '../theme.js';
import {useSilence} from '../use-silence.js';

type TitleLineProps = Pick<EngineState, 'model' | 'phase' | 'device'> & {readonly width: number};

const backendNames = {cuda: 'CUDA', vulkan: 'Vulkan', metal: 'Metal', cpu: 'CPU only'};

const deviceText = ({device}: Pick<EngineState, 'device'>, separator: string, isWide: boolean): string => {
	if (!device) return '';
	if (device.backend === 'cpu') return backendNames.cpu;
	const names = device.names.length > 1 ? `${device.names.length} devices` : (device.names[0] ?? '').replace(/ \(.*\)$/, '');
	return isWide ? `${backendNames[device.backend]} ${separator} ${names}` : `${backendNames[device.backend]} ${names}`;
};

export const TitleLine = memo(({model, phase, device, width}: TitleLineProps) => {
	const theme = useTheme();
	const {separator, dot, approximately} = theme.glyphs;
	const isWide = width >= 100;
	const facts = model && [isWide && model.quantization, isWide && `${model.layers} layers`, fileSize(model.sizeBytes)].filter(Boolean);
	const deviceName = deviceText({device}, separator, isWide);
	/** Before the device's name is cut, the model's is. */
	const leastDevice = Math.min(deviceName.length, Math.floor(width * 0.3));
	const silentFor = useSilence(phase, phase.name === 'loading' || phase.name === 'reloading');
	const {text, tone} = phaseText(phase, approximately, silentFor);
	const state = `${dot} ${text}`;
	const color = {calm: theme.fits, busy: theme.pending, bad: theme.danger}[tone];
	return (
		<Box width={width} height={1} justifyContent="space-between" paddingX={1} gap={2} overflow="hidden">
			<Box flexShrink={1} overflow="hidden">
				<Text wrap="truncate">
					<Text bold color={theme.accent}>
						vramble
					</Text>
					<Text bold color={theme.text}>{`  ${model?.name ?? ''}`}</Text>
					<Text color={theme.dim}>{facts ? `  ${facts.join(` ${separator} `)}` : ''}</Text>
				</Text>
			</Box>
			<Box flexShrink={width < 100 ? 1 : 0} minWidth={leastDevice + 2 + [...state].length} gap={2} justifyContent="flex-end">
				<Box flexShrink={1} minWidth={leastDevice} justifyContent="flex-end">
					<Text color={theme.dim} wrap="truncate">
						{deviceName}
					</Text>
				</Box>
				<Box flexShrink={0}>
					<Text color={color}>{state}</Text>
				</Box>
			</Box>
		</Box>
	);
});
