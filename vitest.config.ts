import {defineConfig} from 'vitest/config';

export default defineConfig({
	test: {
		include: ['test/**/*.test.{ts,tsx}'],
		testTimeout: 30_000,
		hookTimeout: 60_000,
		// The real engine's threads spin: beside it nothing else may run, or both starve (docs of ggml, and measured here).
		fileParallelism: false,
	},
});
