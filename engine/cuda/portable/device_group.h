// Groups of ranks for tensors of a device: they travel over the device's own links, and everything
// else, counters and tensors in the host's memory, over the groups of the CPU.
//
// Nothing here knows CUDA: the links are an interface, so that the order of operations, the counts
// of bytes and the errors are tested on any machine.
#pragma once

#include "engine/comm/group.h"

#include <torch/types.h>

#include <functional>
#include <memory>
#include <vector>

namespace xp {

enum class Reduction { kSum, kMax };

/// Rows that are on their way.
class Passage {
 public:
  virtual ~Passage() = default;
  /// What follows on the current stream sees the rows; the host does not wait. Raises kMachine.
  virtual void wait() = 0;
};

/// A communicator: the links of a group's members, in one order on a stream of their own. What was
/// put onto the current stream before a call is seen by it. All raise kMachine, with the ranks to
/// blame, as soon as a failure of any earlier operation is known.
class Links {
 public:
  virtual ~Links() = default;
  virtual void all_reduce(torch::Tensor& tensor, Reduction reduction) = 0;
  virtual void broadcast(torch::Tensor& tensor, int64_t from) = 0;
  virtual void all_gather(const torch::Tensor& row, torch::Tensor& rows) = 0;
  /// Both members of a transfer name it. None is empty or of this member itself.
  virtual std::unique_ptr<Passage> exchange(std::vector<Transfer> sent,
                                            std::vector<Transfer> taken) = 0;
  /// Seconds that the links were busy with exchanges that have ended since this was last asked: a
  /// device tells the time of what it did afterwards, and is not waited for.
  virtual double ended_seconds() = 0;
  /// Waits on the host until all that was started has ended.
  virtual void finish() = 0;
};

/// The links of the members of a group; called at its first operation on a device. Collective.
using LinkMaker = std::function<std::unique_ptr<Links>(Group& host, int64_t channel)>;

/// Groups over `host`'s. Tensors of `device` go over links; each channel has links of its own.
/// `PendingRows::seconds` is the time of earlier exchanges of the group (Links::ended_seconds).
Groups device_groups(const Groups& host, torch::DeviceType device, LinkMaker maker);

}  // namespace xp
