const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of a sample, as llama-bench has it; one value deviates by nothing. */
const deviation = (values: readonly number[]): number => {
	if (values.length < 2) return 0;
	const middle = mean(values);
	return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
};

export type Statistic = {readonly mean: number; readonly deviation: number; readonly samples: readonly number[]};

/** Of one value or more. */
export const statistic = (samples: readonly number[]): Statistic => ({mean: mean(samples), deviation: deviation(samples), samples});
