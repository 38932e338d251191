/*
What llama.cpp can do and node-llama-cpp does not ask it for: a thread pool that stays, and tensors, KV cache and layers on the devices that the user wants.

This module is loaded with RTLD_GLOBAL before node-llama-cpp's. ELF looks symbols up in global scope first, so that the calls of node-llama-cpp to the functions
defined here (at the end of the file) come here and go on to the real ones, found with dlsym in the library of the caller.
Only calls that take and return pointers and numbers are taken over: nothing depends on the layout of llama.cpp's structs but what is written into them,
and that is written only where `distrustOf` has found the layout that is declared here.
*/
#include "hooks.h"
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <link.h>
#include <malloc.h>
#include <map>
#include <mutex>
#include <node_api.h>
#include <set>
#include <string>
#include <vector>

namespace {

// As in llama.h and ggml-cpu.h of these releases (`llama_version`).
constexpr const char *knownRelease = "0.5.0-dev";

struct TensorOverride {
	const char *pattern;
	void *bufferType;
};

struct ModelParams {
	void *const *devices;
	const TensorOverride *tensorOverrides;
	int32_t gpuLayers, splitMode, loadMode, lazyMode, mainGpu;
	const float *tensorSplit;
	void *progressCallback, *progressData;
	const void *keyOverrides;
	bool vocabOnly, checkTensors, useExtraBuffers, noHost, noAlloc, loadMtp;
};

struct ContextParams {
	uint32_t context, batch, microBatch, sequences, recurrentSnapshots, outputs, outputsPerSequence;
	int32_t threads, batchThreads, type, ropeScaling, pooling, attention, flashAttention;
	float ropeBase, ropeScale, yarnExtension, yarnAttention, yarnFast, yarnSlow;
	uint32_t yarnContext;
	float defragmentation;
	void *evalCallback, *evalData;
	int32_t typeK, typeV;
	void *abortCallback, *abortData;
	bool embeddings, offloadKeyValue, noPerf, offloadOperations, wholeWindow, unified;
	void *samplers;
	size_t samplerCount;
	void *other;
};

struct ThreadPoolParams {
	bool cpus[512];
	int32_t threads, priority;
	uint32_t poll;
	bool strict, paused;
};

/** Calls with a struct as their result get its address in the first register (System V ABI of x86-64), and return it. */
using Defaults = void *(*)(void *result);

/** One llama.cpp with its node-llama-cpp. */
struct Llama {
	void *library;
	Defaults modelDefaults, contextDefaults;
	int32_t (*threads)(void *context);
	void (*setThreads)(void *context, int32_t threads, int32_t batchThreads);
	void (*freeContext)(void *context);
	void (*attachPool)(void *context, void *pool, void *batchPool);
	void (*poolDefaults)(ThreadPoolParams *, int threads);
	size_t (*mostDevices)();
	size_t (*countDevices)();
	void *(*deviceAt)(size_t index);
	void *(*deviceByName)(const char *name);
	const char *(*deviceName)(void *device);
	const char *(*deviceDescription)(void *device);
	int32_t (*deviceType)(void *device);
	void (*deviceMemory)(void *device, size_t *free, size_t *total);
	void *(*newPool)(ThreadPoolParams *);
	void (*freePool)(void *pool);
	void *cpuBuffers;
	/** Why nothing is changed here; empty: all is as it is declared above. */
	std::string distrust;
};

/** The pools of a context by their threads. What the CPU backend had before is paused when it gets another, so all of them live as long as the context. */
struct Pools {
	std::map<int32_t, void *> byThreads;
	int32_t attached = 0;
};

/** What the user wants of models and contexts that are made from now on. */
struct Placement {
	std::vector<std::string> cpuTensors;
	bool keyValueOnCpu = false;
	/** Empty: those that llama.cpp chooses. */
	std::vector<std::string> devices;
	/** In the order of the devices; empty: by their free memory. */
	std::vector<float> tensorSplit;
	/** `llama_split_mode` */
	int32_t splitMode = 1, mainGpu = 0;
};

enum DeviceType { gpuDevice = 1, integratedDevice = 2 };

// Never destroyed: other threads may still be in llama.cpp when the process ends.
std::mutex &mutex = *new std::mutex;
auto &llamas = *new std::map<void *, Llama>;
auto &poolsOfContexts = *new std::map<void *, Pools>;
auto &placement = *new Placement;
/** Models hold on to these. */
auto &deviceLists = *new std::set<std::vector<void *>>;
auto &tensorSplits = *new std::set<std::vector<float>>;
auto &overrides = *new std::map<std::pair<void *, std::vector<std::string>>, std::vector<TensorOverride>>;

template <typename Params> bool isAsDeclared(Defaults defaults, const Params &expected) {
	// Padding is left as it was; what is behind must be, too.
	unsigned char got[2 * sizeof(Params)] = {};
	defaults(got);
	if (std::memcmp(got, &expected, sizeof(Params)) != 0) return false;
	std::memset(got, 0xff, sizeof got);
	defaults(got);
	for (size_t index = sizeof(Params); index < sizeof got; index++) {
		if (got[index] != 0xff) return false;
	}

	return true;
}

bool areModelParamsAsDeclared(Defaults defaults) {
	ModelParams expected;
	std::memset(&expected, 0, sizeof expected);
	expected.gpuLayers = -1;
	expected.splitMode = 1;
	expected.loadMode = -1;
	expected.lazyMode = 1;
	expected.useExtraBuffers = true;
	return isAsDeclared(defaults, expected);
}

bool areContextParamsAsDeclared(Defaults defaults) {
	ContextParams expected;
	std::memset(&expected, 0, sizeof expected);
	expected.context = 512;
	expected.batch = 2048;
	expected.microBatch = 512;
	expected.sequences = expected.outputsPerSequence = 1;
	expected.threads = expected.batchThreads = 4;
	expected.ropeScaling = expected.pooling = expected.attention = expected.flashAttention = -1;
	expected.yarnExtension = expected.yarnAttention = expected.yarnFast = expected.yarnSlow = expected.defragmentation = -1;
	expected.typeK = expected.typeV = 1;
	expected.offloadKeyValue = expected.noPerf = expected.offloadOperations = expected.wholeWindow = true;
	return isAsDeclared(defaults, expected);
}

bool arePoolParamsAsDeclared(const Llama &llama) {
	ThreadPoolParams expected, got;
	std::memset(&expected, 0, sizeof expected);
	std::memset(&got, 0, sizeof got);
	expected.threads = 3;
	expected.poll = 50;
	llama.poolDefaults(&got, 3);
	return std::memcmp(&got, &expected, sizeof expected) == 0;
}

/** Finds the real functions in the module that called, or in what it is linked to. */
Llama connect(void *library) {
	Llama llama{};
	llama.library = library;
	const char *(*version)();
	void *(*cpuBuffers)();
	const bool isComplete =
		find(library, "llama_model_default_params", llama.modelDefaults) & find(library, "llama_context_default_params", llama.contextDefaults) &
		find(library, "llama_n_threads", llama.threads) & find(library, "llama_set_n_threads", llama.setThreads) &
		find(library, "llama_free", llama.freeContext) & find(library, "llama_attach_threadpool", llama.attachPool) &
		find(library, "ggml_threadpool_params_init", llama.poolDefaults) & find(library, "ggml_backend_cpu_buffer_type", cpuBuffers) &
		find(library, "llama_max_devices", llama.mostDevices) & find(library, "ggml_backend_dev_count", llama.countDevices) &
		find(library, "ggml_backend_dev_get", llama.deviceAt) & find(library, "ggml_backend_dev_by_name", llama.deviceByName) &
		find(library, "ggml_backend_dev_name", llama.deviceName) & find(library, "ggml_backend_dev_description", llama.deviceDescription) &
		find(library, "ggml_backend_dev_type", llama.deviceType) & find(library, "ggml_backend_dev_memory", llama.deviceMemory) &
		find(library, "llama_version", version);
	if (!isComplete) llama.distrust = "llama.cpp lacks a function that the native hooks need";
	else if (std::strcmp(version(), knownRelease) != 0) llama.distrust = std::string("the native hooks do not know llama.cpp ") + version();
	else if (!areModelParamsAsDeclared(llama.modelDefaults) || !areContextParamsAsDeclared(llama.contextDefaults) || !arePoolParamsAsDeclared(llama))
		llama.distrust = "llama.cpp's structs are not as the native hooks know them";
	else llama.distrust = distrustOfLoop(library);
	if (llama.distrust.empty()) llama.cpuBuffers = cpuBuffers();
	return llama;
}

/** The llama.cpp that belongs to a piece of code. */
Llama &llamaOf(void *code) {
	std::lock_guard<std::mutex> lock(mutex);
	Dl_info info{};
	dladdr(code, &info);
	const auto known = llamas.find(info.dli_fbase);
	if (known != llamas.end()) return known->second;
	// Never closed again: what was found stays valid.
	return llamas[info.dli_fbase] = connect(dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD));
}

/** The backends are loaded later than llama.cpp: its CPU part is asked when it is about to compute. */
bool findPoolFunctions(Llama &llama) {
	if (llama.newPool && llama.freePool) return true;
	void *(*deviceByType)(int32_t);
	void *(*backendOf)(void *device);
	void *(*addressIn)(void *backend, const char *name);
	if (!find(llama.library, "ggml_backend_dev_by_type", deviceByType) || !find(llama.library, "ggml_backend_dev_backend_reg", backendOf) ||
		!find(llama.library, "ggml_backend_reg_get_proc_address", addressIn))
		return false;
	void *cpu = deviceByType(0); // GGML_BACKEND_DEVICE_TYPE_CPU
	if (!cpu) return false;
	llama.newPool = reinterpret_cast<decltype(llama.newPool)>(addressIn(backendOf(cpu), "ggml_threadpool_new"));
	llama.freePool = reinterpret_cast<decltype(llama.freePool)>(addressIn(backendOf(cpu), "ggml_threadpool_free"));
	return llama.newPool && llama.freePool;
}

void *makePool(const Llama &llama, int32_t threads) {
	ThreadPoolParams params;
	llama.poolDefaults(&params, threads);
	return llama.newPool(&params);
}

/**
Without a pool ggml starts and joins threads for every graph, which is once or more for every token: SmolLM2-135M on 2 threads of 2 cores wrote 58 tokens a second, with
a pool 80 (medians of 24 tokens each, while other programs rested).
*/
void usePool(Llama &llama, void *context, int32_t threads) {
	if (!llama.distrust.empty() || threads < 1 || threads > 512) return;
	std::lock_guard<std::mutex> lock(mutex);
	Pools &pools = poolsOfContexts[context];
	if (pools.attached == threads || !findPoolFunctions(llama)) return;
	void *pool = nullptr;
	// A single thread is the one that calls.
	if (threads > 1) {
		void *&kept = pools.byThreads[threads];
		if (!kept) kept = makePool(llama, threads);
		pool = kept;
	}

#ifdef __GLIBC__
	// Before the first token: what loading and dry runs have freed lies in the arenas of their threads, 8 to 10 MB with a vocabulary of 49k tokens.
	if (pools.attached == 0) malloc_trim(0);
#endif
	llama.attachPool(context, pool, pool);
	pools.attached = threads;
}

const std::vector<TensorOverride> &overridesFor(const Llama &llama, const std::vector<std::string> &patterns) {
	const auto [at, isNew] = overrides.try_emplace({llama.cpuBuffers, patterns});
	if (isNew) {
		for (const std::string &pattern : at->first.second) at->second.push_back({pattern.c_str(), llama.cpuBuffers});
		at->second.push_back({nullptr, nullptr});
	}

	return at->second;
}

/** What they point to ends with a null; llama.cpp takes all of the devices where one is not there. */
void *const *devicesOf(const Llama &llama) {
	if (placement.devices.empty()) return nullptr;
	std::vector<void *> devices;
	for (const std::string &name : placement.devices) {
		void *device = llama.deviceByName(name.c_str());
		if (!device) return nullptr;
		devices.push_back(device);
	}

	devices.push_back(nullptr);
	return deviceLists.insert(devices).first->data();
}

const float *tensorSplitOf(const Llama &llama) {
	if (placement.tensorSplit.empty()) return nullptr;
	std::vector<float> shares = placement.tensorSplit;
	shares.resize(llama.mostDevices());
	return tensorSplits.insert(shares).first->data();
}

std::string stringOf(napi_env env, napi_value value) {
	size_t length = 0;
	napi_get_value_string_utf8(env, value, nullptr, 0, &length);
	std::string text(length + 1, '\0');
	napi_get_value_string_utf8(env, value, text.data(), text.size(), &length);
	text.resize(length);
	return text;
}

template <typename Read> void forEach(napi_env env, napi_value array, Read read) {
	uint32_t length = 0;
	napi_get_array_length(env, array, &length);
	for (uint32_t index = 0; index < length; index++) {
		napi_value element;
		napi_get_element(env, array, index, &element);
		read(element);
	}
}

/**
`place(cpuTensors: string[], keyValueOnCpu: boolean, devices: string[], tensorSplit: number[], splitMode: number, mainGpu: number)`: for the models and contexts that
are made from now on. llama.cpp reads the patterns with `std::regex`.
*/
napi_value place(napi_env env, napi_callback_info info) {
	napi_value arguments[6];
	size_t count = 6;
	napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
	Placement next;
	forEach(env, arguments[0], [&](napi_value pattern) { next.cpuTensors.push_back(stringOf(env, pattern)); });
	napi_get_value_bool(env, arguments[1], &next.keyValueOnCpu);
	forEach(env, arguments[2], [&](napi_value name) { next.devices.push_back(stringOf(env, name)); });
	forEach(env, arguments[3], [&](napi_value share) {
		double value = 0;
		napi_get_value_double(env, share, &value);
		next.tensorSplit.push_back(static_cast<float>(value));
	});
	napi_get_value_int32(env, arguments[4], &next.splitMode);
	napi_get_value_int32(env, arguments[5], &next.mainGpu);
	std::lock_guard<std::mutex> lock(mutex);
	placement = std::move(next);
	return nullptr;
}

int collectModules(dl_phdr_info *info, size_t, void *data) {
	std::vector<std::string> &paths = *static_cast<std::vector<std::string> *>(data);
	const std::string path = info->dlpi_name;
	const std::string name = "/llama-addon.node";
	if (path.size() > name.size() && path.compare(path.size() - name.size(), name.size(), name) == 0) paths.push_back(path);
	return 0;
}

/** Every llama.cpp that is loaded now. */
std::vector<Llama *> loadedLlamas() {
	std::vector<std::string> paths;
	dl_iterate_phdr(collectModules, &paths);
	std::vector<Llama *> found;
	for (const std::string &path : paths) {
		void *library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
		void *entry = library ? dlsym(library, "napi_register_module_v1") : nullptr;
		if (entry) found.push_back(&llamaOf(entry));
	}

	return found;
}

/** `verify(): string`: why llama.cpp, as it is loaded now, cannot be changed; empty: it can. */
napi_value verify(napi_env env, napi_callback_info) {
	const std::vector<Llama *> found = loadedLlamas();
	std::string distrust = found.empty() ? "llama.cpp is not where the native hooks look for it" : "";
	for (const Llama *llama : found) {
		if (distrust.empty()) distrust = llama->distrust;
	}

	napi_value result;
	napi_create_string_utf8(env, distrust.c_str(), distrust.size(), &result);
	return result;
}

void set(napi_env env, napi_value object, const char *name, const char *text) {
	napi_value value;
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, name, value);
}

void set(napi_env env, napi_value object, const char *name, size_t number) {
	napi_value value;
	napi_create_double(env, static_cast<double>(number), &value);
	napi_set_named_property(env, object, name, value);
}

void set(napi_env env, napi_value object, const char *name, bool truth) {
	napi_value value;
	napi_get_boolean(env, truth, &value);
	napi_set_named_property(env, object, name, value);
}

/** `devices()`: what layers can go to, in llama.cpp's order: `{name, description, isIntegrated, totalBytes, freeBytes}[]`. */
napi_value devices(napi_env env, napi_callback_info) {
	napi_value list;
	napi_create_array(env, &list);
	uint32_t length = 0;
	for (const Llama *llama : loadedLlamas()) {
		for (size_t index = 0; llama->distrust.empty() && index < llama->countDevices(); index++) {
			void *device = llama->deviceAt(index);
			const int32_t type = llama->deviceType(device);
			if (type != gpuDevice && type != integratedDevice) continue;
			size_t freeBytes = 0, totalBytes = 0;
			llama->deviceMemory(device, &freeBytes, &totalBytes);
			napi_value object;
			napi_create_object(env, &object);
			set(env, object, "name", llama->deviceName(device));
			set(env, object, "description", llama->deviceDescription(device));
			set(env, object, "isIntegrated", type == integratedDevice);
			set(env, object, "totalBytes", totalBytes);
			set(env, object, "freeBytes", freeBytes);
			napi_set_element(env, list, length++, object);
		}
	}

	return list;
}

/** node-llama-cpp does not show llama.cpp's contexts, but asks here for their threads when it is asked for them. */
thread_local void *latestContext = nullptr;
thread_local Llama *latestLlama = nullptr;

} // namespace

Target latestTarget() {
	if (!latestLlama || !latestLlama->distrust.empty()) return {};
	return {latestLlama->library, latestLlama, latestContext};
}

void setThreads(const Target &target, int32_t threads) {
	Llama &llama = *static_cast<Llama *>(target.llama);
	if (llama.threads(target.context) == threads) return;
	usePool(llama, target.context, threads);
	llama.setThreads(target.context, threads, threads);
}

namespace {
Llama *trustedLlama() {
	for (Llama *llama : loadedLlamas()) {
		if (llama->distrust.empty()) return llama;
	}

	return nullptr;
}
} // namespace

void reject(napi_env env, napi_deferred deferred, const std::string &why) {
	napi_value message, error;
	napi_create_string_utf8(env, why.c_str(), why.size(), &message);
	napi_create_error(env, nullptr, message, &error);
	napi_reject_deferred(env, deferred, error);
}

void *trustedLibrary() {
	const Llama *llama = trustedLlama();
	return llama ? llama->library : nullptr;
}

void *newPool(int32_t threads) {
	Llama *llama = trustedLlama();
	return llama && findPoolFunctions(*llama) ? makePool(*llama, threads) : nullptr;
}

void freePool(void *pool) {
	if (pool) trustedLlama()->freePool(pool);
}

#define TAKES_OVER extern "C" __attribute__((visibility("default")))

TAKES_OVER void *llama_model_default_params(void *result) {
	Llama &llama = llamaOf(__builtin_return_address(0));
	llama.modelDefaults(result);
	std::lock_guard<std::mutex> lock(mutex);
	if (!llama.distrust.empty()) return result;
	ModelParams &params = *static_cast<ModelParams *>(result);
	if (!placement.cpuTensors.empty()) params.tensorOverrides = overridesFor(llama, placement.cpuTensors).data();
	params.devices = devicesOf(llama);
	params.tensorSplit = tensorSplitOf(llama);
	params.splitMode = placement.splitMode;
	params.mainGpu = placement.mainGpu;
	return result;
}

TAKES_OVER void *llama_context_default_params(void *result) {
	Llama &llama = llamaOf(__builtin_return_address(0));
	llama.contextDefaults(result);
	std::lock_guard<std::mutex> lock(mutex);
	if (llama.distrust.empty() && placement.keyValueOnCpu) static_cast<ContextParams *>(result)->offloadKeyValue = false;
	return result;
}

// node-llama-cpp asks for the number of threads before every batch, and sets it where it is another. Contexts of dry runs never get that far.
TAKES_OVER int32_t llama_n_threads(void *context) {
	Llama &llama = llamaOf(__builtin_return_address(0));
	const int32_t threads = llama.threads(context);
	usePool(llama, context, threads);
	latestContext = context;
	latestLlama = &llama;
	return threads;
}

TAKES_OVER void llama_set_n_threads(void *context, int32_t threads, int32_t batchThreads) {
	Llama &llama = llamaOf(__builtin_return_address(0));
	usePool(llama, context, threads > batchThreads ? threads : batchThreads);
	llama.setThreads(context, threads, batchThreads);
}

TAKES_OVER void llama_free(void *context) {
	Llama &llama = llamaOf(__builtin_return_address(0));
	endLoops(context);
	Pools pools;
	{
		std::lock_guard<std::mutex> lock(mutex);
		const auto known = poolsOfContexts.find(context);
		if (known != poolsOfContexts.end()) {
			pools = std::move(known->second);
			poolsOfContexts.erase(known);
		}
	}

	llama.freeContext(context);
	// After the context: nothing computes with them any more.
	for (const auto &[threads, pool] : pools.byThreads) llama.freePool(pool);
}

NAPI_MODULE_INIT() {
	const napi_property_descriptor functions[] = {
		{"place", nullptr, place, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"verify", nullptr, verify, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"devices", nullptr, devices, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"openLoop", nullptr, openLoop, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"runLoop", nullptr, runLoop, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"stopLoop", nullptr, stopLoop, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"cutLoop", nullptr, cutLoop, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
		{"probeKernel", nullptr, probeKernel, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
	};
	napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
	return exports;
}
