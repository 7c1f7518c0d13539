// `xp diff RUN RUN`: what differs between two runs.
#include "engine/base/json_text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/terminal/text_table.h"

#include <fmt/format.h>

#include <cstdio>
#include <map>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  Words runs;
  bool json = false;

  void declare(Arguments& arguments) {
    declare_two_runs(arguments, runs, "diff", *this);
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

Value result_of(const RunFolder& run, const Workspace& workspace) {
  Value out = Value::object();
  const Status status = read_status(run.folder);
  if (status.state == State::kDone) out = status.summary;
  const Value* training = find_path(run.spec, "training_id");
  if (run.kind == RunKind::kEvaluation && training != nullptr && training->is_string()) {
    const Status trained = read_status(workspace.training(*training));
    if (trained.state == State::kDone) out.update(trained.summary);
  }
  return out;
}

std::string cell(const Value& value) {
  return value.is_null() ? "-" : show(value);
}

// Rows of what differs; absent on one side is null.
Value differences(const std::map<std::string, Value>& a, const std::map<std::string, Value>& b) {
  std::map<std::string, Value> all = a;
  all.insert(b.begin(), b.end());
  Value out = Value::array();
  for (const auto& [key, unused] : all) {
    const auto in_a = a.find(key), in_b = b.find(key);
    const Value left = in_a == a.end() ? Value() : in_a->second;
    const Value right = in_b == b.end() ? Value() : in_b->second;
    if (left != right) out.push_back({{"name", key}, {"a", left}, {"b", right}});
  }
  return out;
}

std::map<std::string, Value> by_name(const std::vector<std::pair<std::string, Value>>& items) {
  return {items.begin(), items.end()};
}

void print_differences(const char* title, const Value& list) {
  std::vector<std::vector<std::string>> rows = {{title, "A", "B"}};
  for (const auto& item : list)
    rows.push_back({item["name"].get<std::string>(), cell(item["a"]), cell(item["b"])});
  fmt::print("{}", text_table(rows));
}

int diff_runs(const Options& options) {
  const Workspace workspace{options.workspace};
  const RunFolder a = named_folder(options, options.runs.at(0));
  const RunFolder b = named_folder(options, options.runs.at(1));
  const Value settings = differences(by_name(run_settings(a)), by_name(run_settings(b)));
  const Value results = differences(by_name(leaves(result_of(a, workspace))),
                                    by_name(leaves(result_of(b, workspace))));
  if (options.json) {
    fmt::print("{}\n", json_text({{"schema_version", 1},
                                  {"a", a.id},
                                  {"b", b.id},
                                  {"settings", settings},
                                  {"results", results}},
                                 2));
    return Exit::kDone;
  }
  fmt::print("A = {}, B = {}\n", a.title(), b.title());
  if (settings.empty()) {
    fmt::print("no setting differs\n");
  } else {
    print_differences("setting", settings);
  }
  if (!results.empty()) {
    fmt::print("\n");
    print_differences("result", results);
  }
  return Exit::kDone;
}

XP_COMMAND(Options, diff_runs, "diff", Group::kRuns,
           "print settings and results that differ between two runs");

}  // namespace
}  // namespace xp
