/*
The way from a token to the next without JavaScript: sample, decode, sample … on one thread, and back only with several tokens at once. node-llama-cpp goes through
two jobs of libuv, a dozen promises and a copy of all tokens for each, while the compute threads wait.
*/
#include "hooks.h"
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace {

// As in llama.h of the release that hooks.cpp knows.
struct Batch {
	int32_t count;
	int32_t *tokens;
	float *embeddings;
	int32_t *positions, *sequenceCounts;
	int32_t **sequences;
	int8_t *outputs;
};

struct Candidate {
	int32_t token;
	float logit, probability;
};

struct Candidates {
	Candidate *data;
	size_t size;
	int64_t selected;
	bool isSorted;
};

struct ChainParams {
	bool noPerf;
};

struct Functions {
	Batch (*batchOf)(int32_t *tokens, int32_t count);
	int32_t (*decode)(void *context, Batch);
	float *(*logitsOf)(void *context, int32_t index);
	void *(*memoryOf)(const void *context);
	bool (*forget)(void *memory, int32_t sequence, int32_t start, int32_t end);
	const void *(*modelOf)(const void *context);
	const void *(*vocabularyOf)(const void *model);
	int32_t (*countTokens)(const void *vocabulary);
	bool (*isEnd)(const void *vocabulary, int32_t token);
	ChainParams (*chainDefaults)();
	void *(*newChain)(ChainParams);
	void (*add)(void *chain, void *sampler);
	void (*apply)(void *chain, Candidates *);
	void (*freeChain)(void *chain);
	void *(*greedy)();
	void *(*topK)(int32_t);
	void *(*topP)(float, size_t least);
	void *(*minP)(float, size_t least);
	void *(*temperature)(float);
	void *(*draw)(uint32_t seed);
};

bool findAll(void *library, Functions &llama) {
	return find(library, "llama_batch_get_one", llama.batchOf) && find(library, "llama_decode", llama.decode) &&
		find(library, "llama_get_logits_ith", llama.logitsOf) && find(library, "llama_get_memory", llama.memoryOf) &&
		find(library, "llama_memory_seq_rm", llama.forget) && find(library, "llama_get_model", llama.modelOf) &&
		find(library, "llama_model_get_vocab", llama.vocabularyOf) && find(library, "llama_vocab_n_tokens", llama.countTokens) &&
		find(library, "llama_vocab_is_eog", llama.isEnd) && find(library, "llama_sampler_chain_default_params", llama.chainDefaults) &&
		find(library, "llama_sampler_chain_init", llama.newChain) && find(library, "llama_sampler_chain_add", llama.add) &&
		find(library, "llama_sampler_apply", llama.apply) && find(library, "llama_sampler_free", llama.freeChain) &&
		find(library, "llama_sampler_init_greedy", llama.greedy) && find(library, "llama_sampler_init_top_k", llama.topK) &&
		find(library, "llama_sampler_init_top_p", llama.topP) && find(library, "llama_sampler_init_min_p", llama.minP) &&
		find(library, "llama_sampler_init_temp", llama.temperature) && find(library, "llama_sampler_init_dist", llama.draw);
}

struct Sampling {
	double temperature = 0, topP = 1, minP = 0;
	int32_t topK = 0;
	uint32_t seed = 0;
};

/** With more than that sorting all of them is as fast. */
constexpr int32_t mostSelected = 1000;

class Loop {
public:
	/** `count`: as many tokens at most. */
	Loop(const Target &target, const Sampling &sampling, uint32_t count) : target(target), left(count) {
		findAll(target.library, llama);
		vocabulary = llama.vocabularyOf(llama.modelOf(target.context));
		const int32_t tokens = llama.countTokens(vocabulary);
		// The same chain as node-llama-cpp's (its AddonSampler.cpp): the same seed draws the same tokens.
		chain = llama.newChain(llama.chainDefaults());
		if (sampling.temperature <= 0) {
			most = 1;
			llama.add(chain, llama.greedy());
		} else {
			const int32_t topK = sampling.topK > 0 ? std::min(sampling.topK, tokens) : tokens;
			most = topK <= mostSelected ? topK : tokens;
			llama.add(chain, llama.topK(topK));
			if (sampling.topP >= 0 && sampling.topP < 1) llama.add(chain, llama.topP(static_cast<float>(sampling.topP), 1));
			if (sampling.minP > 0) llama.add(chain, llama.minP(static_cast<float>(sampling.minP), 1));
			llama.add(chain, llama.temperature(static_cast<float>(sampling.temperature)));
			llama.add(chain, llama.draw(sampling.seed));
		}

		candidates.reserve(static_cast<size_t>(tokens));
	}

	Loop(const Loop &) = delete;
	Loop &operator=(const Loop &) = delete;
	~Loop() { llama.freeChain(chain); }

	/** The next run's place among all of them: they may start in any order. */
	uint32_t queue() { return queued++; }

	/**
	Samples the token after the one before (or after the prompt), decodes it, and so on: at least one, and as many as there are after `ms`. The last one is not decoded
	yet. None: the text is at its end, as many as wanted are there, or it was stopped.
	*/
	std::vector<uint32_t> run(uint32_t place, double ms, int32_t threads) {
		std::unique_lock<std::mutex> lock(running);
		turns.wait(lock, [&] { return turn == place; });
		const Turn ends(*this);
		std::vector<uint32_t> sampled;
		if (isStopped || left == 0) return sampled;
		if (!target.context) throw std::runtime_error("the context is gone");
		setThreads(target, threads);
		const auto startedAt = std::chrono::steady_clock::now();
		do {
			if (latest >= 0) decode(latest);
			latest = sample();
			sampled.push_back(static_cast<uint32_t>(latest));
			left = llama.isEnd(vocabulary, latest) ? 0 : left - 1;
		} while (!isStopped && left > 0 && std::chrono::steady_clock::now() - startedAt < std::chrono::duration<double, std::milli>(ms));

		return sampled;
	}

	void stop() { isStopped = true; }

	/** In the one sequence that every context of ours has. */
	void cut(int32_t length) {
		std::lock_guard<std::mutex> lock(running);
		if (target.context) llama.forget(llama.memoryOf(target.context), 0, length, -1);
	}

	void end(void *context) {
		if (target.context != context) return;
		stop();
		std::lock_guard<std::mutex> lock(running);
		target.context = nullptr;
	}

private:
	/** One run, under the lock; whatever its end, the next one may go on. */
	struct Turn {
		Loop &loop;
		explicit Turn(Loop &loop) : loop(loop) {}
		~Turn() {
			loop.turn++;
			loop.turns.notify_all();
		}
	};

	void decode(int32_t token) {
		const int32_t result = llama.decode(target.context, llama.batchOf(&token, 1));
		if (result == 1) throw std::runtime_error("could not find a KV slot for the batch");
		if (result != 0) throw std::runtime_error("Eval has failed");
	}

	int32_t sample() {
		const float *logits = llama.logitsOf(target.context, -1);
		if (!logits) throw std::runtime_error("This model does not support token generation");
		Candidates left = best(logits);
		llama.apply(chain, &left);
		if (left.selected < 0 || static_cast<size_t>(left.selected) >= left.size) throw std::runtime_error("Failed to sample next token");
		return left.data[left.selected].token;
	}

	/** What top-k would leave: llama.cpp's own allocates memory for the whole vocabulary every time. */
	Candidates best(const float *logits) {
		const int32_t tokens = llama.countTokens(vocabulary);
		candidates.clear();
		if (most == tokens) {
			for (int32_t token = 0; token < tokens; token++) candidates.push_back({token, logits[token], 0});
			return {candidates.data(), candidates.size(), -1, false};
		}

		// Of every 512th token the best: where that is not among the best of these, nor are the others.
		std::array<float, 512> highest;
		constexpr auto columns = static_cast<int32_t>(highest.size());
		highest.fill(-std::numeric_limits<float>::infinity());
		for (int32_t row = 0; row < tokens; row += columns) {
			const int32_t width = std::min(columns, tokens - row);
			for (int32_t column = 0; column < width; column++) {
				const float logit = logits[row + column];
				highest[column] = logit > highest[column] ? logit : highest[column]; // std::max would not become a vector instruction
			}
		}

		float least = -std::numeric_limits<float>::infinity();
		if (most < columns) {
			std::array<float, columns> ranked = highest;
			std::nth_element(ranked.begin(), ranked.begin() + most - 1, ranked.end(), std::greater<>());
			least = ranked[most - 1];
		}

		for (int32_t column = 0; column < columns; column++) {
			if (highest[column] < least) continue;
			for (int32_t token = column; token < tokens; token += columns) {
				if (!(logits[token] < least)) consider({token, logits[token], 0});
			}
		}

		std::sort_heap(candidates.begin(), candidates.end(), isBetter);
		return {candidates.data(), candidates.size(), -1, true};
	}

	static bool isBetter(const Candidate &a, const Candidate &b) { return a.logit > b.logit || (a.logit == b.logit && a.token < b.token); }

	/** Keeps `most` of them, with the worst in front. */
	void consider(const Candidate &candidate) {
		if (candidates.size() == static_cast<size_t>(most)) {
			if (!isBetter(candidate, candidates.front())) return;
			std::pop_heap(candidates.begin(), candidates.end(), isBetter);
			candidates.back() = candidate;
		} else {
			candidates.push_back(candidate);
		}

		std::push_heap(candidates.begin(), candidates.end(), isBetter);
	}

	Target target;
	Functions llama{};
	const void *vocabulary;
	void *chain;
	int32_t most;
	std::vector<Candidate> candidates;
	/** Negative: the prompt was decoded last. */
	int32_t latest = -1;
	uint32_t left;
	std::mutex running;
	std::condition_variable turns;
	/** JavaScript's thread alone queues. */
	uint32_t queued = 0, turn = 0;
	std::atomic<bool> isStopped{false};
};

using SharedLoop = std::shared_ptr<Loop>;

// Never destroyed: other threads may still be in llama.cpp when the process ends.
std::mutex &mutex = *new std::mutex;
auto &loops = *new std::vector<std::weak_ptr<Loop>>;

struct Run {
	SharedLoop loop;
	uint32_t place;
	double ms;
	int32_t threads;
	napi_async_work work;
	napi_deferred deferred;
	std::vector<uint32_t> sampled;
	std::string failure;
};

void execute(napi_env, void *data) {
	Run &run = *static_cast<Run *>(data);
	try {
		run.sampled = run.loop->run(run.place, run.ms, run.threads);
	} catch (const std::exception &error) {
		run.failure = error.what();
	}
}

void complete(napi_env env, napi_status, void *data) {
	const std::unique_ptr<Run> run(static_cast<Run *>(data));
	napi_delete_async_work(env, run->work);
	if (!run->failure.empty()) {
		reject(env, run->deferred, run->failure);
		return;
	}

	const size_t size = run->sampled.size();
	void *bytes;
	napi_value buffer, tokens;
	napi_create_arraybuffer(env, size * sizeof(uint32_t), &bytes, &buffer);
	std::copy(run->sampled.begin(), run->sampled.end(), static_cast<uint32_t *>(bytes));
	napi_create_typedarray(env, napi_uint32_array, size, buffer, 0, &tokens);
	napi_resolve_deferred(env, run->deferred, tokens);
}

SharedLoop loopIn(napi_env env, napi_value value) {
	void *data = nullptr;
	napi_get_value_external(env, value, &data);
	return *static_cast<SharedLoop *>(data);
}

} // namespace

std::string distrustOfLoop(void *library) {
	Functions llama{};
	if (!findAll(library, llama)) return "llama.cpp lacks a function that the native hooks need";
	int32_t token = 0;
	const Batch batch = llama.batchOf(&token, 1);
	const bool isAsDeclared = batch.count == 1 && batch.tokens == &token && !batch.embeddings && !batch.positions && !batch.sequenceCounts &&
		!batch.sequences && !batch.outputs;
	return isAsDeclared ? "" : "llama.cpp's structs are not as the native hooks know them";
}

napi_value openLoop(napi_env env, napi_callback_info info) {
	napi_value arguments[6], result = nullptr;
	size_t count = 6;
	napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
	Sampling sampling;
	napi_get_value_double(env, arguments[0], &sampling.temperature);
	napi_get_value_int32(env, arguments[1], &sampling.topK);
	napi_get_value_double(env, arguments[2], &sampling.topP);
	napi_get_value_double(env, arguments[3], &sampling.minP);
	napi_get_value_uint32(env, arguments[4], &sampling.seed);
	uint32_t most = 0;
	napi_get_value_uint32(env, arguments[5], &most);
	const Target target = latestTarget();
	if (!target.context) {
		napi_throw_error(env, nullptr, "no context was asked for its threads");
		return nullptr;
	}

	SharedLoop *loop = new SharedLoop(std::make_shared<Loop>(target, sampling, most));
	{
		std::lock_guard<std::mutex> lock(mutex);
		loops.erase(std::remove_if(loops.begin(), loops.end(), [](const auto &known) { return known.expired(); }), loops.end());
		loops.push_back(*loop);
	}

	napi_create_external(env, loop, [](napi_env, void *data, void *) { delete static_cast<SharedLoop *>(data); }, nullptr, &result);
	return result;
}

napi_value runLoop(napi_env env, napi_callback_info info) {
	napi_value arguments[3], name, promise;
	size_t count = 3;
	napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
	Run *run = new Run{};
	run->loop = loopIn(env, arguments[0]);
	run->place = run->loop->queue();
	napi_get_value_double(env, arguments[1], &run->ms);
	napi_get_value_int32(env, arguments[2], &run->threads);
	napi_create_promise(env, &run->deferred, &promise);
	napi_create_string_utf8(env, "vramble tokens", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, nullptr, name, execute, complete, run, &run->work);
	napi_queue_async_work(env, run->work);
	return promise;
}

napi_value stopLoop(napi_env env, napi_callback_info info) {
	napi_value loop;
	size_t count = 1;
	napi_get_cb_info(env, info, &count, &loop, nullptr, nullptr);
	loopIn(env, loop)->stop();
	return nullptr;
}

napi_value cutLoop(napi_env env, napi_callback_info info) {
	napi_value arguments[2];
	size_t count = 2;
	napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
	int32_t length = 0;
	napi_get_value_int32(env, arguments[1], &length);
	loopIn(env, arguments[0])->cut(length);
	return nullptr;
}

void endLoops(void *context) {
	std::vector<SharedLoop> found;
	{
		std::lock_guard<std::mutex> lock(mutex);
		for (const auto &loop : loops) {
			if (SharedLoop known = loop.lock()) found.push_back(known);
		}
	}

	for (const SharedLoop &loop : found) loop->end(context);
}
