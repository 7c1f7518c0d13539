// The points of an experiment: their settings, ids and states.
#pragma once

#include "engine/experiment/load.h"
#include "engine/plan/assessment.h"
#include "engine/plan/point_standing.h"
#include "results/runs/workspace.h"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// What is known of a corpus before it is prepared. With both, it cannot be prepared, but the
/// experiment has run with it before: what is done stays known.
struct CorpusIdentity {
  std::optional<std::string> id;  ///< nothing if it is not known yet
  std::string missing;            ///< the input that is missing and what to do; empty if none is
};

/// From the whole resolved [corpus] table to its identity.
using IdentifyCorpus = std::function<CorpusIdentity(const Value& corpus)>;

/// The ids of a point's corpus and runs.
struct PointIds {
  std::string corpus, training, evaluation;
  bool operator==(const PointIds&) const = default;
};

/// One training and its evaluation.
struct Point {
  Settings resolved;
  std::shared_ptr<const Assessment> assessment;  ///< null before `assess`
  SettingValues axes;             ///< the axes' values, without keys that its components lack
  std::string name;               ///< "exchange=gshard seed=2", or the experiment's name
  std::optional<size_t> further;  ///< which of the sweep's `points` it is, if it is one
  std::optional<PointIds> ids;    ///< nothing before the content of the corpus is known
  State training = State::kNew, evaluation = State::kNew;
  PointState state = PointState::kNew;
  std::string cause;  ///< why it waits, stopped, failed or is blocked, if known

  const Settings& settings() const { return resolved; }
  /// That its evaluation reads: "best", "last".
  std::string checkpoint() const { return settings().value("eval.checkpoint", ""); }
};

struct Plan {
  std::string name;               ///< of the experiment
  std::filesystem::path folder;   ///< of its file: where relative paths start
  std::vector<std::string> axes;  ///< full paths, in the order of the file
  std::vector<Point> points;
  size_t merged = 0;                     ///< combinations left out because they equal a point
  size_t excluded = 0;                   ///< ... because of `where` and `exclude`
  std::vector<std::string> notes;        ///< of rules and unused axes, each once with its points
  std::vector<std::string> unpredicted;  ///< as in Assessment, of all points, each once
  Value plugins{};  ///< [plugins] of every run's spec, see plugin_table; null if there are none
  /// Identity of the content of files of train.init_from, by setting. What an earlier plan knew
  /// stands for files that are gone.
  std::map<std::string, std::string> initial_ids{};

  size_t count(PointState state) const;
};

/// All points, without ids, not assessed. Adds a problem if there are none, or if points that
/// differ in an axis would be the same run. If the spec has problems the plan must not be used, but
/// problems that are certain in spite of those are added.
Plan expand(const Spec& spec, const Catalog& catalog, Problems& problems);

/// Evaluates the rules and figures of the points. Broken rules are added to `problems`, once for
/// each place with the number of points concerned.
void assess(Plan& plan, const Spec& spec, const Catalog& catalog, Problems& problems,
            const CorpusFigures& corpus_figures = {});

/// The file of train.init_from in full, or an empty path.
std::filesystem::path initial_file(const Plan& plan, const Settings& settings);

/// Fills in the ids; `identify` is called once for each distinct corpus. Raises kUser if points
/// that name different files are the same run, because the files have the same content. Points
/// that are not done and whose corpus or file of train.init_from is missing are blocked; they have
/// ids if those are known from before (CorpusIdentity, Plan::initial_ids).
void identify(Plan& plan, const IdentifyCorpus& identify_corpus);

/// Fills in the states from the folders. A blocked point stays so unless its runs are done or under
/// way.
void read_states(Plan& plan, const Workspace& workspace);

}  // namespace xp
