import {readdir, stat} from 'node:fs/promises';
import path from 'node:path';
import type {ModelEntry} from './types.js';

/** A model in several files is named by its first; the others, and what goes with a model without being one, are not listed. */
const isListed = (file: string): boolean => {
	const name = path.basename(file);
	const part = name.match(/-(\d{5})-of-\d{5}\.gguf$/);
	return name.endsWith('.gguf') && (!part || part[1] === '00001') && !name.startsWith('mmproj');
};

const toEntry = async (file: string, note?: string): Promise<ModelEntry | undefined> => {
	const found = await stat(file).catch(() => undefined);
	return found?.isFile() ? {path: file, name: path.basename(file), sizeBytes: found.size, note} : undefined;
};

/** The built-in guide model, then the GGUF files of a folder by name. */
export const findModels = async (guide: string, folder: string): Promise<readonly ModelEntry[]> => {
	const files = await readdir(folder).catch(() => []);
	const listed = files.filter(isListed).sort((a, b) => a.localeCompare(b));
	const entries = await Promise.all([
		toEntry(guide, 'built in, answers questions about vramble'),
		...listed.map(file => toEntry(path.resolve(folder, file))),
	]);
	const seen = new Set<string>();
	return entries
		.filter(entry => entry !== undefined)
		.filter(entry => !seen.has(entry.path) && seen.add(entry.path))
		.map(entry => (entry.path === guide ? {...entry, name: 'guide'} : entry));
};
