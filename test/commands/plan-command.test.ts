import {execFileSync} from 'node:child_process';
import {expect, test} from 'vitest';
import {serverCommand, shellQuote} from '../../source/commands/plan-command.js';
import {baseSettings} from '../support/fake-engine.js';

const command = (settings: Partial<typeof baseSettings> = {}, rest: Partial<Parameters<typeof serverCommand>[0]> = {}) =>
	serverCommand({path: '/models/big.gguf', settings: {...baseSettings, ...settings}, threads: undefined, gpu: 'auto', ...rest});

test('the same settings in the words of llama-server', () => {
	expect(command({cacheTypeK: 'q8_0', cacheTypeV: 'q4_0', flashAttention: 'on'})).toBe(
		'llama-server --model /models/big.gguf --gpu-layers 12 --ctx-size 4096 --cache-type-k q8_0 --cache-type-v q4_0 ' +
			'--batch-size 512 --ubatch-size 512 --flash-attn on --parallel 1',
	);
});

test('what is not the default is said', () => {
	expect(command({}, {threads: 6})).toContain(' --threads 6 ');
	expect(command({gpuLayers: 0}, {gpu: 'off'})).toContain(' --device none ');
	expect(command({cpuExpertLayers: 30})).toContain(' --gpu-layers 12 --n-cpu-moe 30 ');
	expect(command({overrideTensor: 'a|b=CPU', kvOffload: false})).toContain(" --override-tensor 'a|b=CPU' --no-kv-offload ");
	expect(command({device: 'CUDA1,CUDA0', splitMode: 'none', mainGpu: 1})).toContain(
		' --device CUDA1,CUDA0 --split-mode none --main-gpu 1 ',
	);
	expect(command({tensorSplit: '3,1'})).toContain(' --tensor-split 3,1 ');
	expect(command({lookup: true})).toContain(' --spec-type ngram-simple --spec-ngram-simple-size-n 3 --spec-ngram-simple-size-m 16 ');
	expect(command({lookup: true, draftModel: '-small.gguf', draftGpuLayers: 9999})).toContain(
		' --spec-type ngram-simple,draft-simple --spec-ngram-simple-size-n 3 --spec-ngram-simple-size-m 16 ' +
			'--model-draft ./-small.gguf --gpu-layers-draft all --spec-draft-n-max 16 --spec-draft-p-min 0.6 ',
	);
	expect(command({draftModel: 'small.gguf', draftGpuLayers: 0})).toContain(
		' --spec-type draft-simple --model-draft small.gguf --gpu-layers-draft 0 ',
	);
	expect(command({mmap: false})).toMatch(/ --load-mode none$/);
	expect(command({mmap: false, mlock: true})).toMatch(/ --load-mode mlock$/);
	expect(command({mlock: true})).toMatch(/ --load-mode mlock$/);
	expect(command({contextSize: 256})).toContain(' --batch-size 256 --ubatch-size 256 ');
});

test.each(['/models/my model.gguf', "it's.gguf", '$(rm -rf x).gguf', 'a"b\\c.gguf', 'ünïcode.gguf', '', 'a;b&c|d', '~/x', '*.gguf'])(
	'a shell reads %j as one word',
	word => {
		expect(execFileSync('/bin/sh', ['-c', `printf %s ${shellQuote(word)}`], {encoding: 'utf8'})).toBe(word);
	},
);

test('a path that looks like a flag stays a path', () => {
	expect(command({}, {path: '-odd.gguf'})).toContain(' --model ./-odd.gguf ');
});
