#pragma once
#include <cstdint>
#include <dlfcn.h>
#include <node_api.h>
#include <string>

template <typename Function> bool find(void *library, const char *name, Function &function) {
	function = reinterpret_cast<Function>(dlsym(library, name));
	return function != nullptr;
}

/** A context of node-llama-cpp, and where the functions of its llama.cpp are found. */
struct Target {
	void *library = nullptr, *llama = nullptr, *context = nullptr;
};

// In hooks.cpp:

/** The context that this thread has asked for its number of threads last; none where llama.cpp is not as it is known. */
Target latestTarget();
void setThreads(const Target &, int32_t threads);
/** The llama.cpp that is loaded and as it is known, with its CPU part; null: there is none. */
void *trustedLibrary();
/** Its thread pool of so many; null: it gives none. */
void *newPool(int32_t threads);
void freePool(void *pool);
void reject(napi_env, napi_deferred, const std::string &why);

// In token-loop.cpp:

/** Why tokens cannot be computed in a loop with this llama.cpp; empty: they can. */
std::string distrustOfLoop(void *library);
/** `openLoop(temperature, topK, topP, minP, seed, most): Loop`, on the `latestTarget`. */
napi_value openLoop(napi_env, napi_callback_info);
/** `runLoop(loop, ms, threads): Promise<Uint32Array>` */
napi_value runLoop(napi_env, napi_callback_info);
/** `stopLoop(loop)`: what runs ends with the token that is computed now. */
napi_value stopLoop(napi_env, napi_callback_info);
/** `cutLoop(loop, length)`: forgets what was computed beyond so many tokens. Nothing may run. */
napi_value cutLoop(napi_env, napi_callback_info);
/** Waits for what runs on a context, which cannot be used any more afterwards. */
void endLoops(void *context);

// In kernel-probe.cpp:

/**
`probeKernel(kind, type, headSize, headsPerKeyValueHead, threads): Promise<[token: number, prompt: number, allToken: number, allPrompt: number]>`: seconds for a byte, by
one thread and by all; kinds: weights, experts, attention, weights that a cache holds.
*/
napi_value probeKernel(napi_env, napi_callback_info);
