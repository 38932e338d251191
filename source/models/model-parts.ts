import {stat} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {EngineError} from '../engine/engine-errors.js';
import type {Metadata} from './model-facts.js';

const partName = /-(\d{5})-of-(\d{5})\.gguf$/;

/** The paths of all parts but the first, which is asked. llama.cpp goes by what the file says, node-llama-cpp by its name: both must find all parts. */
export const otherParts = async (path: string, metadata: Metadata): Promise<string[]> => {
	const name = basename(path);
	const [suffix, digits, countDigits] = partName.exec(name) ?? [];
	const saidCount = Number(metadata.get('split.count') ?? 0); // 0 in a file that was merged again
	const count = saidCount > 1 ? saidCount : Number(countDigits ?? 1);
	if (count <= 1) return [];
	const index = Number(metadata.get('split.no') ?? Number(digits ?? 1) - 1);
	const nameOfPart = (number: number, stem = suffix === undefined ? 'model' : name.slice(0, -suffix.length)) =>
		`${stem}-${String(number).padStart(5, '0')}-of-${String(count).padStart(5, '0')}.gguf`;
	if (suffix === undefined || Number(countDigits) !== count || Number(digits) !== index + 1) {
		throw new EngineError('bad-model', `"${name}" is part ${index + 1} of ${count}, but its name does not say so.`, {
			why: 'The other parts are found by their names.',
			advice: `Give it its first name back: it must end like "${nameOfPart(index + 1)}".`,
		});
	}

	if (index !== 0) {
		throw new EngineError('bad-model', `"${name}" is part ${index + 1} of ${count}.`, {advice: `Open the first part, "${nameOfPart(1)}".`});
	}

	const numbers = Array.from({length: count - 1}, (_, offset) => offset + 2);
	const paths = numbers.map(number => join(dirname(path), nameOfPart(number)));
	const found = await Promise.all(paths.map(part => stat(part).catch(() => undefined)));
	const missing = numbers.filter((_, at) => found[at] === undefined);
	if (missing.length > 0) {
		throw new EngineError('no-such-file', `"${name}" is split, and ${describeParts(missing, count)} missing.`, {
			advice: `Download "${nameOfPart(missing[0] ?? 2)}"${missing.length > 1 ? ' and the others' : ''} into the same folder.`,
		});
	}

	return paths;
};

const describeParts = (numbers: readonly number[], count: number): string => {
	if (numbers.length > 4) return `${numbers.length} of its ${count} parts are`;
	return numbers.length > 1 ? `the parts ${numbers.join(', ')} of ${count} are` : `part ${numbers[0]} of ${count} is`;
};
