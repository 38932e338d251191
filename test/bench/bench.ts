/**
Prints what vramble costs on this machine, and whether it stays below the bars. A slow machine is no failure.

@usage npm run bench [-- PART …]
*/
import {existsSync} from 'node:fs';
import {availableParallelism, cpus, loadavg} from 'node:os';
import {basename} from 'node:path';
import {benchFirstFrame} from './first-frame.ts';
import {benchGeneration} from './generation.ts';
import {benchIdle} from './idle.ts';
import {benchKeys} from './keys.ts';
import {benchPreview} from './preview.ts';
import {cliPath, findSmolLm, guidePath, makeScratch} from './program.ts';
import {benchReloads} from './reload.ts';
import {formatLine, type Line, summarize} from './report.ts';
import {resolveTypeScriptSource} from './typescript-source.ts';

const rounds = 3;
/** A single run differs from the next by several percent. */
const closeRounds = 7;
/** Whole processes differ by up to a quarter where the cores are a hypervisor's. */
const manyRounds = 9;
/** Measured only when asked for. */
const longParts: ReadonlySet<string> = new Set(['plan', 'speed', 'llama-bench']);

const main = async () => {
	if (!existsSync(cliPath)) {
		console.error('There is no distribution/cli.js: run `npm run build` first.');
		process.exitCode = 1;
		return;
	}

	resolveTypeScriptSource();
	const model = findSmolLm() ?? guidePath;
	const scratch = makeScratch();
	const parts: Readonly<Record<string, () => Promise<Line[]>>> = {
		'first-frame': () => benchFirstFrame(scratch, closeRounds),
		generation: () => benchGeneration(model, scratch, closeRounds),
		keys: () => benchKeys(model, scratch, rounds),
		idle: () => benchIdle(model, scratch),
		reloads: () => benchReloads(model, scratch, rounds),
		preview: () => benchPreview(model, scratch, rounds),
		speed: async () => (await import('./speed.ts')).benchSpeed(),
		'llama-bench': async () => (await import('./llama-bench.ts')).benchLlamaBench(scratch, manyRounds),
		plan: async () => (await import('./plan.ts')).benchPlan(),
	};
	const asked = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(parts).filter(name => !longParts.has(name));
	const unknown = asked.find(name => !parts[name]);
	if (unknown !== undefined) {
		console.error(`There is no part ${unknown}; the parts are ${Object.keys(parts).join(', ')}.`);
		process.exitCode = 2;
		return;
	}

	const load = (loadavg()[0] ?? 0).toFixed(1);
	console.log(`${basename(model)}, Node.js ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'CPU'}, load ${load}\n`);
	const lines: Line[] = [];
	try {
		for (const name of asked) {
			const measured = await parts[name]?.().catch((error: Error) => {
				console.log(`${name}: could not be measured. ${error.message}`);
				return [];
			});
			lines.push(...(measured ?? []));
			for (const line of measured ?? []) console.log(formatLine(line));
		}
	} finally {
		scratch.remove();
	}

	console.log(`\nMedians of interleaved runs: ${summarize(lines)}.`);
};

await main();
