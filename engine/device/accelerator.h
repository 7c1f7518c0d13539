// What a rank computes on: the CPU, or a device that an accelerator's module adds.
//
// xp-engine links no accelerator's libraries. A module is a shared object beside it, libxp_NAME.so,
// that is loaded if `launch.device` names it, before LibTorch is asked about devices: LibTorch
// remembers its first answer. Without a module everything is computed on the CPU.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <string>

namespace xp {

struct Groups;      // engine/comm/group.h
struct Rendezvous;  // engine/comm/group.h

/// What a module adds to the engine. One object for the process, which is never destroyed.
class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual std::string name() const = 0;  ///< "cuda"
  /// Devices that this process sees, at least one. Raises kMachine if there is none, no driver or
  /// one that is too old, with what to do.
  virtual int64_t count() const = 0;
  /// Makes a device the current one of this thread. Raises kMachine if it cannot be used.
  virtual torch::Device take(int64_t index) = 0;
  /// Waits for all work that was given to this thread's current device.
  virtual void synchronize() = 0;
  virtual int64_t peak_memory_bytes() const = 0;  ///< of tensors on the current device so far
  virtual int64_t memory_bytes() const = 0;       ///< that the current device has
  /// Groups whose operations take tensors of `device` and, as the groups of the CPU do, tensors in
  /// the host's memory. Collective. Raises kMachine.
  virtual Groups connect(const Rendezvous& rendezvous, torch::Device device) = 0;
  /// Times that the host waited for a value of a device so far, on all threads of this process,
  /// those that the groups needed left out; -1: not counted.
  virtual int64_t host_reads() const = 0;
  /// Whether the error says that a device's memory is full.
  virtual bool is_out_of_memory(const std::exception& error) const = 0;
};

/// Loads the module of an accelerator, once. Raises kUser if there is none beside this program, if
/// it was built with another LibTorch or another xp, or if the loader refuses it, with what to do.
Accelerator& load_accelerator(const std::string& name);

/// Chooses what this process computes on; call it before anything asks LibTorch for devices.
/// "cpu"; the name of an accelerator; or "auto": CUDA if there is a module of it and a device, else
/// the CPU. Returns why "auto" did not take a module that is there; empty if there is nothing to
/// say. Raises as load_accelerator and Accelerator::count.
std::string choose_device(const std::string& name);

/// Computes on this accelerator from now on; null: on the CPU.
void use_accelerator(Accelerator* chosen);

/// Makes device `index`, the place of a rank among those of its machine, the current one of this
/// thread. Raises kUser if there are more ranks than devices. Nothing on the CPU.
void take_device(int64_t index);

/// The accelerator that this process computes on; null: none, it uses the CPU.
Accelerator* accelerator();

/// Where parameters and activations of this thread's rank live: the CPU, or the current device.
torch::Device computing_device();

/// The same values on the computing device, a copy for which the host does not wait; on the CPU, or
/// of a tensor that is there, the tensor itself.
torch::Tensor to_device(const torch::Tensor& tensor);

/// The same values in memory of the host that is never paged, from which a device copies while the
/// host works; the tensor itself if nothing is computed on a device. Any thread; cost: a copy.
torch::Tensor pinned(const torch::Tensor& host);

/// What copies of a group's operations are not counted as: the host reads its own values only
/// because the links are those of the CPU. While one lives, `host_reads` counts nothing that this
/// thread reads.
class UncountedReads {
 public:
  UncountedReads();
  ~UncountedReads();
  UncountedReads(const UncountedReads&) = delete;
  UncountedReads& operator=(const UncountedReads&) = delete;
  /// Whether one lives in this thread.
  static bool is_active();
};

}  // namespace xp
