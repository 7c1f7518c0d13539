// Looks at sizes ten times a second.
#include "engine/data/growth.h"

#include <chrono>

namespace xp {
namespace {

namespace fs = std::filesystem;

// What vanishes while it is looked at counts as nothing.
uint64_t size_of(const fs::path& path) {
  std::error_code code;
  if (!fs::is_directory(path, code)) {
    const auto size = fs::file_size(path, code);
    return code ? 0 : size;
  }
  uint64_t sum = 0;
  for (const auto& entry : fs::directory_iterator(path, code)) {
    const auto size = entry.file_size(code);
    if (!code) sum += size;
  }
  return sum;
}

}  // namespace

Growth::Growth(const std::string& title, fs::path watched, uint64_t bytes)
    : progress_(title, static_cast<int64_t>(bytes), "bytes"),
      thread_([this, path = std::move(watched)] {
        while (!stop_) {
          progress_.update(static_cast<int64_t>(size_of(path)));
          std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
      }) {}

Growth::~Growth() {
  end();
}

void Growth::finish(uint64_t bytes) {
  end();
  progress_.update(static_cast<int64_t>(bytes));
  progress_.finish();
}

void Growth::end() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

}  // namespace xp
