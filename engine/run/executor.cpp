// One thread, one loop: attempts are looked at, places given out, news waited for.
#include "engine/run/executor.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/run/micro_batch.h"
#include "engine/run/work_clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <poll.h>
#include <sched.h>
#include <thread>

namespace xp {
namespace {

constexpr int kTick_ms = 100;
constexpr auto kLeasePoll = std::chrono::milliseconds(300);

struct Need {
  size_t cores = 1, gpus = 0;
};

Need need_of(const Work& work) {
  const Value& launch = work.launch();
  const auto ranks = launch.value("nodes", size_t{1}) * launch.value("ranks_per_node", size_t{1});
  return {ranks * launch.value("threads_per_rank", size_t{1}),
          launch.value("device", "") == "cuda" ? ranks : 0};
}

/// Processors or accelerators to be given out. A run that wants more than there are gets all.
class Stock {
 public:
  explicit Stock(std::vector<int> all) : all_(std::move(all)), free_(all_) {}
  bool has(size_t count) const { return free_.size() >= std::min(count, all_.size()); }
  std::vector<int> take(size_t count) {
    const auto end = free_.begin() + static_cast<std::ptrdiff_t>(std::min(count, all_.size()));
    std::vector<int> out(free_.begin(), end);
    free_.erase(free_.begin(), end);
    return out;
  }
  void give_back(const std::vector<int>& taken) {
    free_.insert(free_.end(), taken.begin(), taken.end());
    std::sort(free_.begin(), free_.end());
  }

 private:
  std::vector<int> all_, free_;
};

// How many runs like that there is room for at a time, at least 1.
size_t room_of(const Need& need, size_t num_cores, size_t num_gpus) {
  size_t out = num_cores / need.cores;
  if (need.gpus > 0) out = std::min(out, num_gpus / need.gpus);
  return std::max<size_t>(out, 1);
}

// More than there is room for would only say that runs shared the machine which did not.
int64_t max_at_a_time(const std::vector<Work>& work, const ExecutorSettings& settings) {
  const size_t cores = settings.cores.size(), gpus = settings.gpus.size();
  if (settings.jobs <= 0) return room_for(work, cores, gpus);
  size_t room = 1;
  for (const auto& one : work)
    room = std::max(room, room_of(need_of(one), cores, gpus));
  const auto most = static_cast<int64_t>(room);
  if (settings.jobs > most && work.size() > room) {
    fmt::print(stderr, "there is room for {} of these runs at a time: {} processors{}\n", room,
               cores, gpus == 0 ? "" : fmt::format(" and {} accelerators", gpus));
  }
  return std::min(settings.jobs, most);
}

class Executor {
 public:
  Executor(const std::vector<Work>& work, const ExecutorSettings& settings)
      : work_(work),
        settings_(settings),
        phases_(work.size(), Phase::kWaiting),
        cores_(settings.cores),
        gpus_(settings.gpus),
        max_running_(max_at_a_time(work, settings)),
        clock_(work) {
    settings_.attempts.warm = settings.attempts.warm && work.size() > 1;
    settings_.attempts.shared_with = max_running_ - 1;
    if (max_running_ > 1 && settings_.attempts.style == Progress::Style::kAuto)
      settings_.attempts.style = Progress::Style::kLines;
  }

  Execution run() {
    while (true) {
      const StopRequest stop_request = settings_.stop_request();
      if (stop_request == StopRequest::kNone) start_ready();
      if (stops_running(stop_request)) {
        for (auto& one : under_way_)
          one.attempt->stop(settings_.end_meaning());
      }
      poll_attempts();
      if (under_way_.empty() && (stop_request != StopRequest::kNone || !waits())) break;
      wait();
      settings_.tick();
    }
    for (const Phase phase : phases_) {
      if (phase != Phase::kDone && phase != Phase::kFailed) ++out_.left;
    }
    return std::move(out_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { kWaiting, kUnderWay, kDone, kFailed, kElsewhere };
  struct UnderWay {
    size_t index;
    std::unique_ptr<Attempt> attempt;
    Clock::time_point began;
  };

  bool waits() const {
    return std::any_of(phases_.begin(), phases_.end(),
                       [](Phase phase) { return phase == Phase::kWaiting; });
  }

  // In order, as far as there is room. What another process holds is passed over.
  void start_ready() {
    is_held_elsewhere_ = false;
    for (size_t i = 0; i < work_.size(); ++i) {
      if (phases_[i] != Phase::kWaiting) continue;
      if (static_cast<int64_t>(under_way_.size()) >= max_running_) return;
      const auto training = work_[i].training;
      if (training && phases_[*training] == Phase::kFailed) {
        phases_[i] = Phase::kFailed;  // told with the training
      } else if (training && phases_[*training] == Phase::kElsewhere) {
        phases_[i] = Phase::kElsewhere;
      } else if (!training || phases_[*training] == Phase::kDone) {
        if (!start(i)) return;
      }
    }
  }

  // False if there is no room.
  bool start(size_t index) {
    const Work& work = work_[index];
    const Need need = need_of(work);
    if (max_running_ > 1 && (!cores_.has(need.cores) || !gpus_.has(need.gpus))) return false;
    if (read_status(work.folder).state == State::kDone) {
      phases_[index] = Phase::kDone;
      clock_.done(index, std::nullopt);
      return true;
    }
    if (is_cancel_asked(work.folder)) {
      phases_[index] = Phase::kFailed;
      return true;
    }
    fs::create_directories(work.folder);
    auto lease = take_lease(work.folder);
    if (!lease) {
      is_held_elsewhere_ = true;
      if (reported_.insert(index).second)
        fmt::print(stderr, "{}: another xp process is running it; waiting\n", work.title);
      return true;
    }
    if (read_status(work.folder).state == State::kDone) {  // between our look and the lease
      phases_[index] = Phase::kDone;
      clock_.done(index, std::nullopt);
      return true;
    }
    Attempt::Places places;
    if (max_running_ > 1) places = {cores_.take(need.cores), gpus_.take(need.gpus)};
    phases_[index] = Phase::kUnderWay;
    ++out_.started;
    under_way_.push_back(
        {index,
         std::make_unique<Attempt>(work, std::move(*lease), std::move(places), settings_.attempts),
         Clock::now()});
    return true;
  }

  void poll_attempts() {
    for (auto at = under_way_.begin(); at != under_way_.end();) {
      const auto end = at->attempt->poll();
      if (!end) {
        ++at;
        continue;
      }
      conclude(at->index, *end, at->attempt->folder());
      if (phases_[at->index] == Phase::kDone) tell_time_left(*at);
      cores_.give_back(at->attempt->places().cores);
      gpus_.give_back(at->attempt->places().gpus);
      at = under_way_.erase(at);
    }
  }

  void conclude(size_t index, const AttemptEnd& end, const fs::path& folder) {
    const State state = read_status(work_[index].folder).state;
    if (state == State::kDone) {
      phases_[index] = Phase::kDone;
    } else if (state == State::kFailed && was_split(work_[index], end)) {
      phases_[index] = Phase::kWaiting;
      fmt::print(stderr, "{}: out of memory; trying again with micro-batches in {} parts\n",
                 work_[index].title, micro_batch_split(work_[index].folder));
    } else if (state == State::kFailed) {
      phases_[index] = Phase::kFailed;
      if (end.outcome != Outcome::kCancelled)
        fail({work_[index].name, end.cause, folder, end.outcome});
    } else if (resumes(end.outcome) || !settings_.retries_here) {
      phases_[index] = Phase::kElsewhere;
    } else {
      phases_[index] = Phase::kWaiting;
      fmt::print(stderr, "{}: {}; trying again\n", work_[index].title, end.cause);
    }
  }

  void tell_time_left(const UnderWay& ended) {
    std::optional<double> seconds;
    if (ended.attempt->is_first())
      seconds = std::chrono::duration<double>(Clock::now() - ended.began).count();
    clock_.done(ended.index, seconds);
    const std::string sentence = clock_.sentence(static_cast<size_t>(max_running_));
    if (!sentence.empty()) fmt::print(stderr, "{}\n", sentence);
  }

  // Whether its micro-batches were split after it ran out of memory, so that it is retried.
  static bool was_split(const Work& work, const AttemptEnd& end) {
    return end.outcome == Outcome::kMemory && work.launch().value("on_oom", "") == "halve" &&
           split_micro_batch(work.folder);
  }

  void fail(FailedRun run) {
    settings_.failed(run);
    out_.failures.push_back(std::move(run));
  }

  void wait() {
    std::vector<pollfd> handles;
    for (const auto& one : under_way_) {
      if (one.attempt->handle() >= 0) handles.push_back({one.attempt->handle(), POLLIN, 0});
    }
    if (under_way_.empty() && is_held_elsewhere_) {
      std::this_thread::sleep_for(kLeasePoll);
    } else if (!under_way_.empty()) {
      ::poll(handles.data(), handles.size(), kTick_ms);
    }
  }

  const std::vector<Work>& work_;
  ExecutorSettings settings_;
  std::vector<Phase> phases_;
  Stock cores_, gpus_;
  int64_t max_running_;  // runs at a time
  WorkClock clock_;
  std::list<UnderWay> under_way_;
  std::set<size_t> reported_;
  bool is_held_elsewhere_ = false;
  Execution out_;
};

}  // namespace

Execution execute(const std::vector<Work>& work, const ExecutorSettings& settings) {
  ExecutorSettings filled = settings;
  if (filled.cores.empty()) filled.cores = own_cores();
  if (filled.gpus.empty()) filled.gpus = own_gpus();
  return Executor(work, filled).run();
}

std::vector<int> own_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> out;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<size_t>(core), &set)) out.push_back(core);
  }
  return out;
}

std::vector<int> own_gpus() {
  std::vector<int> out;
  for (int gpu = 0; fs::exists(fmt::format("/dev/nvidia{}", gpu)); ++gpu)
    out.push_back(gpu);
  return out;
}

int64_t room_for(const std::vector<Work>& work, size_t num_cores, size_t num_gpus) {
  Need most;
  for (const auto& one : work) {
    const Need need = need_of(one);
    most = {std::max(most.cores, need.cores), std::max(most.gpus, need.gpus)};
  }
  return static_cast<int64_t>(room_of(most, num_cores, num_gpus));
}

}  // namespace xp
