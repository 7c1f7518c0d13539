// A small workspace for tests of whatever reads run folders.
#pragma once

#include "results/records.h"
#include "results/workspace.h"

#include <fstream>
#include <string>

namespace xp {

/// A workspace in a temporary folder, filled by single words.
struct FilledWorkspace {
  TempFolder folder;
  Workspace workspace{folder.path()};

  void status(const std::string& kind, const std::string& id, State state, Value summary = {}) {
    if (summary.is_null()) summary = Value::object();
    write_status(workspace.root / kind / id, {state, 1, 100, 160, "", std::move(summary)});
  }
  void put(const std::string& path, const std::string& text) {
    fs::create_directories((workspace.root / path).parent_path());
    std::ofstream(workspace.root / path, std::ios::binary) << text;
  }
  /// Two finished runs, their point, and an evaluation that failed.
  void fill() {
    put("trainings/aaaa/spec.toml",
        "[train]\nseed = 3\nprecision = \"fp32\"\n[train.optimizer]\n"
        "lr = 5e-4\nbetas = [0.9, 0.98]\n[model]\nshare = true\n");
    put("trainings/aaaa/provenance.json", R"({"host": "box", "environment": {"XP_A": "1"}})");
    put("trainings/aaaa/attempts/1/events.jsonl",
        "{\"event\":\"update\",\"update\":10,\"seconds\":1,\"values\":{\"loss\":6.5}}\n"
        "{\"event\":\"update\",\"update\":20,\"seconds\":2,\"values\":{\"loss\":null}}\n"
        "{\"event\":\"update\",\"update\":30,\"sec");
    put("trainings/aaaa/attempts/2/events.jsonl",
        "{\"event\":\"update\",\"update\":20,\"seconds\":1,\"values\":{\"loss\":5.5}}\n"
        "{\"event\":\"validation\",\"update\":20,\"seconds\":1,\"values\":{\"bleu\":12.5}}\n");
    status("trainings", "aaaa", State::kDone, {{"tokens_per_second", 1500}, {"step_ms", 20.5}});
    put("evaluations/bbbb/spec.toml", "[eval]\nbeam = 5\n");
    write_scores(workspace.evaluation("bbbb"),
                 {{"test", "en-fr", {"bleu", 21.5, "", "sig", true}}});
    status("evaluations", "bbbb", State::kDone, {{"bleu", 21.5}});
    put("evaluations/cccc/spec.toml", "[eval]\nbeam = 1\n");
    status("evaluations", "cccc", State::kFailed);
    plan();
  }
  void plan() {
    const std::vector<ReportPoint> points = {
        {{{"model.moe.exchange.use", "gshard"}, {"train.seed", 3}}, "aaaa", "bbbb", 3}};
    put("experiments/quick/plan.json", Value{{"schema", 1}, {"points", to_json(points)}}.dump());
  }
};

}  // namespace xp
