// Modules are found beside the program, compared with it and loaded.
#include "engine/device/accelerator.h"

#include "engine/base/devices.h"
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/own_program.h"
#include "registry/plugin.h"

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <dlfcn.h>
#include <map>
#include <mutex>

namespace xp {
namespace {

constexpr const char* kFirstChoice = "cuda";  // of "auto"

Accelerator* in_use = nullptr;
torch::DeviceType device_type = torch::kCPU;  // of the device that was taken
thread_local int64_t num_uncounted = 0;

std::string loader_error() {
  const char* reason = ::dlerror();
  return reason == nullptr ? "no reason given" : reason;
}

Accelerator& loaded(const fs::path& file, const std::string& name) {
  std::error_code code;
  if (!fs::is_regular_file(file, code)) {
    user_error("'device' is \"{}\", but '{}' is not there; build it with `scripts/setup.sh {}`",
               name, file.string(), name);
  }
  if (const auto misfit = stamp_misfit(read_file(file))) {
    user_error("'{}' {}; build it again with this xp: `scripts/setup.sh {}`", file.string(),
               *misfit, name);
  }
  void* const module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (module == nullptr) {
    user_error(
        "'{}' cannot be loaded: {}; it needs the LibTorch that it was built with: "
        "`scripts/setup.sh {}`",
        file.string(), loader_error(), name);
  }
  void* const symbol = ::dlsym(module, "xp_accelerator");
  if (symbol == nullptr)
    user_error("'{}' is not a module of an accelerator: {}", file.string(), loader_error());
  return *reinterpret_cast<Accelerator* (*)()>(symbol)();
}

// That of "auto"; null and why: the CPU.
std::pair<Accelerator*, std::string> best_accelerator() {
  if (!has_accelerator(own_program(), kFirstChoice)) return {nullptr, ""};
  try {
    Accelerator& found = load_accelerator(kFirstChoice);
    found.count();
    return {&found, ""};
  } catch (const Error& error) {
    return {nullptr, fmt::format("computing on the CPU: {}", error.what())};
  }
}

}  // namespace

Accelerator& load_accelerator(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, Accelerator*> known;
  const std::lock_guard lock(mutex);
  Accelerator*& found = known[name];
  if (found == nullptr) found = &loaded(accelerator_module(own_program(), name), name);
  return *found;
}

std::string choose_device(const std::string& name) {
  if (name == "cpu") {
    use_accelerator(nullptr);
    return "";
  }
  if (name == "auto") {
    const auto [found, reason] = best_accelerator();
    use_accelerator(found);
    return reason;
  }
  Accelerator& found = load_accelerator(name);
  found.count();
  use_accelerator(&found);
  return "";
}

void use_accelerator(Accelerator* chosen) {
  in_use = chosen;
  if (chosen == nullptr) device_type = torch::kCPU;
}

void take_device(int64_t index) {
  if (in_use == nullptr) return;
  const int64_t count = in_use->count();
  if (index >= count) {
    user_error(
        "there are more ranks on this machine than devices: rank {} of it finds {} of {}; use "
        "ranks_per_node = {} in [launch], or device = \"cpu\"",
        index, count, in_use->name(), count);
  }
  device_type = in_use->take(index).type();
}

Accelerator* accelerator() {
  return in_use;
}

torch::Device computing_device() {
  if (device_type == torch::kCPU) return torch::kCPU;
  return c10::impl::getDeviceGuardImpl(device_type)->getDevice();
}

torch::Tensor to_device(const torch::Tensor& tensor) {
  const auto device = computing_device();
  if (device.is_cpu() || !tensor.is_cpu()) return tensor;
  return pinned(tensor).to(device, /*non_blocking=*/true);
}

torch::Tensor pinned(const torch::Tensor& host) {
  return device_type == torch::kCPU || !host.defined() || host.numel() == 0 ? host
                                                                            : host.pin_memory();
}

UncountedReads::UncountedReads() {
  ++num_uncounted;
}

UncountedReads::~UncountedReads() {
  --num_uncounted;
}

bool UncountedReads::is_active() {
  return num_uncounted > 0;
}

}  // namespace xp
