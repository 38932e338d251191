export type EngineErrorCode =
	| 'aborted'
	| 'no-such-file'
	| 'bad-model'
	| 'out-of-memory'
	| 'over-budget'
	| 'unsupported'
	| 'no-backend'
	| 'failed';

/** Says what happened (`message`), why (`why`), and what to do (`advice`), each a plain sentence or undefined where it is not known. */
export class EngineError extends Error {
	override readonly name = 'EngineError';
	readonly code: EngineErrorCode;
	readonly why: string | undefined;
	readonly advice: string | undefined;

	constructor(code: EngineErrorCode, message: string, {why, advice, cause}: {why?: string; advice?: string; cause?: unknown} = {}) {
		super(message, {cause});
		this.code = code;
		this.why = why;
		this.advice = advice;
	}
}

export const toEngineError = (error: unknown): EngineError =>
	error instanceof EngineError ? error : new EngineError('failed', error instanceof Error ? error.message : String(error));

/** What went wrong, as plain values. */
export type Failure = Pick<EngineError, 'code' | 'message' | 'why' | 'advice'>;

export const toFailure = (error: unknown): Failure => {
	const {code, message, why, advice} =
		error instanceof EngineError ? error : new EngineError('failed', 'The engine has failed.', {why: String(error)});
	return {code, message, why, advice};
};

export const lacksMemory = (code: EngineErrorCode): boolean => code === 'out-of-memory' || code === 'over-budget';

export const describeFailure = ({message, why, advice}: Failure): string => [message, why, advice].filter(Boolean).join(' ');

export const isAborted = (error: unknown): boolean => error instanceof EngineError && error.code === 'aborted';

/** One line for a terminal or a log. */
export const describeError = (error: unknown): string => {
	if (error instanceof EngineError) return describeFailure(error);
	return error instanceof Error ? error.message : String(error);
};
