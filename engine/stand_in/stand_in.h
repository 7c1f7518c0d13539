// An accelerator without hardware, for tests: LibTorch's device "stand_in". It computes with the
// CPU's kernels, and finds what is wrong on a real device without one:
//
// - the host cannot touch its memory: the pages are open only while an operator runs, so that a
//   dereferenced pointer ends the process with SIGSEGV;
// - an operator that is given a tensor of another device raises an error;
// - each storage remembers which streams wrote and read it, and work that is not ordered behind
//   them by an event or the host raises "missing synchronisation"; so does memory that is freed
//   while another stream may still use it;
// - a copy to the host that does not block arrives when the host waits for it; until then the
//   destination is NaN, or -1;
// - whatever makes the host wait for the device is counted, by the operator's name: copies to it
//   from memory that is not pinned are among that.
#pragma once

#include "engine/device/accelerator.h"

#include <cstdint>
#include <map>
#include <string>

namespace xp {

class StandIn final : public Accelerator {
 public:
  static constexpr int64_t kDevices = 8;

  std::string name() const override { return "stand_in"; }
  int64_t count() const override { return kDevices; }
  torch::Device take(int64_t index) override;
  void synchronize() override;
  int64_t peak_memory_bytes() const override;
  int64_t memory_bytes() const override { return int64_t{1} << 34; }
  /// Gloo's groups, around which device memory moves to the host and back.
  Groups connect(const Rendezvous& rendezvous, torch::Device device) override;
  int64_t host_reads() const override;
  bool is_out_of_memory(const std::exception&) const override { return false; }
};

/// Times that the host waited for the device, by the operator's name, on all threads since the
/// last time.
std::map<std::string, int64_t> take_host_reads();

}  // namespace xp
