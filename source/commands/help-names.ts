/** What asks for the help or the version, without dashes: looked for before anything else is loaded. */
export const helpNames = ['help', 'h'] as const;
export const versionNames = ['version'] as const;
