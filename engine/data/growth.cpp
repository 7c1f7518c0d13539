// A thread polls ten times a second.
#include "engine/data/growth.h"

#include "engine/base/text.h"

#include <chrono>

namespace xp {
namespace {

namespace fs = std::filesystem;

// A file that vanishes meanwhile counts as nothing.
uint64_t tree_size(const fs::path& path) {
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
        watch([&] { return static_cast<int64_t>(tree_size(path)); }, /*tells_time=*/false);
      }) {}

Growth::Growth(const std::string& title, const std::string& unit, std::function<int64_t()> amount)
    : progress_(title, 0, unit),
      thread_([this, amount = std::move(amount)] { watch(amount, /*tells_time=*/true); }) {}

void Growth::watch(const std::function<int64_t()>& amount, bool tells_time) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stop_; })) {
    const std::chrono::duration<double> taken = Clock::now() - begin;
    progress_.update(amount(), tells_time ? human_duration(taken.count()) + " so far" : "");
  }
}

Growth::~Growth() {
  end();
}

void Growth::finish(uint64_t amount, const std::string& note) {
  end();
  progress_.update(static_cast<int64_t>(amount));
  progress_.finish(note);
}

void Growth::end() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace xp
