// The stand-in's memory: pages that are closed while the host runs.
#pragma once

#include "engine/stand_in/timeline.h"

#include <c10/core/Allocator.h>

#include <set>

namespace xp::stand_in {

/// One allocation.
struct PageBlock {
  std::byte* begin = nullptr;
  size_t bytes = 0;      ///< whole pages
  int64_t num_open = 0;  ///< operators that run on it
  History history;
};

/// Of LibTorch's device PrivateUse1.
c10::Allocator& allocator();

/// Of the host's memory from which the device copies while the host works.
c10::Allocator& pinned_allocator();

/// Whether an address is of pinned memory.
bool is_pinned(const void* address);

/// The block that an address is in; null: it is not the stand-in's. Under `mutex`.
PageBlock* block_of(const void* address);

/// Most that was allocated at once.
int64_t peak_bytes();

/// Opens blocks for an operator, until it is destroyed.
class OpenBlocks {
 public:
  OpenBlocks() = default;
  ~OpenBlocks();
  OpenBlocks(const OpenBlocks&) = delete;
  OpenBlocks& operator=(const OpenBlocks&) = delete;
  /// The block of a tensor's storage; null if the storage is empty. Under `mutex`.
  PageBlock* add(const torch::Tensor& tensor);

 private:
  std::set<PageBlock*> blocks_;
};

}  // namespace xp::stand_in
