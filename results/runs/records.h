// The files that planning and evaluation leave for the store and the report to read.
//
//   experiments/NAME/plan.json    {"schema": 1, "points": [{"training": ID, "evaluation": ID,
//                                  "seed": 1, "axes": {"model.moe.exchange.use": "gshard"},
//                                  "name": "exchange=gshard seed=1",
//                                  "predicted": {"inter_node_bytes": 7e6},
//                                  "checkpoint": "best"}]}, the last three optional
//   evaluations/ID/scores.json    {"schema": 1, "scores": [{"subset": "test", "direction": "en-fr",
//                                  "name": "bleu", "value": 21.5, "unit": "", "signature": "...",
//                                  "higher_is_better": true, "label": "BLEU"}]}, the last optional
//
// Both may hold further keys, which are left alone.
#pragma once

#include "engine/base/file.h"
#include "engine/base/value.h"
#include "registry/metric.h"
#include "results/runs/workspace.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace xp {

/// One point of a sweep: what makes it differ, and the runs that measure it.
struct ReportPoint {
  std::map<std::string, Value> axes;  ///< full path of each axis of [sweep] -> this point's value;
                                      ///< absent if the point's component lacks the setting
  std::optional<RunIds> ids{};        ///< nothing before the content of the corpus is known
  int64_t seed = 0;                   ///< train.seed
  std::map<std::string, double> predicted{};  ///< figures of the plan: "inter_node_bytes"
  std::string name{};                         ///< "exchange=gshard seed=1"; "" if not recorded
  std::string checkpoint{};  ///< that its evaluation reads: "best", "last"; "" if not recorded
};

/// FOLDER/plan.json.
fs::path plan_file(const fs::path& experiment_folder);
Value to_json(const std::vector<ReportPoint>& points);
/// Of a plan.json. Raises kMachine if it is damaged or of a newer xp.
std::vector<ReportPoint> read_points(const fs::path& file);

/// One score of one subset in one direction.
struct SubsetScore {
  std::string subset, direction;  ///< "test", "en-fr"
  Score score;
};

/// Replaces `evaluation_folder`/scores.json, without waiting for the disk: the status does. A value
/// that is no finite number is written as null.
void write_scores(const fs::path& evaluation_folder, const std::vector<SubsetScore>& scores);
/// Empty if there is no file; null comes back as NaN. Raises kMachine if it is damaged.
std::vector<SubsetScore> read_scores(const fs::path& evaluation_folder);

}  // namespace xp
