// mmap and mprotect.
#include "engine/stand_in/memory.h"

#include "engine/base/error.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace xp::stand_in {
namespace {

std::map<const std::byte*, PageBlock>& blocks() {
  static auto* const all = new std::map<const std::byte*, PageBlock>();  // outlives static tensors
  return *all;
}

int64_t bytes_now = 0, bytes_at_most = 0;

// Pinned memory: where it begins and ends.
std::map<const std::byte*, const std::byte*>& pins() {
  static auto* const all = new std::map<const std::byte*, const std::byte*>();
  return *all;
}

void protect(const PageBlock& block, int access) {
  check(::mprotect(block.begin, block.bytes, access) == 0, "the stand-in's pages can be protected");
}

void free_block(void* address) {
  if (address == nullptr) return;
  const std::lock_guard lock(mutex());
  const auto found = blocks().find(static_cast<std::byte*>(address));
  if (found == blocks().end()) return;
  note_free(found->second.history);
  bytes_now -= static_cast<int64_t>(found->second.bytes);
  ::munmap(found->second.begin, found->second.bytes);
  blocks().erase(found);
}

class PageAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const std::lock_guard lock(mutex());
    const StreamKey owner = current_stream();
    const c10::Device device(torch::kPrivateUse1, static_cast<c10::DeviceIndex>(owner.first));
    if (bytes == 0) return {nullptr, nullptr, &free_block, device};
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    PageBlock block;
    block.bytes = (bytes + page - 1) / page * page;
    block.history.owner = owner;
    void* const at =
        ::mmap(nullptr, block.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, /*fd=*/-1, 0);
    if (at == MAP_FAILED) machine_error("the stand-in has no memory for {} bytes", bytes);
    block.begin = static_cast<std::byte*>(at);
    bytes_now += static_cast<int64_t>(block.bytes);
    bytes_at_most = std::max(bytes_at_most, bytes_now);
    blocks()[block.begin] = block;
    return {at, at, &free_block, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }
  void copy_data(void*, const void*, size_t) const override {
    throw Error(Blame::kBug, "the host copies no memory of the stand-in");
  }
};

void free_pinned(void* address) {
  {
    const std::lock_guard lock(mutex());
    pins().erase(static_cast<std::byte*>(address));
  }
  ::operator delete(address);
}

class PinnedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    auto* const at = static_cast<std::byte*>(::operator new(bytes));
    const std::lock_guard lock(mutex());
    pins()[at] = at + bytes;
    return {at, at, &free_pinned, c10::Device(torch::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_pinned; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace

c10::Allocator& allocator() {
  static auto* const only = new PageAllocator();
  return *only;
}

c10::Allocator& pinned_allocator() {
  static auto* const only = new PinnedAllocator();
  return *only;
}

bool is_pinned(const void* address) {
  const std::lock_guard lock(mutex());
  const auto* const at = static_cast<const std::byte*>(address);
  const auto after = pins().upper_bound(at);
  return after != pins().begin() && at < std::prev(after)->second;
}

PageBlock* block_of(const void* address) {
  const auto* const at = static_cast<const std::byte*>(address);
  auto after = blocks().upper_bound(at);
  if (after == blocks().begin()) return nullptr;
  PageBlock& block = (--after)->second;
  return at < block.begin + block.bytes ? &block : nullptr;
}

int64_t peak_bytes() {
  const std::lock_guard lock(mutex());
  return bytes_at_most;
}

PageBlock* OpenBlocks::add(const torch::Tensor& tensor) {
  PageBlock* const block = block_of(tensor.storage().data());
  if (block == nullptr || !blocks_.insert(block).second) return block;
  if (block->num_open++ == 0) protect(*block, PROT_READ | PROT_WRITE);
  return block;
}

OpenBlocks::~OpenBlocks() {
  const std::lock_guard lock(mutex());
  for (PageBlock* block : blocks_)
    if (--block->num_open == 0) protect(*block, PROT_NONE);
}

}  // namespace xp::stand_in
