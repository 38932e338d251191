import {printable} from './printable.js';

/** What a file is when it is not a GGUF, and what to do about it. */
export type FileKind = {readonly what: string; readonly advice: string};

const again = 'Download the GGUF file itself again.';
const convert = 'Look for a GGUF version of this model.';

const startsWith =
	(...signatures: readonly string[]) =>
	(head: Buffer) =>
		signatures.some(signature => head.subarray(0, signature.length).equals(Buffer.from(signature, 'latin1')));

const looksLike = (pattern: RegExp) => (head: Buffer) => pattern.test(head.toString('latin1'));

const kinds: ReadonlyArray<readonly [test: (head: Buffer) => boolean, kind: FileKind]> = [
	[
		startsWith('version https://git-lfs.github.com/'),
		{
			what: 'a Git LFS pointer: a note that stands for the real file',
			advice: 'Run "git lfs pull" in its folder, or download the file itself.',
		},
	],
	[looksLike(/^\s*(<!doctype html|<html|<\?xml)/i), {what: 'a web page, not the model that it offers', advice: again}],
	[looksLike(/^.{8}\{"/s), {what: 'a safetensors file', advice: convert}],
	[startsWith('PK\x03\x04'), {what: 'a zip archive or a PyTorch model', advice: convert}],
	[startsWith('\x80\x02', '\x80\x04'), {what: 'a PyTorch model', advice: convert}],
	[startsWith('lmgg', 'fmgg', 'tjgg', 'algg'), {what: 'a model in the old GGML format, which llama.cpp no longer reads', advice: convert}],
	[startsWith('\x1f\x8b', '\x28\xb5\x2f\xfd', '7z\xbc\xaf', '\xfd7zXZ'), {what: 'a compressed file', advice: 'Unpack it first.'}],
	[
		// Some downloaders reserve the whole length first.
		head => head.every(byte => byte === 0),
		{what: 'a file of zeros, which is what an unfinished download can look like', advice: again},
	],
];

/** Judged by its first bytes (some hundreds of them). */
export const fileKind = (head: Buffer): FileKind => {
	const known = kinds.find(([test]) => test(head));
	if (known) return known[1];
	const text = textStart(head);
	return text === undefined
		? {what: 'a file of an unknown kind', advice: 'Choose a .gguf file, or download it again.'}
		: {what: `a text file that begins with "${text}"`, advice: 'Choose a .gguf file, or download it again.'};
};

/** The first line, or undefined where it is not text. */
const textStart = (head: Buffer): string | undefined => {
	const text = head.toString('utf8');
	// The last character may have been cut.
	if (/\ufffd|(?!\s)\p{Cc}/u.test(text.slice(0, -1))) return undefined;
	const line = printable(text.trimStart().split('\n', 1)[0] ?? '');
	return line.length > 60 ? `${line.slice(0, 60)}…` : line;
};
