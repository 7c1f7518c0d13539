// Each word becomes a condition on points.
#include "engine/cli/points/selection.h"

#include "engine/base/text.h"
#include "engine/cli/parser/exit_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <fnmatch.h>
#include <fstream>
#include <functional>
#include <set>

namespace xp {
namespace {

constexpr size_t kMinDigits = 4;
// Those of runs, and two that only points have.
std::vector<std::string> state_names() {
  std::vector<std::string> out(kRunStateNames.begin(), kRunStateNames.end());
  out.insert(out.end(), {"blocked", "cancelled"});
  return out;
}
const std::vector<std::string> kStates = state_names();

bool fits(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

bool is_made_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

/// What a word picks of one point: nothing, the run that counts, or one run by its id.
enum class Pick { kNo, kYes, kTraining, kEvaluation };
using Picker = std::function<Pick(const PointView&)>;

Pick when(bool holds) {
  return holds ? Pick::kYes : Pick::kNo;
}

Pick pick_of(RunKind kind) {
  return kind == RunKind::kTraining ? Pick::kTraining : Pick::kEvaluation;
}

fs::path table_path(const Workspace& workspace) {
  return workspace.root / "last-table";
}

std::string table_line(const PointView& point) {
  const RunIds ids = point.ids.value_or(RunIds{});
  return fmt::format("{}\t{}\t{}", ids.training, ids.evaluation, point.name);
}

// Row numbers from 1, of "3", "#3" or "4-7".
std::optional<std::pair<size_t, size_t>> row_range(std::string word) {
  const bool is_marked = word.starts_with('#');
  if (is_marked) word.erase(0, 1);
  const size_t dash = word.find('-');
  const std::string first = word.substr(0, dash);
  const std::string last = dash == std::string::npos ? first : word.substr(dash + 1);
  constexpr size_t kMaxDigits = 9;
  for (const auto& number : {first, last}) {
    if (!is_made_of(number, "0123456789") || number.size() > kMaxDigits) return std::nullopt;
    // An id may be made of digits alone.
    if (!is_marked && number.size() >= kMinDigits) return std::nullopt;
  }
  return std::pair{std::stoul(first), std::stoul(last)};
}

class Reader {
 public:
  Reader(const std::vector<PointView>& points, const Workspace& workspace)
      : points_(points), workspace_(workspace) {}

  // `is_opposite`: the word's points are those that are not meant, and there may be none.
  Picker picker(const std::string& word, bool is_opposite = false) const {
    for (const auto& point : points_) {  // a name may look like anything
      if (point.name == word) return [word](const PointView& p) { return when(p.name == word); };
    }
    if (word.size() > 1 && word[0] == '!') return opposite(picker(word.substr(1), true));
    if (word == "last") return last();
    if (const auto rows = row_range(word)) return of_table(word, rows->first, rows->second);
    if (word.starts_with("state:")) return of_state(word.substr(6));
    if (word.starts_with("class:")) return of_class(word.substr(6));
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    if (equals != std::string::npos && !key.empty() && key.find_first_of("*?[ ") == key.npos)
      return of_setting(key, word.substr(equals + 1), is_opposite);
    if (word.size() >= kMinDigits && is_made_of(word, "0123456789abcdef") && is_id(word))
      return of_id(word);
    return [word](const PointView& point) {
      return when(fits(word, point.name) || has_value(point, word));
    };
  }

 private:
  static bool has_value(const PointView& point, const std::string& text) {
    return std::any_of(point.axes.begin(), point.axes.end(), [&](const auto& axis) {
      return axis.second.is_string() && axis.second.template get_ref<const std::string&>() == text;
    });
  }

  bool is_id(const std::string& begin) const {
    return std::any_of(points_.begin(), points_.end(),
                       [&](const PointView& point) { return point.run_with(begin).has_value(); });
  }

  static Picker opposite(Picker rule) {
    return
        [rule = std::move(rule)](const PointView& point) { return when(rule(point) == Pick::kNo); };
  }

  static Picker of_id(const std::string& begin) {
    return [begin](const PointView& point) {
      const auto kind = point.run_with(begin);
      return kind ? pick_of(*kind) : Pick::kNo;
    };
  }

  Picker last() const {
    const PointView* found = nullptr;
    RunKind found_kind = RunKind::kTraining;
    double started_s = 0;
    for (const auto& point : points_) {
      if (!point.ids) continue;
      for (const RunKind kind : kRunKinds) {
        const Status status = read_status(workspace_.run(kind, point.ids->of(kind)));
        if (status.state == State::kNew || status.started_s < started_s) continue;
        started_s = status.started_s;
        found = &point;
        found_kind = kind;
      }
    }
    if (found == nullptr) usage_error("'last': no run has started yet");
    return
        [=](const PointView& point) { return &point == found ? pick_of(found_kind) : Pick::kNo; };
  }

  Picker of_table(const std::string& word, size_t first, size_t last) const {
    std::ifstream file(table_path(workspace_));
    std::set<std::string> rows;
    size_t count = 0;
    for (std::string line; std::getline(file, line);) {
      ++count;
      if (count >= first && count <= last) rows.insert(line);
    }
    if (count == 0) usage_error("'{}' is a row of the last table, and none was printed", word);
    if (first == 0 || last < first || last > count)
      usage_error("'{}': the last table has rows 1 to {}", word, count);
    return [rows](const PointView& point) { return when(rows.contains(table_line(point))); };
  }

  static Picker of_state(const std::string& state) {
    if (std::find(kStates.begin(), kStates.end(), state) == kStates.end())
      usage_error("{}", unknown_name("state", state, kStates));
    return [state](const PointView& point) {
      if (state == "cancelled") return when(point.is_cancelled() || point.run.is_cancelled);
      const bool is_wide = !point.is_cancelled() && state == state_name(point.state);
      return when(is_wide || state == point.state_word());
    };
  }

  static Picker of_class(std::string name) {
    std::replace(name.begin(), name.end(), '-', ' ');
    if (!outcome_from(name)) {
      usage_error("{}",
                  unknown_name("class", name, {kOutcomeNames.begin() + 1, kOutcomeNames.end()}));
    }
    return [name](const PointView& point) { return when(point.run.class_name() == name); };
  }

  Picker of_setting(const std::string& key, const std::string& value, bool may_be_none) const {
    if (key == "experiment")
      return [=](const PointView& point) { return when(fits(value, point.experiment)); };
    const std::string path = full_path(key);
    const auto holds = [=](const PointView& point) {
      const Value* found = setting(point, path);
      return found != nullptr && equals(*found, value);
    };
    if (!may_be_none && std::none_of(points_.begin(), points_.end(), holds))
      refuse_value(path, value);
    return [=](const PointView& point) { return when(holds(point)); };
  }

  // Nothing if no point has the setting.
  void refuse_value(const std::string& path, const std::string& value) const {
    constexpr size_t kMaxListed = 8;
    std::set<std::string> values;
    for (const auto& point : points_)
      if (const Value* found = setting(point, path)) values.insert(plain_value(*found));
    if (values.empty()) return;
    std::vector<std::string> listed(values.begin(), values.end());
    if (listed.size() > kMaxListed) {
      listed.resize(kMaxListed);
      listed.emplace_back("...");
    }
    usage_error("no point has {} = {}; points have {}", path, value, join(listed, ", "));
  }

  static const Value* setting(const PointView& point, const std::string& path) {
    const auto axis = point.axes.find(path);
    if (axis != point.axes.end()) return &axis->second;
    return point.point == nullptr ? nullptr : point.point->settings().find(path);
  }

  static bool equals(const Value& found, const std::string& wanted) {
    if (fits(wanted, plain_value(found))) return true;
    if (!found.is_number()) return false;
    char* end = nullptr;
    const double number = std::strtod(wanted.c_str(), &end);
    return !wanted.empty() && *end == '\0' && number == found.get<double>();
  }

  // The axes first; a file's points have all other settings, too.
  std::string full_path(const std::string& key) const {
    std::set<std::string> axes, settings;
    for (const auto& point : points_) {
      for (const auto& [path, value] : point.axes)
        axes.insert(path);
    }
    if (!points_.empty() && points_.front().point != nullptr) {
      for (const auto& [path, value] : leaves(points_.front().point->settings().whole()))
        settings.insert(path);
    }
    for (const auto& paths : {axes, settings}) {
      std::vector<std::string> found;
      for (const auto& path : paths) {
        if (has_tail(path, key)) found.push_back(path);
      }
      if (found.size() == 1) return found.front();
      if (found.size() > 1)
        usage_error("'{}' may be {}; write more of it", key, join(found, " or "));
    }
    const std::vector<std::string> among(axes.begin(), axes.end());
    std::vector<std::string> known;
    for (const auto& path : among)
      known.push_back(short_name(path, among));
    if (points_.empty() || points_.front().point == nullptr) known.emplace_back("experiment");
    usage_error("{}", unknown_name("setting", key, known));
  }

  const std::vector<PointView>& points_;
  const Workspace& workspace_;
};

// Several points may share a training: a run is named once.
std::vector<Selected> distinct_runs(const std::vector<Selected>& selected) {
  std::vector<Selected> out;
  std::set<std::string> seen;
  for (const auto& one : selected) {
    if (seen.insert(one.point->ids ? one.id() : one.point->name).second) out.push_back(one);
  }
  return out;
}

// The words among the axes' values.
std::vector<std::string> axis_words(const std::vector<PointView>& points) {
  std::set<std::string> out;
  for (const auto& point : points)
    for (const auto& [path, value] : point.axes)
      if (value.is_string()) out.insert(value.get<std::string>());
  return {out.begin(), out.end()};
}

}  // namespace

std::string selector_help() {
  return "3, '#3', 4-7          rows of the last table that status printed\n"
         "1f2e                  the beginning of the id of a run: 4 digits or more\n"
         "last                  the run that started last\n"
         "state:failed          new, queued, starting, running, silent, stopped, done, failed,\n"
         "                      blocked or cancelled; running includes silent, queued includes\n"
         "                      starting\n"
         "class:memory          how the last attempt of a failed or stopped run ended\n"
         "seed=1                a setting of the point; the key may be a tail, the value a "
         "pattern\n"
         "gshard                a value of an axis that is a text\n"
         "experiment=quick      points of an experiment\n"
         "'*gshard*'            a pattern (* ? [a-z]) of the point's whole name\n"
         "!WORD                 what WORD does not select: !seed=1, !state:done\n"
         "\n"
         "Several words narrow each other.\n";
}

std::string plain_value(const Value& value) {
  return value.is_string() ? value.get<std::string>() : show(value);
}

std::string counts_of(const std::vector<PointView>& points) {
  std::vector<std::string> parts;
  for (const auto& state : kStates) {
    const auto count = std::count_if(points.begin(), points.end(), [&](const PointView& point) {
      return point.state_word() == state;
    });
    if (count > 0) parts.push_back(fmt::format("{} {}", count, state));
  }
  return fmt::format("{} point{}{}{}", points.size(), points.size() == 1 ? "" : "s",
                     parts.empty() ? "" : ": ", join(parts, ", "));
}

std::vector<Selected> select(const std::vector<PointView>& points,
                             const std::vector<std::string>& words, const Workspace& workspace) {
  const Reader reader(points, workspace);
  std::vector<Picker> rules;
  for (const auto& word : words)
    rules.push_back(reader.picker(word));
  std::vector<Selected> out;
  for (const auto& point : points) {
    Selected one{&point, point.kind};
    const bool is_picked = std::all_of(rules.begin(), rules.end(), [&](const Picker& rule) {
      const Pick pick = rule(point);
      if (pick == Pick::kTraining) one.kind = RunKind::kTraining;
      if (pick == Pick::kEvaluation) one.kind = RunKind::kEvaluation;
      return pick != Pick::kNo;
    });
    if (is_picked) out.push_back(one);
  }
  if (out.empty() && !words.empty()) {
    const auto meant = words.size() == 1 ? nearest(words.front(), axis_words(points)) : "";
    usage_error("nothing matches {}{} there {} {}", "'" + join(words, "' and '") + "'",
                meant.empty() ? ";" : ", did you mean '" + meant + "'?",
                points.size() == 1 ? "is" : "are", counts_of(points));
  }
  return out;
}

Selected select_one(const std::vector<PointView>& points, const std::vector<std::string>& words,
                    const Workspace& workspace) {
  const auto runs = distinct_runs(select(points, words, workspace));
  if (runs.size() == 1) return runs.front();
  if (runs.empty()) usage_error("there is no run yet; `xp run FILE` makes some");
  constexpr size_t kMaxNames = 5;
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(runs.size(), kMaxNames); ++i)
    names.push_back(fmt::format("{} ({} {})", runs[i].point->name, kind_name(runs[i].kind),
                                runs[i].point->ids ? runs[i].id() : "of unknown id"));
  if (runs.size() > kMaxNames)
    names.push_back(fmt::format("... and {} more", runs.size() - kMaxNames));
  usage_error("{} runs fit; name one of them:\n  {}", runs.size(), join(names, "\n  "));
}

void keep_table(const Workspace& workspace, const std::vector<const PointView*>& rows) {
  std::error_code none;
  if (!fs::exists(workspace.root, none)) return;
  std::ofstream file(table_path(workspace));  // a workspace that cannot be written has no numbers
  for (const auto* row : rows)
    file << table_line(*row) << '\n';
}

std::vector<std::string> selector_words(
    const std::map<std::string, std::vector<std::string>>& axes) {
  std::vector<std::string> out = {"last"};
  for (const auto& state : kStates)
    out.push_back("state:" + state);
  for (size_t i = 1; i < kOutcomeNames.size(); ++i) {
    std::string name(kOutcomeNames[i]);
    std::replace(name.begin(), name.end(), ' ', '-');
    out.push_back("class:" + name);
  }
  std::vector<std::string> paths;
  for (const auto& [path, values] : axes)
    paths.push_back(path);
  for (const auto& [path, values] : axes) {
    for (const auto& value : values)
      out.push_back(short_name(path, paths) + "=" + value);
  }
  return out;
}

}  // namespace xp
