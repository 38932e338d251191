import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {basename} from 'node:path';
import {build} from 'esbuild';
import {buildHooks} from './source/engine/native/build.js';

/** A dependency's file with some of it replaced; fails where that is no longer there. */
const changed = (file, ...changes) => ({
	name: `changed ${file}`,
	setup(building) {
		building.onLoad({filter: new RegExp(`[\\\\/]node_modules[\\\\/]${file.replaceAll('/', '[\\\\/]')}$`)}, ({path}) => {
			const text = readFileSync(path, 'utf8');
			for (const [before] of changes) {
				if (!text.includes(before)) throw new Error(`${file} has changed: does it still need this?`);
			}

			return {contents: changes.reduce((changing, [before, after]) => changing.replace(before, after), text)};
		});
	},
});

/** What imports `node:process` asks the object for all that it has, and `stdin` comes up with half of Node.js's streams: 8 ms, also where nothing is read. */
const processAsItIs = {
	name: 'process as it is',
	setup(building) {
		building.onResolve({filter: /^(?:node:)?process$/}, () => ({path: 'process', namespace: 'global'}));
		building.onLoad({filter: /./, namespace: 'global'}, () => ({
			contents: 'const {process} = globalThis; export default process; export const {cwd, env} = process;',
		}));
	},
};

const inkBlankCell = `row.push({
                    type: 'char',
                    value: ' ',
                    fullWidth: false,
                    styles: [],
                });`;

const plugins = [
	processAsItIs,
	// meow brings along what checks the package.json of others, and asks npm about it, and prepares it whenever it is imported: half of `--help`. Ours is as it is.
	changed(
		'meow/build/dependencies.js',
		['var normalizeExports = requireNormalize();', 'var normalizeExports = data => data;'],
		['promisify(execFile);', ''],
	),
	// Ink looks at every character of every frame anew, most of what a frame costs. Most of them are as they were, and so are most rows.
	changed(
		'ink/build/output.js',
		[
			'caches = new OutputCaches();',
			`static remembered = new OutputCaches();
			static rows = [];
			static blank = {type: 'char', value: ' ', fullWidth: false, styles: []};
			caches = Output.remembered.styledChars.size < 500 ? Output.remembered : (Output.remembered = new OutputCaches());`,
		],
		[inkBlankCell, 'row.push(Output.blank);'],
		['let lines = characterLines.map(line => styledCharsToString(line));', 'let lines = this.caches.getLines(text, characterLines);'],
		[
			'getStringWidth(text) {',
			`lines = new Map();
			getLines(text, characterLines) {
				if (!this.lines.has(text)) this.lines.set(text, characterLines.map(line => styledCharsToString(line)));
				return this.lines.get(text);
			}
			getStringWidth(text) {`,
		],
		[
			'.map(line => {\n            // See',
			`.map((line, y) => {
				const before = Output.rows[y];
				if (before?.line.length === line.length && line.every((cell, x) => cell === before.line[x])) return before.text;
				// See`,
		],
		[
			'return styledCharsToString(lineWithoutEmptyItems).trimEnd();',
			`const text = styledCharsToString(lineWithoutEmptyItems).trimEnd();
			Output.rows[y] = {line, text};
			return text;`,
		],
	),
];

const settings = {
	outdir: 'distribution',
	write: false,
	entryNames: '[name]',
	bundle: true,
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
	// Ink's, too.
	alias: {'string-width': './source/lib/string-width.ts'},
	// Found by their own files beside them; react-devtools-core is only asked for with DEV=true.
	external: ['node-llama-cpp', 'systeminformation', 'write-file-atomic', 'react-devtools-core'],
	// What was CommonJS still calls `require` for Node's own modules.
	banner: {js: "import {createRequire as requireFrom} from 'node:module'; const require = requireFrom(import.meta.url);"},
	plugins,
	logLevel: 'warning',
};

const built = await Promise.all([
	build({...settings, splitting: true, entryPoints: ['cli.tsx', 'source/engine/engine-worker.ts', 'source/engine/engine-process.ts']}),
	build({...settings, entryPoints: ['source/start/help.ts']}),
]);

// What is as it was stays: another vramble may be starting from it.
mkdirSync('distribution', {recursive: true});
const before = new Set(readdirSync('distribution'));
for (const {path, contents} of built.flatMap(({outputFiles}) => outputFiles)) {
	const isSame = before.delete(basename(path)) && Buffer.compare(readFileSync(path), contents) === 0;
	if (!isSame) writeFileSync(path, contents);
}

for (const name of before) rmSync(`distribution/${name}`, {recursive: true});

buildHooks();
