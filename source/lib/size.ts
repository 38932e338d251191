/** A share of the whole, or bytes. */
export type Size = {readonly bytes: number} | {readonly ratio: number};

const kib = 1024;
const unitBytes: Readonly<Record<string, number>> = {
	b: 1,
	k: kib,
	kib,
	kb: 1e3,
	m: kib ** 2,
	mib: kib ** 2,
	mb: 1e6,
	g: kib ** 3,
	gib: kib ** 3,
	gb: 1e9,
	t: kib ** 4,
	tib: kib ** 4,
	tb: 1e12,
};

/**
Reads `11.5G`, `11500M`, `11.5GiB`, `12GB`, `512K`, `4096B`, `90%`; undefined: it is none of these, or not above zero, or more than 100 %.

A bare letter is binary (`G` = GiB), as in llama.cpp, `ulimit` and `ls -h`; only `GB`, `MB` and `kB` are decimal. A number without a unit is refused: 12 what?
*/
export const parseSize = (text: string): Size | undefined => {
	const [, digits, unit] = /^(\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})\s*(%|[kmgt]?b|[kmgt](?:ib)?)$/i.exec(text.trim()) ?? [];
	if (digits === undefined || unit === undefined) return undefined;
	const value = Number(digits);
	if (unit === '%') return value > 0 && value <= 100 ? {ratio: value / 100} : undefined;
	const bytes = Math.round(value * (unitBytes[unit.toLowerCase()] ?? Number.NaN));
	return bytes > 0 && Number.isSafeInteger(bytes) ? {bytes} : undefined;
};

/** More bytes than can be counted exactly. */
export const isTooLarge = (text: string): boolean => {
	const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim()) ?? [];
	return Number(digits) * (unitBytes[unit.toLowerCase()] ?? Number.NaN) > Number.MAX_SAFE_INTEGER;
};

export const lessThanMost = 'less than 8192T';

/** What is wrong with a size that `parseSize` does not take; undefined: it is none. */
export const sizeProblem = (text: string): string | undefined => {
	const value = Number.parseFloat(text);
	if (value <= 0) return 'more than 0';
	if (isTooLarge(text)) return lessThanMost;
	return value > 100 && text.trim().endsWith('%') ? 'at most 100%' : undefined;
};

/** As it would be typed; `parseSize` reads it back. */
export const sizeText = (size: Size): string => {
	if ('ratio' in size) return `${Number((size.ratio * 100).toFixed(3))}%`;
	const texts = ['T', 'TB', 'G', 'GB', 'M', 'MB', 'K', 'kB'].map(unit => {
		const value = Number((size.bytes / (unitBytes[unit.toLowerCase()] ?? 1)).toFixed(3));
		return value >= 1 ? `${value}${unit}` : '';
	});
	const isExact = (text: string) => {
		const parsed = parseSize(text);
		return parsed && 'bytes' in parsed && parsed.bytes === size.bytes;
	};
	return texts.find(isExact) ?? `${size.bytes}B`;
};

export const bytesOf = (size: Size, totalBytes: number): number => ('bytes' in size ? size.bytes : Math.floor(size.ratio * totalBytes));
