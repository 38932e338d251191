import process from 'node:process';
import meow from 'meow';
import {benchHelpText} from '../commands/bench-help.js';
import {helpText, readArguments, UsageError} from '../commands/flags.js';
import {print} from './output.js';

/** Prints what `--help` and `--version` ask for and ends the program; does nothing where neither is asked for, or the usage is wrong. */
export const printHelp = async (): Promise<void> => {
	try {
		const {given, positional} = readArguments(process.argv.slice(2));
		if (!given.help && !given.version) return;
		const text = positional[0] === 'bench' ? benchHelpText() : helpText();
		const cli = meow(text, {importMeta: import.meta, argv: [], description: false});
		await print(given.help ? cli.help : String(cli.pkg.version));
	} catch (error) {
		if (!(error instanceof UsageError)) throw error;
	}
};
