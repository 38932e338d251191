import {Box, Text, useInput} from 'ink';
import {memo, useEffect, useState} from 'react';
import {createTranscript} from '../../chat/transcript.js';
import {sameRow} from '../../chat/transcript-place.js';
import {rowsBelow, type ScrollEvent, type ScrollState, visibleTop} from '../components/scroll-reducer.js';
import {TranscriptView} from '../components/transcript-view.js';
import {chatKeys, verbOf} from '../keymap.js';
import {useServices} from '../services-context.js';
import {useTheme} from '../theme.js';
import {useStore} from '../use-store.js';

type ChatPaneProps = {
	readonly width: number;
	readonly height: number;
	/** Its keys are the chat's: the tuner has other uses for Page Up. */
	readonly isActive: boolean;
	readonly scroll: ScrollState;
	readonly onScroll: (event: ScrollEvent) => void;
};

const Welcome = ({width, height}: {readonly width: number; readonly height: number}) => {
	const theme = useTheme();
	const {engine} = useServices();
	const model = useStore(engine, state => state.model);
	return (
		<Box width={width} height={height} paddingX={2} paddingTop={height > 4 ? 1 : 0} flexDirection="column" overflowY="hidden">
			<Text color={theme.dim} wrap="wrap">
				{model ? `Ask ${model.name} something. Tab goes to the tuner, F1 lists the keys.` : 'Ctrl+O lists the models, F1 the keys.'}
			</Text>
		</Box>
	);
};

export const ChatPane = memo(({width, height, isActive, scroll, onScroll}: ChatPaneProps) => {
	const theme = useTheme();
	const {chat} = useServices();
	const messages = useStore(chat, state => state.messages);
	const [transcript] = useState(createTranscript);
	const textWidth = width - 4;
	const rewrapped = scroll.top !== 'end' && scroll.width !== textWidth ? transcript.lines(messages, scroll.width) : undefined;
	const lines = transcript.lines(messages, textWidth);
	const extent = {total: lines.length, height, width: textWidth};
	const place = rewrapped && scroll.top !== 'end' ? {top: sameRow(rewrapped, scroll.top, lines), width: textWidth} : scroll;
	const top = visibleTop(place, extent);
	const below = rowsBelow(place, extent);

	const isFollowing = scroll.top === 'end';
	useEffect(() => {
		if (!isFollowing) onScroll({type: 'measured', total: lines.length, height, width: textWidth, top});
	}, [isFollowing, lines.length, height, textWidth, top, onScroll]);

	useInput(
		(input, key) => {
			const verb = verbOf(chatKeys, input, key);
			if (verb === 'toEnd') onScroll({type: 'wentToEnd'});
			else if (verb) onScroll({type: verb, ...extent});
		},
		{isActive},
	);

	// The line that says so takes a row of its own.
	const shownRows = height - (below > 0 ? 1 : 0);
	if (messages.length === 0) return <Welcome width={width} height={height} />;
	return (
		<Box width={width} height={height} paddingX={2} flexDirection="column" overflowY="hidden">
			<TranscriptView lines={lines.slice(top, top + shownRows)} width={textWidth} height={shownRows} />
			{below > 0 ? <Text color={theme.dim}>{`${lines.length - top - shownRows} lines below, Ctrl+End goes there`}</Text> : null}
		</Box>
	);
});
