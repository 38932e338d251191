/** What a person reads for a value that could not be had. */
export const unknown = '—';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
/** A whole number with commas; `Intl.NumberFormat` takes 20 ms to come up, as long as half of Node.js. */
const grouped = (value: number): string => String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');

/** Memory, in GiB with one decimal: `10.4`. */
export const gibibytes = (bytes: number | undefined): string => (bytes === undefined ? unknown : (bytes / gib).toFixed(1));

/** Memory in MiB, without its unit: `6.3`, `812`, `43,315`. */
export const mebibytes = (bytes: number | undefined): string => {
	if (bytes === undefined) return unknown;
	return bytes >= 10 * mib || bytes === 0 ? grouped(Math.round(bytes / mib)) : (bytes / mib).toFixed(1);
};

/** Memory with its unit, in MiB below one GiB: `812 MiB`, `10.4 GiB`; `1 KiB` where MiB would say 0.0. */
export const memory = (bytes: number | undefined): string => {
	if (bytes === undefined) return unknown;
	if (bytes >= gib) return `${(bytes / gib).toFixed(1)} GiB`;
	return bytes > 0 && bytes < 0.1 * mib ? `${Math.ceil(bytes / 1024)} KiB` : `${mebibytes(bytes)} MiB`;
};

/** A file's size in decimal units, as download pages give it: `63.4 GB`. */
export const fileSize = (bytes: number): string => {
	if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
	if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(bytes >= 1e8 ? 0 : 1)} MB`;
	return `${Math.ceil(bytes / 1e3)} kB`;
};

/** `16384` → `16,384`. */
export const count = (value: number | undefined): string => (value === undefined ? unknown : grouped(value));

/** Tokens per second, three significant digits: `18.4`, `142`; `< 0.01` for less. */
export const rate = (perSecond: number | undefined): string => {
	if (perSecond === undefined || !Number.isFinite(perSecond)) return unknown;
	if (perSecond > 0 && perSecond < 0.005) return '< 0.01';
	return perSecond >= 100 ? Math.round(perSecond).toString() : perSecond.toFixed(perSecond >= 10 ? 1 : 2);
};

/** `1.2 s`, `350 ms`, `2 min 5 s`. */
export const duration = (ms: number | undefined): string => {
	if (ms === undefined || !Number.isFinite(ms)) return unknown;
	if (ms < 1000) return `${Math.round(ms)} ms`;
	if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
	const seconds = Math.round(ms / 1000);
	if (seconds < 60) return `${seconds} s`;
	return seconds < 3600
		? `${Math.floor(seconds / 60)} min ${seconds % 60} s`
		: `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
};

export const percent = (ratio: number | undefined): string => (ratio === undefined ? unknown : `${Math.round(ratio * 100)} %`);
