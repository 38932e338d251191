/** Prints what vramble costs on this machine, and whether it stays below the bars. A slow machine is no failure. */
import {existsSync} from 'node:fs';
import {availableParallelism, cpus, loadavg} from 'node:os';
import {basename} from 'node:path';
import {benchFirstFrame} from './first-frame.ts';
import {benchGeneration} from './generation.ts';
import {cliPath, findSmolLm, guidePath, makeScratch} from './program.ts';
import {benchReloads} from './reload.ts';
import {formatLine, type Line, summarize} from './report.ts';

const rounds = 3;
const startRounds = 7;

const main = async () => {
	if (!existsSync(cliPath)) {
		console.error('There is no distribution/cli.js: run `npm run build` first.');
		process.exitCode = 1;
		return;
	}

	const model = findSmolLm() ?? guidePath;
	const scratch = makeScratch();
	const load = (loadavg()[0] ?? 0).toFixed(1);
	console.log(`${basename(model)}, Node.js ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'CPU'}, load ${load}\n`);
	const parts: ReadonlyArray<readonly [name: string, measure: () => Promise<Line[]>]> = [
		['first frame', () => benchFirstFrame(scratch, startRounds)],
		['generation', () => benchGeneration(model, scratch, rounds)],
		['reloads', () => benchReloads(model, scratch, rounds)],
	];
	const lines: Line[] = [];
	try {
		for (const [name, measure] of parts) {
			const measured = await measure().catch((error: Error) => {
				console.log(`${name}: could not be measured. ${error.message}`);
				return [];
			});
			lines.push(...measured);
			for (const line of measured) console.log(formatLine(line));
		}
	} finally {
		scratch.remove();
	}

	console.log(`\nMedians of interleaved runs: ${summarize(lines)}.`);
};

await main();
