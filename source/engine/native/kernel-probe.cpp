/*
How long threads of this CPU take for what models are made of, by llama.cpp's own code: it differs from machine to machine which type of weights, and which heads
over which KV cache, the vector units are good at, several times over.
*/
#include "hooks.h"
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

// As in ggml.h of the release that hooks.cpp knows.
struct InitParams {
	size_t size;
	void *memory;
	bool noAlloc;
};

enum Type { f32 = 0, f16 = 1, i32 = 26 };

struct Functions {
	void *(*init)(InitParams);
	void (*free)(void *context);
	size_t (*overhead)();
	size_t (*graphOverhead)();
	void *(*newTensor)(void *context, int32_t type, int64_t, int64_t, int64_t);
	void *(*permute)(void *context, void *, int, int, int, int);
	void *(*multiply)(void *context, void *weights, void *);
	void *(*multiplyExperts)(void *context, void *weights, void *, void *ids);
	void *(*attend)(void *context, void *queries, void *keys, void *values, void *mask, float scale, float bias, float softcap);
	void *(*newGraph)(void *context);
	void (*expand)(void *graph, void *);
	size_t (*bytesOf)(const void *tensor);
	/** In bytes. */
	size_t (*blockSize)(int32_t type);
	void (*set)(void *tensor, const void *, size_t offset, size_t size);
	void *(*deviceByType)(int32_t);
	void *(*backendOf)(void *device);
	void *(*addressIn)(void *backend, const char *name);
	void *(*open)(void *device, const char *);
	void (*close)(void *backend);
	void *(*bufferType)(void *device);
	void *(*allocate)(void *context, void *bufferType);
	void (*freeBuffer)(void *buffer);
	bool (*supports)(void *device, const void *operation);
	int32_t (*compute)(void *backend, void *graph);
};

bool findAll(void *library, Functions &ggml) {
	return find(library, "ggml_init", ggml.init) && find(library, "ggml_free", ggml.free) && find(library, "ggml_tensor_overhead", ggml.overhead) &&
		find(library, "ggml_graph_overhead", ggml.graphOverhead) && find(library, "ggml_new_tensor_3d", ggml.newTensor) &&
		find(library, "ggml_permute", ggml.permute) && find(library, "ggml_mul_mat", ggml.multiply) &&
		find(library, "ggml_mul_mat_id", ggml.multiplyExperts) && find(library, "ggml_flash_attn_ext", ggml.attend) &&
		find(library, "ggml_new_graph", ggml.newGraph) && find(library, "ggml_build_forward_expand", ggml.expand) &&
		find(library, "ggml_nbytes", ggml.bytesOf) && find(library, "ggml_type_size", ggml.blockSize) && find(library, "ggml_backend_tensor_set", ggml.set) &&
		find(library, "ggml_backend_dev_by_type", ggml.deviceByType) && find(library, "ggml_backend_dev_backend_reg", ggml.backendOf) &&
		find(library, "ggml_backend_reg_get_proc_address", ggml.addressIn) && find(library, "ggml_backend_dev_init", ggml.open) &&
		find(library, "ggml_backend_free", ggml.close) && find(library, "ggml_backend_dev_buffer_type", ggml.bufferType) &&
		find(library, "ggml_backend_alloc_ctx_tensors_from_buft", ggml.allocate) &&
		find(library, "ggml_backend_buffer_free", ggml.freeBuffer) && find(library, "ggml_backend_dev_supports_op", ggml.supports) &&
		find(library, "ggml_backend_graph_compute", ggml.compute);
}

enum class Kind { weights, experts, attention, cached };

struct Kernel {
	Kind kind;
	int32_t type;
	/** Of attention. */
	int64_t headSize, headsPerKeyValueHead;
};

/** Rows and columns of a matrix of weights; experts in one tensor, and those that a token goes to. */
constexpr int64_t columns = 1024, rows = 4096, expertRows = 1024, experts = 8, usedExperts = 2;
/** Weights: more than most caches hold, because they come from the RAM, or as few as most hold. A KV cache: that of a short conversation. */
constexpr size_t mostBytes = 160 << 20, mostCachedBytes = 8 << 20, mostKeyValueBytes = 16 << 20, mostPromptBytes = 4 << 20;
constexpr size_t mostTensors = 4096;
constexpr int64_t promptTokens = 64;
/** Tokens in the context, and heads of the KV cache, that attention is measured with. */
constexpr int64_t cachedTokens = 1024, keyValueHeads = 4;
constexpr double leastSeconds = 0.1;
constexpr size_t fewestRuns = 3;

/** What one thread takes, and all of them together. */
struct Pair {
	double one = 0, all = 0;
};

/** One token and each of many, by one thread and by all. */
using Seconds = std::array<double, 4>;

class Probe {
public:
	Probe(void *library, int32_t threads) : threads(threads) {
		if (!findAll(library, ggml)) throw std::runtime_error("llama.cpp lacks a function that the probe needs");
		device = ggml.deviceByType(0); // GGML_BACKEND_DEVICE_TYPE_CPU
		if (!device) throw std::runtime_error("llama.cpp has no CPU part");
		void *registered = ggml.backendOf(device);
		setThreads = reinterpret_cast<decltype(setThreads)>(ggml.addressIn(registered, "ggml_backend_set_n_threads"));
		const auto extraBufferTypes = reinterpret_cast<void **(*)(void *)>(ggml.addressIn(registered, "ggml_backend_dev_get_extra_bufts"));
		setPool = reinterpret_cast<decltype(setPool)>(ggml.addressIn(registered, "ggml_backend_cpu_set_threadpool"));
		if (!setThreads || !setPool) throw std::runtime_error("the threads of llama.cpp's CPU part cannot be set");
		if (extraBufferTypes) {
			for (void **type = extraBufferTypes(device); type && *type; type++) bufferTypes.push_back(*type);
		}

		bufferTypes.push_back(ggml.bufferType(device));
		backend = ggml.open(device, nullptr);
		if (!backend) throw std::runtime_error("llama.cpp's CPU part does not start");
		if (threads > 1) pool = newPool(threads);
	}

	Probe(const Probe &) = delete;
	Probe &operator=(const Probe &) = delete;
	~Probe() {
		ggml.close(backend);
		freePool(pool);
	}

	/** For each byte: of weights once, of a KV cache for each head that reads it. */
	Seconds measure(const Kernel &kernel) {
		const auto [one, all] = measure(kernel, 1);
		const auto [onePrompt, allPrompt] = measure(kernel, promptTokens);
		return {one, onePrompt, all, allPrompt};
	}

private:
	/** Tensors that are allocated together. */
	struct Tensors {
		const Functions &ggml;
		void *context, *buffer = nullptr;
		explicit Tensors(const Functions &ggml) : ggml(ggml), context(ggml.init({mostTensors * ggml.overhead() + ggml.graphOverhead(), nullptr, true})) {}
		Tensors(const Tensors &) = delete;
		Tensors &operator=(const Tensors &) = delete;
		~Tensors() {
			if (buffer) ggml.freeBuffer(buffer);
			ggml.free(context);
		}

		void *add(int32_t type, int64_t a, int64_t b, int64_t c) { return ggml.newTensor(context, type, a, b, c); }
		void allocate(void *type) {
			buffer = ggml.allocate(context, type);
			if (!buffer) throw std::runtime_error("there is no memory for the probe");
		}
	};

	/** What is computed at once, with all that it is computed from. */
	struct Work {
		Tensors weights, others;
		std::vector<void *> operations, chosenExperts;
		std::vector<std::pair<void *, int32_t>> filled;
		/** That are read; those of a KV cache once for each head. */
		double bytes = 0;
		/** That lie in RAM. */
		size_t size = 0;
		explicit Work(const Functions &ggml) : weights(ggml), others(ggml) {}

		void *toFill(Tensors &tensors, int32_t type, int64_t a, int64_t b, int64_t c) {
			return filled.emplace_back(tensors.add(type, a, b, c), type).first;
		}

		double read(void *tensor) const { return static_cast<double>(weights.ggml.bytesOf(tensor)); }

		void attend(const Kernel &kernel, int64_t tokens, int64_t heads) {
			void *keys = toFill(weights, kernel.type, kernel.headSize, heads, cachedTokens);
			void *values = toFill(weights, kernel.type, kernel.headSize, heads, cachedTokens);
			void *queries = toFill(others, f32, kernel.headSize, tokens, heads * kernel.headsPerKeyValueHead);
			void *mask = toFill(others, f16, cachedTokens, tokens, 1);
			const auto byHead = [&](void *tensor) { return others.ggml.permute(others.context, tensor, 0, 2, 1, 3); };
			const float scale = 1 / std::sqrt(static_cast<float>(kernel.headSize));
			operations.push_back(others.ggml.attend(others.context, queries, byHead(keys), byHead(values), mask, scale, 0, 0));
			bytes += (read(keys) + read(values)) * static_cast<double>(kernel.headsPerKeyValueHead);
			size += static_cast<size_t>(read(keys) + read(values));
		}

		void multiply(const Kernel &kernel, int64_t tokens) {
			void *matrix = toFill(weights, kernel.type, columns, rows, 1);
			operations.push_back(others.ggml.multiply(others.context, matrix, toFill(others, f32, columns, tokens, 1)));
			bytes += read(matrix);
			size += static_cast<size_t>(read(matrix));
		}

		void multiplyExperts(const Kernel &kernel, int64_t tokens) {
			void *matrices = toFill(weights, kernel.type, columns, expertRows, experts);
			// Alone a token would leave the others in the cache or out of it: all are read, one pair after the other.
			for (int64_t pair = 0; pair < (tokens == 1 ? experts / usedExperts : 1); pair++) {
				void *ids = chosenExperts.emplace_back(others.add(i32, usedExperts, tokens, 1));
				void *inputs = toFill(others, f32, columns, 1, tokens);
				operations.push_back(others.ggml.multiplyExperts(others.context, matrices, inputs, ids));
				bytes += read(matrices) * usedExperts / experts;
			}

			size += static_cast<size_t>(read(matrices));
		}

		void add(const Kernel &kernel, int64_t tokens) {
			const bool isPrompt = tokens > 1;
			if (kernel.kind == Kind::attention) attend(kernel, tokens, isPrompt ? 1 : keyValueHeads);
			else if (kernel.kind == Kind::experts) multiplyExperts(kernel, tokens);
			else multiply(kernel, tokens);
		}
	};

	static size_t mostOf(Kind kind) {
		if (kind == Kind::attention) return mostKeyValueBytes;
		return kind == Kind::cached ? mostCachedBytes : mostBytes;
	}

	Pair measure(const Kernel &kernel, int64_t tokens) {
		for (void *bufferType : bufferTypes) {
			const Pair seconds = measureIn(bufferType, kernel, tokens);
			if (seconds.one > 0) return seconds;
		}

		throw std::runtime_error("llama.cpp's CPU part cannot compute with this type");
	}

	/** Zeros: it cannot be computed from there. */
	Pair measureIn(void *bufferType, const Kernel &kernel, int64_t tokens) {
		void *usual = bufferTypes.back();
		const bool isAttention = kernel.kind == Kind::attention;
		if (isAttention && bufferType != usual) return {};
		Work work(ggml);
		const size_t most = tokens > 1 ? mostPromptBytes : mostOf(kernel.kind);
		do work.add(kernel, tokens);
		while (work.size < most && !(isAttention && tokens > 1));
		work.weights.allocate(bufferType);
		if (!ggml.supports(device, work.operations.front())) return {};
		work.others.allocate(usual);
		for (const auto &[tensor, type] : work.filled) fill(tensor, type);
		for (size_t index = 0; index < work.chosenExperts.size(); index++) chooseExperts(work.chosenExperts[index], index, tokens);
		void *graph = ggml.newGraph(work.others.context);
		for (void *operation : work.operations) ggml.expand(graph, operation);
		const Pair seconds = typical(graph);
		const double amount = work.bytes * static_cast<double>(tokens);
		return {seconds.one / amount, seconds.all / amount};
	}

	/**
	As varied as in models: llama.cpp looks up each scale in half precision in a table, which a small cache does not hold beside the weights. With a quarter as many
	different scales Q4_1 took half as long (AMD EPYC, Zen 4). The second of two scales in a block is below zero, and an even number of halves means two.
	*/
	void fill(void *tensor, int32_t type) {
		if (type == f32) return set(tensor, floats, [](uint32_t bits) { return static_cast<float>(bits) / 0x1p31f - 1; });
		const size_t blockSize = ggml.blockSize(type);
		const bool hasTwoScales = blockSize > sizeof(uint16_t) && blockSize % (2 * sizeof(uint16_t)) == 0;
		set(tensor, halves, [&](uint32_t bits) {
			const bool isSecond = hasTwoScales && halves.size() % 2 == 1;
			return static_cast<uint16_t>((isSecond ? 0xa000 : 0x2000) | (bits >> 16 & 0x07ff));
		});
	}

	template <typename Number, typename Make> void set(void *tensor, std::vector<Number> &numbers, Make make) {
		const size_t size = ggml.bytesOf(tensor);
		while (numbers.size() * sizeof(Number) < size) numbers.push_back(make(random = random * 1664525 + 1013904223));
		ggml.set(tensor, numbers.data(), 0, size);
	}

	void chooseExperts(void *ids, size_t turn, int64_t tokens) {
		std::vector<int32_t> chosen;
		for (int64_t token = 0; token < tokens; token++) {
			const auto first = static_cast<int32_t>((static_cast<int64_t>(turn) * usedExperts + token * 5) % experts);
			chosen.insert(chosen.end(), {first, static_cast<int32_t>((first + 1) % experts)});
		}

		ggml.set(ids, chosen.data(), 0, chosen.size() * sizeof(int32_t));
	}

	double secondsOf(void *graph, int32_t threads) {
		// Without a pool threads would be started and joined for each graph, which is not what tokens are computed with.
		setPool(backend, threads > 1 ? pool : nullptr);
		setThreads(backend, threads);
		const auto before = std::chrono::steady_clock::now();
		if (ggml.compute(backend, graph) != 0) throw std::runtime_error("llama.cpp's CPU part has failed");
		return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
	}

	/** What it usually takes: the middle one. By turns, because a machine is not as fast at all times. */
	Pair typical(void *graph) {
		secondsOf(graph, threads); // for pages that were not touched yet
		std::vector<double> one, all;
		for (double passed = 0; one.size() < fewestRuns || passed < leastSeconds; passed += one.back() + all.back()) {
			one.push_back(secondsOf(graph, 1));
			all.push_back(secondsOf(graph, threads));
		}

		return {median(one), median(all)};
	}

	static double median(std::vector<double> &values) {
		const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
		std::nth_element(values.begin(), middle, values.end());
		return *middle;
	}

	Functions ggml{};
	void *device = nullptr, *backend = nullptr;
	void (*setThreads)(void *backend, int threads) = nullptr;
	void (*setPool)(void *backend, void *pool) = nullptr;
	void *pool = nullptr;
	int32_t threads;
	/** The layouts of a vector unit first, as llama.cpp tries them. */
	std::vector<void *> bufferTypes;
	uint32_t random = 1;
	std::vector<uint16_t> halves;
	std::vector<float> floats;
};

struct Run {
	void *library;
	Kernel kernel;
	int32_t threads;
	napi_async_work work;
	napi_deferred deferred;
	Seconds seconds{};
	std::string failure;
};

void execute(napi_env, void *data) {
	Run &run = *static_cast<Run *>(data);
	try {
		run.seconds = Probe(run.library, run.threads).measure(run.kernel);
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

	napi_value result, number;
	napi_create_array(env, &result);
	for (uint32_t index = 0; index < run->seconds.size(); index++) {
		napi_create_double(env, run->seconds[index], &number);
		napi_set_element(env, result, index, number);
	}

	napi_resolve_deferred(env, run->deferred, result);
}

} // namespace

napi_value probeKernel(napi_env env, napi_callback_info info) {
	napi_value arguments[5], name, promise;
	size_t count = 5;
	napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
	auto run = std::make_unique<Run>();
	run->library = trustedLibrary();
	if (!run->library) {
		napi_throw_error(env, nullptr, "llama.cpp is not loaded");
		return nullptr;
	}

	int32_t kind = 0;
	napi_get_value_int32(env, arguments[0], &kind);
	run->kernel.kind = static_cast<Kind>(kind);
	napi_get_value_int32(env, arguments[1], &run->kernel.type);
	napi_get_value_int64(env, arguments[2], &run->kernel.headSize);
	napi_get_value_int64(env, arguments[3], &run->kernel.headsPerKeyValueHead);
	napi_get_value_int32(env, arguments[4], &run->threads);
	napi_create_promise(env, &run->deferred, &promise);
	napi_create_string_utf8(env, "vramble probe", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, nullptr, name, execute, complete, run.get(), &run->work);
	napi_queue_async_work(env, run.release()->work);
	return promise;
}
