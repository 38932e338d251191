import {largestShare} from '../engine/gpu-devices.js';
import {isTensorPattern} from '../engine/tensor-pattern.js';
import {isTooLarge, lessThanMost, parseSize, type Size} from '../lib/size.js';
import {type FlagName, type GivenFlags, UsageError} from './flags.js';

/** Readers of what was given. All of them throw a `UsageError` where a value cannot be understood; undefined: the flag was not given. */

export const text = (given: GivenFlags, name: FlagName): string | undefined => {
	const value = given[name];
	return typeof value === 'string' ? value : undefined;
};

export const number = (
	given: GivenFlags,
	name: FlagName,
	{least, most, whole}: {least: number; most?: number; whole: boolean},
): number | undefined => {
	const value = text(given, name);
	if (value === undefined) return undefined;
	const parsed = value.trim() === '' ? Number.NaN : Number(value);
	const fits =
		Number.isFinite(parsed) && parsed >= least && parsed <= (most ?? Number.MAX_SAFE_INTEGER) && (!whole || Number.isInteger(parsed));
	if (fits) return parsed;
	const range = most === undefined ? `of at least ${least}` : `from ${least} to ${most}`;
	throw new UsageError(`--${name} takes a ${whole ? 'whole ' : ''}number ${range}, not "${value}".`);
};

export const oneOf = <T extends string>(given: GivenFlags, name: FlagName, choices: readonly T[]): T | undefined => {
	const value = text(given, name);
	if (value === undefined) return undefined;
	const found = choices.find(choice => choice === value.toLowerCase());
	if (found) return found;
	throw new UsageError(`--${name} takes one of ${choices.join(', ')}, not "${value}".`);
};

const size = (name: FlagName, value: string): Size => {
	const parsed = parseSize(value);
	if (parsed) return parsed;
	if (isTooLarge(value)) throw new UsageError(`--${name}: "${value}" is too large; it takes ${lessThanMost}.`);
	throw new UsageError(`--${name} takes a size above zero with its unit, such as 11.5G, 11500M or 90%, not "${value}".`);
};

/** Separated by commas, each once; none where the flag was not given. */
export const sizes = (given: GivenFlags, name: FlagName): readonly Size[] => {
	const value = text(given, name);
	if (value !== undefined && /^\d+,\d+\s*[^\d,]+$/.test(value)) {
		throw new UsageError(`--${name} takes a decimal point: ${value.replace(',', '.')}; several sizes have a unit each.`);
	}

	const all = value?.split(',').map(part => size(name, part.trim())) ?? [];
	return [...new Map(all.map(one => [JSON.stringify(one), one])).values()];
};

const mostGpus = 15; // what llama.cpp takes

/** `3,1` as it was given; llama.cpp takes slashes, too. */
export const shares = (given: GivenFlags): string | undefined => {
	const value = text(given, 'tensor-split');
	const numbers = value?.split(/[,/]/).map(part => (/^(\d+\.?\d*|\.\d+)$/.test(part) ? Number(part) : Number.NaN)) ?? [];
	if (numbers.length > mostGpus) throw new UsageError(`--tensor-split takes at most ${mostGpus} shares.`);
	if (value === undefined || (numbers.every(number => number <= largestShare) && numbers.some(number => number >= 1e-3)))
		return value?.replaceAll('/', ',');
	throw new UsageError(`--tensor-split takes one share for each GPU, such as 3,1, not "${value}".`);
};

/** Names of devices as they were given; undefined: all of them, or none. */
export const devices = (given: GivenFlags): string | undefined => {
	const value = text(given, 'device');
	if (value === undefined || value === 'none') return undefined;
	const names = value.split(',');
	if (names.every(name => /^\w+$/.test(name) && name !== 'none') && new Set(names).size === names.length) return value;
	throw new UsageError(`--device takes names of devices, each once and separated by commas, or none, not "${value}".`);
};

/** `PATTERN=CPU,…` as it was given. */
export const overrides = (given: GivenFlags): string | undefined => {
	const value = text(given, 'override-tensor');
	const wrong = value?.split(',').find(part => !part.endsWith('=CPU') || !isTensorPattern(part.slice(0, -'=CPU'.length)));
	if (wrong === undefined) return value;
	throw new UsageError(
		`--override-tensor takes PATTERN=CPU, with a regular expression for the names of tensors (no counts, no repeated groups), not "${wrong}".`,
	);
};

/** More layers than any model has. */
export const allLayers = 9999;
