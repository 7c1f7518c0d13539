// The functions and numbers of NVML that are used here. Source: nvml.h of CUDA 13.0; all are stable
// parts of its interface.
#include "engine/launch/gpus.h"

#include "engine/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <dlfcn.h>
#include <memory>

namespace xp {
namespace {

using Device = struct nvmlDevice_st*;
struct Memory {
  unsigned long long total, free, used;
};
constexpr unsigned kNvLinkCapability = 2;  // NVML_P2P_CAPS_INDEX_NVLINK
constexpr unsigned kHostBridge = 30;       // NVML_TOPOLOGY_HOSTBRIDGE: one root of PCIe

// A function of the library, null if an old one lacks it.
template <class Function>
Function* function_of(void* library, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(library, name));
}

struct Library {
  void* handle;
  int (*init)() = function_of<int()>(handle, "nvmlInit_v2");
  int (*shutdown)() = function_of<int()>(handle, "nvmlShutdown");
  const char* (*error)(int) = function_of<const char*(int)>(handle, "nvmlErrorString");
  int (*driver)(char*, unsigned) = function_of<int(char*, unsigned)>(handle,
                                                                     "nvmlSystemGetDriverVersion");
  int (*cuda)(int*) = function_of<int(int*)>(handle, "nvmlSystemGetCudaDriverVersion_v2");
  int (*count)(unsigned*) = function_of<int(unsigned*)>(handle, "nvmlDeviceGetCount_v2");
  int (*device)(unsigned,
                Device*) = function_of<int(unsigned, Device*)>(handle,
                                                               "nvmlDeviceGetHandleByIndex_v2");
  int (*name)(Device, char*,
              unsigned) = function_of<int(Device, char*, unsigned)>(handle, "nvmlDeviceGetName");
  int (*memory)(Device, Memory*) = function_of<int(Device, Memory*)>(handle,
                                                                     "nvmlDeviceGetMemoryInfo");
  int (*peer)(Device, Device, unsigned, unsigned*) =
      function_of<int(Device, Device, unsigned, unsigned*)>(handle, "nvmlDeviceGetP2PStatus");
  int (*ancestor)(Device, Device, unsigned*) =
      function_of<int(Device, Device, unsigned*)>(handle, "nvmlDeviceGetTopologyCommonAncestor");

  bool is_whole() const { return init && shutdown && error && driver && count && device && name; }
};

GpuLink link_of(const Library& library, Device a, Device b) {
  unsigned status = 1, ancestor = kHostBridge + 1;
  if (library.peer != nullptr && library.peer(a, b, kNvLinkCapability, &status) == 0 && status == 0)
    return GpuLink::kNvLink;
  if (library.ancestor != nullptr && library.ancestor(a, b, &ancestor) == 0 &&
      ancestor <= kHostBridge)
    return GpuLink::kPcie;
  return GpuLink::kProcessors;
}

void ask(const Library& library, GpuReport& out) {
  std::array<char, 96> text{};
  const auto size = static_cast<unsigned>(text.size());
  if (library.driver(text.data(), size) == 0) out.driver = text.data();
  if (int version = 0; library.cuda != nullptr && library.cuda(&version) == 0)
    out.cuda = fmt::format("{}.{}", version / 1000, version % 1000 / 10);
  unsigned count = 0;
  if (const int code = library.count(&count); code != 0) {
    out.problem = fmt::format("the NVIDIA driver does not count its GPUs: {}", library.error(code));
    return;
  }
  std::vector<Device> devices;
  for (unsigned i = 0; i < count; ++i) {
    Device device = nullptr;
    if (library.device(i, &device) != 0) continue;  // not this user's, or broken
    Gpu gpu;
    if (library.name(device, text.data(), size) == 0) gpu.name = text.data();
    if (Memory memory{}; library.memory != nullptr && library.memory(device, &memory) == 0)
      gpu.memory_bytes = static_cast<int64_t>(memory.total);
    out.gpus.push_back(gpu);
    devices.push_back(device);
  }
  for (const Device a : devices) {
    auto& row = out.links.emplace_back();
    for (const Device b : devices)
      row.push_back(a == b ? GpuLink::kNvLink : link_of(library, a, b));
  }
}

// The slowest link among the first GPUs; that of one GPU is not used.
GpuLink slowest_link(const GpuReport& report, size_t count) {
  GpuLink out = GpuLink::kNvLink;
  for (size_t a = 0; a < count; ++a)
    for (size_t b = a + 1; b < count; ++b)
      out = std::max(out, report.links[a][b]);
  return out;
}

std::string words_of(GpuLink link) {
  switch (link) {
    case GpuLink::kNvLink:
      return "NVLink";
    case GpuLink::kPcie:
      return "PCIe";
    case GpuLink::kProcessors:
      break;
  }
  return "the way through the processors";
}

}  // namespace

GpuReport gpu_report(const std::string& library) {
  GpuReport out;
  void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    out.problem = "there is no NVIDIA driver";
    return out;
  }
  const Library nvml{handle};
  if (!nvml.is_whole()) {
    out.problem = fmt::format("'{}' lacks functions of NVML", library);
  } else if (const int code = nvml.init(); code != 0) {
    out.problem = fmt::format("the NVIDIA driver does not answer: {}", nvml.error(code));
  } else {
    ask(nvml, out);
    nvml.shutdown();
  }
  ::dlclose(handle);
  return out;
}

std::string summary(const GpuReport& report) {
  if (!report.problem.empty()) return report.problem;
  std::vector<std::string> parts;
  for (size_t i = 0; i < report.gpus.size();) {
    const auto& gpu = report.gpus[i];
    const size_t first = i;
    while (i < report.gpus.size() && report.gpus[i].name == gpu.name)
      ++i;
    parts.push_back(fmt::format("{} x {} ({})", i - first, gpu.name,
                                human_bytes(static_cast<double>(gpu.memory_bytes))));
  }
  const std::string gpus = parts.empty() ? "no GPU" : join(parts, ", ");
  const std::string links =
      report.gpus.size() < 2 ? ""
                             : ", linked by " + words_of(slowest_link(report, report.gpus.size()));
  return fmt::format("{}{}; driver {}, CUDA {}", gpus, links, report.driver,
                     report.cuda.empty() ? "unknown" : report.cuda);
}

std::string node_problem(const GpuReport& report, int64_t ranks) {
  if (!report.problem.empty()) return "";
  const auto count = static_cast<size_t>(ranks);
  if (report.gpus.size() < count) {
    return fmt::format("{} ranks on a node that has {} GPU{}", ranks, report.gpus.size(),
                       report.gpus.size() == 1 ? "" : "s");
  }
  if (slowest_link(report, count) != GpuLink::kProcessors) return "";
  return fmt::format(
      "GPUs of a node reach each other by {} only, which is no faster than a network: more nodes "
      "with fewer ranks in each fit the machine",
      words_of(GpuLink::kProcessors));
}

}  // namespace xp
