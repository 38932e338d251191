import {type ChatWrapper, type LlamaModel, resolveChatWrapper} from 'node-llama-cpp';

/**
How a model wants conversations written. To find it its template is tried against those that node-llama-cpp knows, which takes 0.2 s of a small model:
it is kept for the next context, and the next load of the same model.
*/
export const createChatFormats = () => {
	let latest: {readonly key: string; readonly wrapper: ChatWrapper} | undefined;
	return (model: LlamaModel): ChatWrapper => {
		const {general, tokenizer} = model.fileInfo.metadata;
		const key = JSON.stringify([model.filename, general.architecture, model.tokens.bosString, tokenizer.chat_template]);
		if (latest?.key !== key) latest = {key, wrapper: resolveChatWrapper(model)};
		return latest.wrapper;
	};
};
