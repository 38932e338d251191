import {spawnSync} from 'node:child_process';
import {mkdirSync, rmSync, statSync} from 'node:fs';
import {createRequire} from 'node:module';
import process from 'node:process';
import {fileURLToPath} from 'node:url';

const pathOf = name => fileURLToPath(new URL(name, import.meta.url));
const sources = ['hooks.cpp', 'token-loop.cpp', 'kernel-probe.cpp'].map(pathOf);
const folder = fileURLToPath(new URL('../../../build/', import.meta.url));
const target = `${folder}hooks.node`;
const flags = '-O3 -std=c++17 -Wall -Wextra -shared -fPIC -fvisibility=hidden -Wl,-z,nodelete'.split(' ');

const changedAt = file => statSync(file, {throwIfNoEntry: false})?.mtimeMs ?? 0;
const isNewerThan = files => files.every(file => changedAt(target) >= changedAt(file));

/**
Compiles the native hooks where they can work. Nothing fails here: vramble works without them.

One call of the compiler instead of node-gyp, which would fetch headers from the network and wants Python: pure Node-API needs neither.
*/
export const buildHooks = () => {
	if (process.platform !== 'linux' || process.arch !== 'x64' || isNewerThan([...sources, pathOf('hooks.h')])) return;
	rmSync(target, {force: true});
	mkdirSync(folder, {recursive: true});
	const compiler = process.env.CXX ?? 'c++';
	const {include_dir: headers} = createRequire(import.meta.url)('node-api-headers');
	const {status} = spawnSync(compiler, [...flags, '-I', headers, ...sources, '-o', target], {stdio: 'inherit'});
	if (status !== 0) console.log(`The native hooks are left out: ${compiler} did not compile them.`);
};
