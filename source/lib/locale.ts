type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the terminal can be expected to show more than ASCII: what the locale says; terminals of Windows and macOS can. */
export const isUtf8 = (env: Environment, platform: NodeJS.Platform): boolean => {
	if (platform === 'win32' || platform === 'darwin') return true;
	const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
	return /utf-?8/i.test(locale);
};
