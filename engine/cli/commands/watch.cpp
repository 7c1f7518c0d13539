// `xp watch`: the points of a sweep as they go on, redrawn on a terminal, a line per change
// elsewhere.
#include "engine/base/text.h"
#include "engine/cli/commands/commands.h"
#include "engine/cli/points/listing.h"
#include "engine/cli/points/point_table.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/notify.h"
#include "engine/cli/terminal/screen.h"
#include "engine/cli/terminal/signals.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <poll.h>
#include <set>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;

// Between two runs of a driver nobody works for a moment; corpora take longer.
constexpr auto kQuiet = std::chrono::seconds(30);
// A scheduler is asked no more often, whatever the interval.
constexpr auto kPoll = std::chrono::seconds(10);

// What is under way first, then what went wrong, what waits, what is over.
int rank_of(const PointView& point) {
  switch (point.run.state) {
    case RunState::kRunning:
    case RunState::kSilent:
      return 0;
    case RunState::kStarting:
      return 1;
    case RunState::kQueued:
      return 2;
    case RunState::kFailed:
      return 3;
    case RunState::kStopped:
      return 4;
    default:
      return point.state == PointState::kDone ? 6 : 5;
  }
}

class Watch {
 public:
  Watch(const Options& options, std::vector<PointView> points)
      : options_(options),
        workspace_{options.workspace},
        points_(std::move(points)),
        reader_(workspace_),
        notifier_(options.notify) {
    for (const auto& point : points_)
      states_.emplace_back(point.state_word());
  }

  int run() {
    std::optional<Screen> screen;
    if (Screen::is_there() && !options_.json) screen.emplace();
    if (!screen && !options_.json) fmt::print("{}\n", counts_of(points_));
    const SignalWatch signals;
    for (;;) {
      const auto changes = look();
      if (screen) screen->draw(picture(screen->height()));
      if (!screen) print(changes);
      notifier_.look();
      if (is_over() || (!screen && is_quiet())) break;
      const bool ends = screen ? screen->wait(options_.interval_s) : pause();
      if (const int signal = SignalWatch::received(); signal != 0) return 128 + signal;
      if (ends) return Exit::kDone;
    }
    return finish();
  }

 private:
  // The indices of points whose state changed.
  std::vector<size_t> look() {
    if (Clock::now() >= next_poll_) {
      look_at_jobs(workspace_);
      next_poll_ = Clock::now() + kPoll;
    }
    look_at(points_, workspace_);
    std::vector<size_t> out;
    bool is_live_now = false;
    for (size_t i = 0; i < points_.size(); ++i) {
      is_live_now = is_live_now || is_live(points_[i].run.state);
      if (states_[i] == points_[i].state_word()) continue;
      states_[i] = points_[i].state_word();
      out.push_back(i);
      if (points_[i].state == PointState::kFailed) notifier_.tell_first_failure(failure(i));
    }
    if (is_live_now) last_live_ = Clock::now();
    return out;
  }

  size_t count(PointState state) const {
    return static_cast<size_t>(std::count_if(points_.begin(), points_.end(),
                                             [&](const auto& one) { return one.state == state; }));
  }
  bool is_over() const {
    return count(PointState::kDone) + count(PointState::kFailed) + count(PointState::kBlocked) ==
           points_.size();
  }
  bool is_quiet() const { return Clock::now() - last_live_ > kQuiet; }

  Notice notice(const char* event, std::string message) const {
    return {event, experiments(), count(PointState::kDone), count(PointState::kFailed),
            std::move(message)};
  }
  Notice failure(size_t i) const {
    return notice("failure", fmt::format("{} failed: {}", points_[i].name,
                                         note_of(points_[i], PointFigures{})));
  }
  std::string experiments() const {
    std::vector<std::string> names;
    for (const auto& point : points_) {
      if (names.empty() || names.back() != point.experiment) names.push_back(point.experiment);
    }
    return join(names, ", ");
  }

  void print(const std::vector<size_t>& changes) {
    for (const size_t i : changes) {
      if (options_.json) {
        fmt::print("{}\n", point_json(points_[i], reader_.figures(points_[i])).dump());
        continue;
      }
      const std::string note = note_of(points_[i], reader_.figures(points_[i]));
      fmt::print("{:%H:%M:%S} {}: {}{}\n", fmt::localtime(static_cast<time_t>(now_s())),
                 points_[i].name, states_[i], note.empty() ? "" : ", " + note);
    }
    std::fflush(stdout);
  }

  // The table of what matters most, in so many lines.
  std::vector<std::string> picture(size_t height) {
    std::vector<const PointView*> rows;
    for (const auto& point : points_)
      rows.push_back(&point);
    std::stable_sort(rows.begin(), rows.end(), [](const PointView* a, const PointView* b) {
      return rank_of(*a) < rank_of(*b);
    });
    constexpr size_t kAround = 4;  // lines that are no points
    const size_t most = height > kAround ? height - kAround : 1;
    if (rows.size() > most) rows.resize(most);
    std::vector<std::vector<std::string>> table = {{"point", "state", "done", "rate", "left", ""}};
    for (const auto* row : rows)
      table.push_back(watch_cells(*row, reader_.figures(*row)));
    std::vector<std::string> out = {experiments() + ": " + counts_of(points_)};
    for (auto& line : split(trim(text_table(table)), '\n'))
      out.push_back(std::move(line));
    if (rows.size() < points_.size())
      out.push_back(fmt::format("... and {} more", points_.size() - rows.size()));
    const bool waits = is_quiet() && !is_over();
    out.push_back(waits ? "nobody works on the rest; q ends" : "q ends; the runs go on");
    return out;
  }

  static std::vector<std::string> watch_cells(const PointView& point, const PointFigures& now) {
    const bool is_measured = now.total > 0;
    const auto number = [](auto value) { return human_count(static_cast<double>(value)); };
    std::string note = now.words;
    const std::string more = note_of(point, {});
    if (!more.empty()) note += (note.empty() ? "" : "  ") + more;
    if (point.state == PointState::kDone && now.bleu.is_number())
      note = fmt::format("bleu {:.1f}", now.bleu.get<double>());
    return {point.name,
            std::string(point.state_word()),
            is_measured ? number(now.done) + "/" + number(now.total) : "",
            now.rate > 0 ? number(now.rate) + "/s" : "",
            now.left_s ? human_duration(*now.left_s) : "",
            note};
  }

  // A signal ends it early.
  bool pause() const {
    ::poll(nullptr, 0, static_cast<int>(std::clamp(options_.interval_s * 1000, 0.0, 1e9)));
    return false;
  }

  int finish() {
    const size_t failed = count(PointState::kFailed), done = count(PointState::kDone);
    const std::string words = counts_of(points_);
    notifier_.tell(notice("end", words));
    if (!options_.json) fmt::print("{}\n", words);
    if (!is_over()) {
      fmt::print(stderr, "nobody works on the rest; next: {}\n",
                 options_.spec.empty() ? "xp run FILE" : next_command(options_, "run"));
      return Exit::kUnfinished;
    }
    if (failed > 0) return Exit::kFailedRuns;
    return done == points_.size() ? Exit::kDone : Exit::kUnfinished;
  }

  const Options& options_;
  Workspace workspace_;
  std::vector<PointView> points_;
  std::vector<std::string> states_;  ///< as last shown
  PointReader reader_;
  Notifier notifier_;
  Clock::time_point last_live_ = Clock::now();
  Clock::time_point next_poll_ = Clock::now() + kPoll;  ///< open_points has just asked
};

// Without a file or selectors: the experiments that somebody works on.
std::vector<PointView> watched(const Options& options, OpenPoints& open) {
  std::vector<PointView> out;
  if (options.spec.empty() && options.names.empty()) {
    std::set<std::string> live;
    for (const auto& point : open.points) {
      if (is_live(point.run.state)) live.insert(point.experiment);
    }
    for (const auto& point : open.points) {
      if (live.contains(point.experiment)) out.push_back(point);
    }
    return out;
  }
  for (const auto& one : select(open.points, options.names, {options.workspace}))
    out.push_back(*one.point);
  return out;
}

}  // namespace

int watch_command(const Options& options) {
  auto open = open_points(options);
  if (!open) return Exit::kSpec;
  auto points = watched(options, *open);
  if (points.empty()) {
    fmt::print("nobody works on anything in '{}'; next: xp status{}\n", options.workspace.string(),
               workspace_words(options));
    return Exit::kDone;
  }
  return Watch(options, std::move(points)).run();
}

}  // namespace xp
