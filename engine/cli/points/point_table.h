// Points as rows of a table and as JSON: progress, place, cause of failure.
#pragma once

#include "engine/cli/points/points.h"
#include "engine/cli/terminal/colour.h"
#include "engine/run/run_progress.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace xp {

/// Figures that are read from the folders of a point.
struct PointFigures {
  int64_t attempts = 0;         ///< of the run that counts; of a point that is done, its training's
  int64_t updates = 0;          ///< of the training
  Value bleu;                   ///< of the evaluation, else of the last validation; else null
  std::string bleu_of;          ///< the subset it was measured on: "test", "valid"
  int64_t done = 0, total = 0;  ///< updates or sentences of a running run; 0 = unknown
  double rate = 0;              ///< of those, per second; 0 = unknown
  std::optional<double> left_s;  ///< until a running run ends
  int64_t left_out = 0;          ///< training pairs longer than train.max_tokens
  std::string words;             ///< of a running run: "loss 4.21  bleu 20.1"
  std::string job;               ///< the scheduler's id, "" if there is none
  std::vector<std::string> hosts;
};

/// Reads figures. If it is kept between two calls it reads only what is new.
class PointReader {
 public:
  explicit PointReader(Workspace workspace) : workspace_(std::move(workspace)) {}
  /// Takes finished points from the index, by one query. Without it their files are read.
  void take_stored(const Store& store, const std::vector<const PointView*>& points);
  PointFigures figures(const PointView& point);

 private:
  const RunProgress* progress(const fs::path& run_folder, int64_t attempt);
  void add_live(const PointView& point, PointFigures& out);

  Workspace workspace_;
  std::map<std::string, StoredRun> stored_;
  std::map<fs::path, RunProgress> open_;  ///< by attempt's folder
};

/// "job 4711 on node1; 1 h 02 min left", "memory: rank 2 was killed".
std::string note_of(const PointView& point, const PointFigures& figures);

/// "20.5 test", "19.8 valid", "-".
std::string bleu_text(const PointFigures& figures);

/// The cells of a row behind its number: point, state, attempts, updates, bleu, training, note.
std::vector<std::string> point_cells(const PointView& point, const PointFigures& figures);
inline const std::vector<std::string> kPointColumns = {"point",   "state", "attempts",
                                                       "updates", "bleu",  "training"};

/// Green if it is done, red if it failed, yellow if something holds it up.
Colour state_colour(const PointView& point);

/// Everything that is known, for --json.
Value point_json(const PointView& point, const PointFigures& figures);

/// "3 failed: 2 memory, 1 user"; "" if none failed. Cancelled points are not counted.
std::string failures_line(const std::vector<const PointView*>& points);

}  // namespace xp
