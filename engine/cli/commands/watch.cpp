// `xp watch`: the progress of a sweep, redrawn on a terminal, a line per change elsewhere.
#include "engine/base/json_text.h"
#include "engine/base/progress.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/point_table.h"
#include "engine/cli/points/selection.h"
#include "engine/cli/terminal/notify.h"
#include "engine/cli/terminal/screen.h"
#include "engine/cli/terminal/signals.h"
#include "engine/cli/terminal/text_table.h"

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

struct Options : PointOptions {
  double interval_s = 2;
  std::string notify;

  void declare(Arguments& arguments) {
    PointOptions::declare(arguments);
    arguments.option("--interval", "SECONDS", &interval_s, "seconds between two redraws")
        .from(0.1)
        .to(3600);
    declare_notify(arguments, notify);
  }
};

using Clock = std::chrono::steady_clock;

// Between two runs of a driver no lease is held for a moment; preparing corpora takes longer.
constexpr auto kQuiet = std::chrono::seconds(30);
// A scheduler is asked no more often, whatever the interval.
constexpr auto kPoll = std::chrono::seconds(10);

// Running points first, then failed, waiting and finished ones.
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

// Without a file or selectors: the experiments with a live run.
std::vector<PointView> watched(const Options& options, const OpenPoints& open) {
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

class Watch {
 public:
  Watch(const Options& options, OpenPoints open)
      : options_(options),
        workspace_{options.workspace},
        open_(std::move(open)),
        points_(watched(options, open_)),
        reader_(workspace_),
        notifier_(options.notify),
        written_(write_time()) {
    options_.is_quiet = true;
    remember_states();
  }

  bool has_points() const { return !points_.empty(); }

  int run() {
    std::optional<Screen> screen;
    if (Screen::is_there() && !options_.json) screen.emplace();
    if (!screen && !options_.json) fmt::print("{}\n", counts_of(points_));
    const SignalWatch signals;
    for (;;) {
      const auto changes = refresh();
      if (screen) screen->draw(picture(screen->height()));
      if (!screen) print(changes);
      notifier_.poll();
      if (is_over() || (!screen && is_quiet())) break;
      const bool ends = screen ? screen->wait(options_.interval_s) : pause();
      if (const int signal = SignalWatch::received(); signal != 0) return 128 + signal;
      if (ends) return Exit::kDone;
    }
    return finish();
  }

 private:
  void remember_states() {
    states_.clear();
    for (const auto& point : points_)
      states_.emplace_back(point.state_word());
  }

  fs::file_time_type write_time() const {
    std::error_code none;
    return options_.spec.empty() ? fs::file_time_type() : fs::last_write_time(options_.spec, none);
  }

  // Takes the points of an edited file. One with mistakes changes nothing but the message.
  void reread() {
    const auto written = write_time();
    if (written == written_) return;
    written_ = written;
    auto open = open_points(options_);
    message_ = open ? ""
                    : fmt::format("{} was edited and has mistakes: {}", options_.spec,
                                  next_command(options_, "check"));
    if (!open) return;
    open_ = std::move(*open);
    points_ = watched(options_, open_);
    remember_states();
  }

  // The indices of points whose state changed.
  std::vector<size_t> refresh() {
    reread();
    if (Clock::now() >= next_poll_) {
      refresh_jobs(workspace_);
      next_poll_ = Clock::now() + kPoll;
    }
    refresh_states(points_, workspace_);
    std::vector<size_t> out;
    bool is_live_now = false;
    for (size_t i = 0; i < points_.size(); ++i) {
      is_live_now = is_live_now || is_live(points_[i].run.state);
      if (states_[i] == points_[i].state_word()) continue;
      states_[i] = points_[i].state_word();
      out.push_back(i);
      if (points_[i].has_failed()) notifier_.notify_first_failure(failure(i));
    }
    if (is_live_now) last_live_ = Clock::now();
    return out;
  }

  size_t count(PointState state) const {
    return static_cast<size_t>(std::count_if(points_.begin(), points_.end(),
                                             [&](const auto& one) { return one.state == state; }));
  }
  size_t failed() const {
    return static_cast<size_t>(std::count_if(points_.begin(), points_.end(),
                                             [](const auto& one) { return one.has_failed(); }));
  }
  bool is_over() const {
    return std::all_of(points_.begin(), points_.end(), [](const PointView& one) {
      return one.state == PointState::kDone || one.state == PointState::kBlocked ||
             one.has_failed() || one.is_cancelled();
    });
  }
  bool is_quiet() const { return Clock::now() - last_live_ > kQuiet; }

  Notice notice(const char* event, std::string message) const {
    return {event, experiments(), count(PointState::kDone), failed(), std::move(message)};
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
        fmt::print("{}\n", json_text(point_json(points_[i], reader_.figures(points_[i]))));
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
    const size_t kAround = message_.empty() ? 4 : 5;  // lines that are no points
    const size_t most = height > kAround ? height - kAround : 1;
    if (rows.size() > most) rows.resize(most);
    std::vector<std::vector<std::string>> table = {{"point", "state", "done", "rate", "left", ""}};
    for (const auto* row : rows)
      table.push_back(watch_cells(*row, reader_.figures(*row)));
    std::vector<std::string> out = {experiments() + ": " + counts_of(points_)};
    const std::string text = text_table(table, [&](size_t row, size_t column) {
      const bool is_state = row > 0 && column == 1 && wants_colour();
      return is_state ? state_colour(*rows[row - 1]) : Colour::kNone;
    });
    for (auto& line : split(trim(text), '\n'))
      out.push_back(std::move(line));
    if (rows.size() < points_.size())
      out.push_back(fmt::format("... and {} more", points_.size() - rows.size()));
    const bool waits = is_quiet() && !is_over();
    if (!message_.empty()) out.push_back(message_);
    out.push_back(waits ? "no process is running the rest; q quits" : "q quits; the runs continue");
    return out;
  }

  static std::vector<std::string> watch_cells(const PointView& point, const PointFigures& now) {
    const bool is_measured = now.total > 0;
    const auto number = [](auto value) { return human_count(static_cast<double>(value)); };
    std::string note = now.words;
    const std::string more = note_of(point, {});
    if (!more.empty()) note += (note.empty() ? "" : "  ") + more;
    if (point.state == PointState::kDone && now.bleu.is_number()) note = "bleu " + bleu_text(now);
    return {point.name,
            std::string(point.state_word()),
            is_measured ? number(now.done) + "/" + number(now.total) : "",
            now.rate > 0 ? human_rate(now.rate) : "",
            now.left_s ? human_duration(*now.left_s) : "",
            note};
  }

  // A signal ends it early.
  bool pause() const {
    ::poll(nullptr, 0, static_cast<int>(std::clamp(options_.interval_s * 1000, 0.0, 1e9)));
    return false;
  }

  int finish() {
    const std::string words = counts_of(points_);
    notifier_.notify(notice("end", words));
    if (!options_.json) fmt::print("{}\n", words);
    if (!is_over()) {
      fmt::print(stderr, "no process is running the rest; next: {}\n",
                 options_.spec.empty() ? "xp run FILE" + workspace_words(options_)
                                       : next_command(options_, "run"));
      return Exit::kUnfinished;
    }
    if (failed() > 0) return Exit::kPartlyFailed;
    return count(PointState::kDone) == points_.size() ? Exit::kDone : Exit::kUnfinished;
  }

  Options options_;
  Workspace workspace_;
  OpenPoints open_;
  std::vector<PointView> points_;    ///< into open_
  std::vector<std::string> states_;  ///< as last shown
  PointReader reader_;
  Notifier notifier_;
  fs::file_time_type written_;  ///< of the experiment file, as last read
  std::string message_;         ///< about the file
  Clock::time_point last_live_ = Clock::now();
  Clock::time_point next_poll_ = Clock::now() + kPoll;  ///< open_points has just asked
};

int watch(const Options& options) {
  auto open = open_points(options);
  if (!open) return Exit::kSpec;
  Watch watch(options, std::move(*open));
  if (watch.has_points()) return watch.run();
  fmt::print("no process is running anything in '{}'; next: xp status{}\n",
             options.workspace.string(), workspace_words(options));
  return Exit::kDone;
}

XP_COMMAND(Options, watch, "watch", Group::kRuns,
           "show progress live: redrawn on a terminal, a line per change elsewhere", "top monitor");

}  // namespace
}  // namespace xp
