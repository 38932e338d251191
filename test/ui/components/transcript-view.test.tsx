import {renderToString} from 'ink';
import {expect, test} from 'vitest';
import type {ChatMessage} from '../../../source/chat/message.js';
import {createTranscript} from '../../../source/chat/transcript.js';
import {TranscriptView} from '../../../source/ui/components/transcript-view.js';

const conversation: readonly ChatMessage[] = [
	{id: 1, role: 'user', text: 'What is 漢字?\nTell me', state: 'done'},
	{id: 2, role: 'assistant', text: '  Chinese letters 👩‍💻 as Japanese writes them', state: 'stopped'},
	{id: 3, role: 'notice', text: 'Loaded.', state: 'done'},
	{id: 4, role: 'user', text: 'Next', state: 'queued'},
];

test('draws every kind of row', () => {
	const lines = createTranscript().lines(conversation, 24);
	expect(renderToString(<TranscriptView lines={lines} width={24} height={12} />, {columns: 24}).split('\n')).toEqual([
		'› What is 漢字?',
		'  Tell me',
		'',
		'  Chinese letters 👩‍💻 as',
		'Japanese writes them',
		'· stopped',
		'',
		'· Loaded.',
		'',
		'› Next · queued',
		'',
		'',
	]);
});

test('is as high as it is told, and no wider', () => {
	const lines = createTranscript().lines(conversation, 40);
	const rows = renderToString(<TranscriptView lines={lines} width={10} height={3} />, {columns: 40}).split('\n');
	expect(rows).toEqual(['› What is…', '  Tell me', '']);
});
