// The accelerator "cuda": libxp_cuda.so, which xp-engine loads if launch.device asks for it.
#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/comm/group.h"
#include "engine/cuda/nccl_links.h"
#include "engine/cuda/portable/device_group.h"
#include "engine/cuda/portable/driver_answer.h"
#include "engine/device/module.h"
#include "engine/launch/gpus.h"

#include <ATen/Context.h>
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/util/Exception.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <charconv>
#include <cuda_runtime_api.h>

namespace xp {
namespace {

int64_t number_of(const char* name, int64_t fallback) {
  const std::string text = environment_value(name);
  int64_t out = fallback;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && out > 0 ? out : fallback;
}

DriverAnswer driver_answer() {
  DriverAnswer out;
  int driver = 0, runtime = 0, devices = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (const cudaError_t error = cudaGetDeviceCount(&devices); error != cudaSuccess) {
    out.error = cudaGetErrorString(error);
    cudaGetLastError();  // it is told, and must not be found by LibTorch
  }
  out.driver = driver;
  out.runtime = runtime;
  out.devices = devices;
  out.visible = environment_value("CUDA_VISIBLE_DEVICES");
  out.hides = own_environment().contains("CUDA_VISIBLE_DEVICES");
  return out;
}

// Counts LibTorch's warnings that the host waited for the device.
class ReadCounter final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("synchronizing CUDA operation") == std::string::npos)
      c10::WarningHandler::process(warning);
    else if (!UncountedReads::is_active())
      ++count_;
  }
  int64_t count() const { return count_; }

 private:
  std::atomic<int64_t> count_ = 0;
};

// What the ranks of a node send to each other takes these links; what they send to others, a
// network adapter.
void tell_links(int64_t ranks_per_node) {
  const GpuReport report = gpu_report();
  spdlog::info("{}; NCCL {}", summary(report), nccl_version());
  if (const auto problem = node_problem(report, ranks_per_node); !problem.empty())
    spdlog::warn(problem);
}

class CudaAccelerator final : public Accelerator {
 public:
  std::string name() const override { return "cuda"; }

  int64_t count() const override {
    const DriverAnswer answer = driver_answer();
    if (const std::string problem = driver_problem(answer); !problem.empty())
      machine_error("device \"cuda\": {}", problem);
    return answer.devices * ranks_per_gpu_;
  }

  torch::Device take(int64_t index) override {
    const auto device = static_cast<c10::DeviceIndex>(index / ranks_per_gpu_);
    try {
      at::globalContext().lazyInitDevice(torch::kCUDA);
      c10::cuda::set_device(device);
      c10::cuda::device_synchronize();  // makes the context, which fails if another process has it
    } catch (const c10::Error& error) {
      const std::string reason = error.what_without_backtrace();
      machine_error("GPU {} cannot be used: {}", device, reason.substr(0, reason.find('\n')));
    }
    if (counts_reads_) {
      c10::WarningUtils::set_warning_handler(&reads_);
      c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_WARN);
    }
    return {torch::kCUDA, device};
  }

  void synchronize() override { c10::cuda::device_synchronize(); }

  int64_t peak_memory_bytes() const override {
    namespace allocator = c10::cuda::CUDACachingAllocator;
    constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return allocator::getDeviceStats(c10::cuda::current_device()).reserved_bytes[kAll].peak;
  }

  int64_t memory_bytes() const override {
    return static_cast<int64_t>(at::cuda::getCurrentDeviceProperties()->totalGlobalMem);
  }

  Groups connect(const Rendezvous& rendezvous, torch::Device) override {
    const int64_t per_node = rendezvous.topology.ranks_per_node;
    if (rendezvous.rank % per_node == 0) tell_links(per_node);
    if (rendezvous.topology.ranks() == 1) return alone();
    prepare_nccl(rendezvous, ranks_per_gpu_ > 1);
    return device_groups(xp::connect(rendezvous), torch::kCUDA,
                         [timeout_s = rendezvous.timeout_s](Group& host, int64_t) {
                           return nccl_links(host, timeout_s);
                         });
  }

  int64_t host_reads() const override { return counts_reads_ ? reads_.count() : -1; }

  bool is_out_of_memory(const std::exception& error) const override {
    return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr;
  }

 private:
  int64_t ranks_per_gpu_ = number_of(variable::kRanksPerGpu, 1);
  bool counts_reads_ = !environment_value(variable::kCountReads).empty();
  ReadCounter reads_;
};

}  // namespace

XP_ACCELERATOR(CudaAccelerator);

}  // namespace xp
