/** About eight layer counts from none to all, the recommended one among them. */
export const rowLayers = (layers: number, recommended: number): readonly number[] => {
	const steps = Math.min(layers, 6);
	const even = Array.from({length: steps + 1}, (_, index) => Math.round((index * layers) / steps));
	return [...new Set([...even, recommended])].sort((a, b) => a - b);
};
