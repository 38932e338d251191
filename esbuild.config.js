import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename} from 'node:path';
import {build} from 'esbuild';
import {buildHooks} from './source/engine/native/build.js';

const {outputFiles} = await build({
	entryPoints: ['cli.tsx', 'source/engine/engine-worker.ts', 'source/engine/engine-process.ts'],
	outdir: 'distribution',
	write: false,
	entryNames: '[name]',
	bundle: true,
	splitting: true,
	platform: 'node',
	format: 'esm',
	target: 'node22',
	jsx: 'automatic',
	minifySyntax: true,
	define: {
		'process.env.NODE_ENV': '"production"',
		// Yoga would fetch its own code from a data URL, for which Node.js loads all of undici: a third of the time to the first frame.
		fetch: 'undefined',
	},
	// Found by their own files beside them; react-devtools-core is only asked for with DEV=true.
	external: ['node-llama-cpp', 'systeminformation', 'write-file-atomic', 'react-devtools-core'],
	// What was CommonJS still calls `require` for Node's own modules.
	banner: {js: "import {createRequire as requireFrom} from 'node:module'; const require = requireFrom(import.meta.url);"},
	logLevel: 'warning',
});

// What is as it was stays: another vramble may be starting from it.
mkdirSync('distribution', {recursive: true});
const before = new Set(readdirSync('distribution'));
for (const {path, contents} of outputFiles) {
	const isSame = before.delete(basename(path)) && Buffer.compare(readFileSync(path), contents) === 0;
	if (!isSame) writeFileSync(path, contents);
}

for (const name of before) rmSync(`distribution/${name}`, {recursive: true});

buildHooks();
