import {describeError} from '../engine/engine-errors.js';
import {checkModelFile} from '../models/model-file.js';
import {fail} from './output.js';

/** Before anything is loaded: a mistyped path should not wait for the large model. */
export const checkDraftModel = async (path: string): Promise<unknown> =>
	checkModelFile(path).catch(error => fail(`the draft model: ${describeError(error)}`, 1));
