// Combinations to points; ids are hashes of what resolve() says they depend on.
#include "engine/plan/plan.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/experiment/codes.h"
#include "engine/plan/rules.h"
#include "results/runs/tensor_file.h"

#include <algorithm>
#include <array>
#include <future>
#include <map>
#include <set>

namespace xp {
namespace {

// Reading the state of a run mostly waits for the file system. Several threads cost little, and
// save much on a network disk.
constexpr size_t kMaxReaders = 8, kPointsPerReader = 500;

// The value of a name in a condition: that of the point's axes, even if its component does not have
// the setting, else the resolved one.
Value seen(const std::string& path, const SettingValues& assignment, const Settings& settings) {
  const auto given = assignment.find(path);
  if (given != assignment.end()) return given->second;
  const Value* found = settings.find(path);
  return found == nullptr ? Value() : *found;
}

bool holds(const Condition& condition, const SettingValues& assignment, const Settings& settings) {
  return condition.expression.holds(
      [&](size_t name) { return seen(condition.paths.at(name), assignment, settings); });
}

class Planner {
 public:
  Planner(const Spec& spec, const Catalog& catalog, Problems& problems)
      : spec_(spec), pool_(catalog, spec.settings, spec.sweep), problems_(problems) {
    plan_.name = spec.name;
    plan_.folder = spec.folder();
    plan_.axes = spec.sweep.keys();
    for (const auto& path : plan_.axes)
      short_names_.push_back(short_name(path, plan_.axes));
  }

  Plan make() {
    for_each_combination(spec_.sweep, [this](const Combination& one) { add(one); });
    if (plan_.points.empty() && problems_.empty()) {
      problems_.add(spec_.source.place_of("sweep"), code::kNoPoints,
                    "'where' and 'exclude' in [sweep] leave no point");
    }
    note_idle_axes();
    return std::move(plan_);
  }

 private:
  void add(const Combination& combination) {
    Point point;
    auto resolved = pool_.resolve(combination);
    point.resolved = std::move(resolved.settings);
    if (!is_wanted(combination.values, point.settings())) {
      ++plan_.excluded;
      return;
    }
    for (size_t i = 0; i < plan_.axes.size(); ++i) {
      const Value* value = point.settings().find(plan_.axes[i]);
      if (value == nullptr || point.settings().is_unused(plan_.axes[i])) continue;
      point.axes[plan_.axes[i]] = *value;
      if (!point.name.empty()) point.name += ' ';
      point.name += short_names_[i] + '=';
      point.name += value->is_string() ? value->get<std::string>() : show(*value);
    }
    if (point.name.empty()) point.name = plan_.name;
    if (combination.rows.empty() && !spec_.sweep.points.empty()) point.further = combination.point;
    auto& same = by_identity_[resolved.identity];
    for (const size_t other : same) {
      if (is_same_run(plan_.points[other], point)) {
        ++plan_.merged;
        return;
      }
    }
    same.push_back(plan_.points.size());
    plan_.points.push_back(std::move(point));
  }

  // Of points whose ids depend on equal settings. Files of other names may have other content,
  // which is known only when they are hashed.
  bool is_same_run(const Point& a, const Point& b) {
    std::vector<std::string> differing;
    for (const auto& [path, value] : a.axes) {
      const auto other = b.axes.find(path);
      const bool has_both = other != b.axes.end();  // unused at one of them otherwise
      if (has_both && other->second != value) differing.push_back(path);
    }
    const auto is_content = [&a](auto& path) {
      return a.settings().no_id(path) == Scope::kContent;
    };
    if (std::any_of(differing.begin(), differing.end(), is_content)) return false;
    for (const auto& path : differing)
      report_same_run(path, a, b);
    return true;
  }

  void report_same_run(const std::string& path, const Point& a, const Point& b) {
    if (!same_runs_.insert(path).second) return;
    const size_t dot = path.rfind('.');
    const bool is_speed = a.settings().no_id(path) == Scope::kSpeed;
    problems_.add(
        place_of(path), code::kSameRun,
        fmt::format("'{}' in [{}] changes {}, so the points with {} and {} would be the same run; "
                    "keep one value in [sweep], and try others with --set {}=... and a --workspace "
                    "of their own",
                    path.substr(dot + 1), path.substr(0, dot),
                    is_speed ? "only the speed of a run" : "no result", show(a.axes.at(path)),
                    show(b.axes.at(path)), path));
  }

  Place place_of(const std::string& path) const {
    for (const auto& axis : spec_.sweep.axes) {
      if (std::find(axis.keys.begin(), axis.keys.end(), path) != axis.keys.end()) return axis.place;
    }
    for (const auto& places : spec_.sweep.point_places) {
      if (const auto found = places.find(path); found != places.end()) return found->second;
    }
    return spec_.source.place_of("sweep");
  }

  void note_idle_axes() {
    for (size_t i = 0; i < plan_.axes.size(); ++i) {
      const auto uses = [&](const Point& point) { return point.axes.contains(plan_.axes[i]); };
      if (std::any_of(plan_.points.begin(), plan_.points.end(), uses)) continue;
      plan_.notes.push_back(fmt::format(
          "the axis '{}' changes nothing: no point has a component that uses it", short_names_[i]));
    }
  }

  bool is_wanted(const SettingValues& assignment, const Settings& settings) {
    const auto test = [&](const std::optional<Condition>& condition, bool otherwise) {
      if (!condition) return otherwise;
      if (broken_.contains(&*condition)) return false;  // reported once, not for every point
      try {
        return holds(*condition, assignment, settings);
      } catch (const ExpressionError& error) {
        problems_.add(condition->place, code::kExpression,
                      fmt::format("in the condition: {}", error.what()));
        broken_.insert(&*condition);
        return false;
      }
    };
    return test(spec_.sweep.where, true) && !test(spec_.sweep.exclude, false);
  }

  const Spec& spec_;
  SectionPool pool_;
  Problems& problems_;
  Plan plan_;
  std::vector<std::string> short_names_;
  std::map<SectionPool::Identity, std::vector<size_t>> by_identity_;  // indices of points
  std::set<std::string> same_runs_;                                   // axes already reported
  std::set<const Condition*> broken_;
};

// What trainings start from besides their settings. Each file is read once.
class InitialFiles {
 public:
  explicit InitialFiles(Plan& plan) : plan_(plan) {}

  /// `id` is empty for a training that starts from its own random parameters, and for a file that
  /// is missing and was never known.
  struct Identity {
    std::string id, missing;
    bool is_known() const { return missing.empty() || !id.empty(); }
  };
  const Identity& identity(const Settings& settings) {
    const fs::path file = initial_file(plan_, settings);
    const auto [at, is_new] = known_.try_emplace(file);
    if (!is_new || file.empty()) return at->second;
    auto& [id, missing] = at->second;
    const std::string name = settings.value("train.init_from", "");
    try {
      id = TensorFile(file).content_id();
      plan_.initial_ids[name] = id;
    } catch (const Error& error) {
      missing = fmt::format("train.init_from: {}", error.what());
      if (const auto before = plan_.initial_ids.find(name); before != plan_.initial_ids.end())
        id = before->second;
    }
    return at->second;
  }

 private:
  Plan& plan_;
  std::map<fs::path, Identity> known_;
};

// Ids are content_id of {"corpus": ..., "settings": {...}} ("ID+..." with an initial file) and of
// {"settings": {...}, "training":
// ...}; the settings are the sections' pieces in order. What points share of these texts is hashed
// once.
class IdMaker {
 public:
  const std::string& training(const std::string& corpus_id, const Settings& settings) {
    const auto pieces = pieces_of(settings, &SectionPattern::training);
    const auto known = trainings_.find({corpus_id, pieces});
    if (known != trainings_.end()) return known->second;
    auto start = pieces;
    start.back() = nullptr;  // [train] has the seed: the last piece differs most often
    auto hash = starts_.find({corpus_id, start});
    if (hash == starts_.end()) {
      Sha256 fresh;
      fresh.add(R"({"corpus":)").add(canonical_text(Value(corpus_id))).add(R"(,"settings":{)");
      add(fresh, start, &SectionPattern::training);
      hash = starts_.emplace(std::make_pair(corpus_id, start), fresh).first;
    }
    Sha256 whole = hash->second;
    const bool has_more =
        std::any_of(start.begin(), start.end(), [](auto* piece) { return piece != nullptr; });
    if (const SharedSection* last = pieces.back()) {
      if (has_more) whole.add(",");
      last->add(last->pattern().training, whole);
    }
    return trainings_[{corpus_id, pieces}] = whole.add("}}").hex().substr(0, 16);
  }

  std::string evaluation(const std::string& training_id, const Settings& settings) {
    const auto pieces = pieces_of(settings, &SectionPattern::evaluation);
    auto hash = evaluations_.find(pieces);
    if (hash == evaluations_.end()) {
      Sha256 fresh;
      add(fresh.add(R"({"settings":{)"), pieces, &SectionPattern::evaluation);
      hash = evaluations_.emplace(pieces, fresh.add(R"(},"training":")")).first;
    }
    return Sha256(hash->second).add(training_id).add("\"}").hex().substr(0, 16);
  }

 private:
  using Pieces = std::array<const SharedSection*, kPointSections.size()>;
  using Text = OpenText SectionPattern::*;

  static Pieces pieces_of(const Settings& settings, Text text) {
    Pieces out{};
    for (size_t i = 0; i < out.size(); ++i) {
      const auto& section = settings.sections()[i];
      const bool has_text = section != nullptr && !(section->pattern().*text).pieces.empty();
      out[i] = has_text ? section.get() : nullptr;
    }
    return out;
  }
  static void add(Sha256& hash, const Pieces& pieces, Text text) {
    bool is_first = true;
    for (const SharedSection* piece : pieces) {
      if (piece == nullptr) continue;
      if (!is_first) hash.add(",");
      piece->add(piece->pattern().*text, hash);
      is_first = false;
    }
  }

  std::map<std::pair<std::string, Pieces>, std::string> trainings_;
  std::map<std::pair<std::string, Pieces>, Sha256> starts_;
  std::map<Pieces, Sha256> evaluations_;
};

std::vector<std::string> folder_names(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

size_t Plan::count(PointState state) const {
  size_t out = 0;
  for (const auto& point : points)
    out += point.state == state ? 1 : 0;
  return out;
}

Plan expand(const Spec& spec, const Catalog& catalog, Problems& problems) {
  return Planner(spec, catalog, problems).make();
}

void assess(Plan& plan, const Spec& spec, const Catalog& catalog, Problems& problems,
            const CorpusFigures& corpus_figures) {
  Assessor assessor(catalog, corpus_figures);
  BreachList findings(spec);
  for (size_t i = 0; i < plan.points.size(); ++i) {
    Point& point = plan.points[i];
    point.assessment = assessor.assess(point.settings());
    findings.take(*point.assessment, point.name, i + 1);
    for (const auto& sentence : point.assessment->unpredicted) {
      auto& known = plan.unpredicted;
      if (std::find(known.begin(), known.end(), sentence) == known.end()) known.push_back(sentence);
    }
  }
  for (auto& note : findings.report(plan.points.size(), problems))
    plan.notes.push_back(std::move(note));
}

fs::path initial_file(const Plan& plan, const Settings& settings) {
  const Value* file = settings.find("train.init_from");
  if (file == nullptr || !file->is_string()) return {};
  return fs::absolute(plan.folder / file->get<std::string>());
}

void identify(Plan& plan, const IdentifyCorpus& identify_corpus) {
  std::map<const SharedSection*, const CorpusIdentity*> known;
  std::map<std::string, CorpusIdentity> corpora;
  IdMaker ids;
  InitialFiles initial_files(plan);
  std::map<std::string, const Point*> evaluations;
  for (auto& point : plan.points) {
    const CorpusIdentity*& found = known[point.settings().section("corpus")];
    if (found == nullptr) {
      const Value& table = point.settings().at("corpus");
      const auto [at, is_new] = corpora.try_emplace(canonical_text(table));
      if (is_new) at->second = identify_corpus(table);
      found = &at->second;
    }
    const CorpusIdentity& corpus = *found;
    const auto& initial = initial_files.identity(point.settings());
    const std::string& missing = corpus.missing.empty() ? initial.missing : corpus.missing;
    if (!missing.empty() && point.state != PointState::kDone) {
      point.state = PointState::kBlocked;
      point.cause = missing;
    } else if (point.state == PointState::kBlocked) {
      point.state = PointState::kNew;
    }
    if (!corpus.id || !initial.is_known()) {
      point.ids.reset();
      continue;
    }
    const std::string& training =
        ids.training(*corpus.id + (initial.id.empty() ? "" : "+") + initial.id, point.settings());
    point.ids = {*corpus.id, training, ids.evaluation(training, point.settings())};
    const auto [same, is_new] = evaluations.try_emplace(point.ids->evaluation, &point);
    if (!is_new)
      user_error(
          "the points '{}' and '{}' are the same run: their files have the same content; "
          "remove one of them from [sweep]",
          same->second->name, point.name);
  }
}

void read_states(Plan& plan, const Workspace& workspace) {
  const auto trainings = folder_names(workspace.runs(RunKind::kTraining));
  const auto evaluations = folder_names(workspace.runs(RunKind::kEvaluation));
  const OpenJobs jobs(workspace);
  const auto read = [&](Point& point) {
    if (!point.ids) return;
    const auto has = [](const std::vector<std::string>& names, const std::string& id) {
      return std::binary_search(names.begin(), names.end(), id);
    };
    PointStanding now;
    if (has(trainings, point.ids->training) || has(evaluations, point.ids->evaluation)) {
      now = point_standing(workspace.training(point.ids->training),
                           workspace.evaluation(point.ids->evaluation), point.checkpoint(), jobs);
    }
    point.training = now.training;
    point.evaluation = now.evaluation;
    const auto needs_no_text = {PointState::kDone, PointState::kRunning, PointState::kQueued};
    const bool is_blocked = point.state == PointState::kBlocked;
    if (is_blocked &&
        std::find(needs_no_text.begin(), needs_no_text.end(), now.state()) == needs_no_text.end())
      return;
    point.state = now.state();
    point.cause = now.run.cause();
  };
  auto& points = plan.points;
  const size_t share = std::max(kPointsPerReader, points.size() / kMaxReaders + 1);
  std::vector<std::future<void>> readers;
  for (size_t begin = share; begin < points.size(); begin += share) {
    readers.push_back(std::async(std::launch::async, [&, begin] {
      for (size_t i = begin; i < std::min(begin + share, points.size()); ++i)
        read(points[i]);
    }));
  }
  for (size_t i = 0; i < std::min(share, points.size()); ++i)
    read(points[i]);
  for (auto& reader : readers)
    reader.get();
}

}  // namespace xp
