// Runs a loop on several threads and takes the results in order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace xp {

/// Calls `make(i, worker)` for every i below `count` on `num_workers` threads and hands the results
/// to `take(i, result)` on this one, i upwards. At most four results a worker are made ahead, which
/// bounds memory. The first error of either ends all and is thrown here.
template <class Make, class Take>
void in_order(size_t count, size_t num_workers, const Make& make, const Take& take) {
  using Result = decltype(make(size_t{}, size_t{}));
  std::mutex mutex;
  std::condition_variable changed;
  std::map<size_t, Result> ready;
  std::exception_ptr failure;
  size_t next = 0, taken = 0;
  const auto work = [&](size_t worker) {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock,
                   [&] { return failure || next >= count || next < taken + 4 * num_workers; });
      if (failure || next >= count) return;
      const size_t i = next++;
      lock.unlock();
      try {
        Result result = make(i, worker);
        lock.lock();
        ready.emplace(i, std::move(result));
      } catch (...) {
        if (!lock.owns_lock()) lock.lock();
        if (!failure) failure = std::current_exception();
      }
      changed.notify_all();
    }
  };
  std::vector<std::jthread> threads;
  for (size_t worker = 0; worker < num_workers; ++worker)
    threads.emplace_back(work, worker);
  std::unique_lock lock(mutex);
  while (taken < count) {
    changed.wait(lock, [&] { return failure || ready.contains(taken); });
    if (failure) break;
    Result result = std::move(ready.extract(taken).mapped());
    lock.unlock();
    try {
      take(taken, std::move(result));
      lock.lock();
      ++taken;
    } catch (...) {
      lock.lock();
      failure = std::current_exception();
    }
    changed.notify_all();
  }
  changed.notify_all();
  lock.unlock();
  threads.clear();  // waits for them
  if (failure) std::rethrow_exception(failure);
}

}  // namespace xp
