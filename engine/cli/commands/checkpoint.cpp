// `xp checkpoint`: inspects and averages checkpoints, writes their parameters for other programs,
// and reads those of fairseq.
#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/named_run.h"
#include "engine/cli/points/options.h"
#include "engine/cli/terminal/text_table.h"
#include "results/runs/checkpoint_edit.h"
#include "results/runs/checkpoints.h"
#include "results/runs/fairseq_checkpoint.h"
#include "results/runs/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  static constexpr std::string_view kDetails =
      "xp checkpoint inspect RUN\n"
      "xp checkpoint average RUN --last 5 -o mean.safetensors\n"
      "xp checkpoint average a.safetensors b.safetensors -o mean.safetensors\n"
      "xp checkpoint export RUN --names names.json -o weights.safetensors\n"
      "xp checkpoint import shared.safetensors rank-*.safetensors -o start.safetensors\n"
      "\n"
      "A run stands for its best checkpoint, or for its newest while it is training. "
      "docs/checkpoints.md\n"
      "lists the names of parameters and says how the files for import are made.";

  std::string action;
  Words checkpoints;
  std::filesystem::path output, names;
  std::optional<int64_t> last;
  bool json = false;

  void declare(Arguments& arguments) {
    arguments.positional("ACTION", &action, "what to do")
        .required()
        .one_of({"inspect", "average", "export", "import"});
    arguments.positional("CHECKPOINT", &checkpoints, "files in safetensors, or runs")
        .required()
        .at_most(10000);
    arguments.option("-o,--output", "FILE", &output, "the file to write");
    arguments.option("--last", "N", &last, "average: the newest checkpoints of a run").from(1);
    arguments.option("--names", "FILE", &names,
                     "export: JSON object from names of parameters to names in the output");
    WorkspaceOptions::declare(arguments);
    declare_json(arguments, json);
  }
};

fs::path training_of(const Options& options, const std::string& selector) {
  const RunFolder run = named_folder(options, selector);
  if (run.kind == RunKind::kTraining) return run.folder;
  return Workspace{options.workspace}.training(run.spec.at("training_id"));
}

bool is_file(const std::string& word) {
  return word.find('/') != word.npos || word.ends_with(".safetensors") || fs::exists(word);
}

// The newest of a run, oldest first.
std::vector<fs::path> newest(const fs::path& training, int64_t count) {
  const fs::path folder = training / "checkpoints";
  const auto updates = checkpoint_updates(folder);
  const auto num = std::min(updates.size(), static_cast<size_t>(count));
  std::vector<fs::path> out;
  for (auto update = updates.end() - static_cast<std::ptrdiff_t>(num); update != updates.end();
       ++update)
    out.push_back(checkpoint_file(folder, *update));
  return out;
}

fs::path checkpoint_of(const Options& options, const std::string& word) {
  if (is_file(word)) return word;
  const fs::path training = training_of(options, word);
  if (const auto best = finished_checkpoint(training, "best")) return *best;
  const auto files = newest(training, 1);
  if (files.empty()) user_error("'{}' has no checkpoint", training.string());
  return files.front();
}

fs::path only_checkpoint(const Options& options) {
  if (options.checkpoints.size() != 1)
    usage_error("{} takes one checkpoint, not {}", options.action, options.checkpoints.size());
  return checkpoint_of(options, options.checkpoints.front());
}

void print_tensors(const TensorFile& file) {
  std::vector<std::vector<std::string>> rows = {{"tensor", "type", "shape"}};
  double parameters = 0, state = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    rows.push_back({name, tensor.type, json_text(Value(tensor.shape))});
    (is_optimizer_state(name) ? state : parameters) += static_cast<double>(tensor.bytes.size());
  }
  fmt::print("{}\n{} of parameters, {} of optimizer state\n", text_table(rows),
             human_bytes(parameters), human_bytes(state));
}

Value to_json(const TensorFile& file) {
  Value tensors = Value::object();
  for (const auto& [name, tensor] : file.tensors())
    tensors[name] = {
        {"type", tensor.type}, {"shape", tensor.shape}, {"bytes", tensor.bytes.size()}};
  return {{"schema_version", 1},
          {"file", file.path().string()},
          {"metadata", file.metadata()},
          {"has_checksums", file.has_checksums()},
          {"tensors", tensors}};
}

int inspect(const Options& options) {
  const TensorFile file(only_checkpoint(options));
  file.verify();
  if (options.json) {
    fmt::print("{}\n", json_text(to_json(file), 2));
    return Exit::kDone;
  }
  fmt::print("{}\n", file.path().string());
  if (file.metadata().is_object()) {
    for (const auto& [key, value] : file.metadata().items())
      if (key != "settings") fmt::print("  {}: {}\n", key, json_text(value));
  }
  fmt::print("\n");
  print_tensors(file);
  fmt::print("{}\n", file.has_checksums() ? "the checksum of every tensor matches"
                                          : "the file has no checksums");
  return Exit::kDone;
}

int average(const Options& options) {
  std::vector<fs::path> files;
  for (const auto& word : options.checkpoints) {
    if (!options.last) {
      files.push_back(checkpoint_of(options, word));
      continue;
    }
    if (is_file(word)) usage_error("--last is for runs, and '{}' is a file", word);
    const fs::path training = training_of(options, word);
    const auto found = newest(training, *options.last);
    if (static_cast<int64_t>(found.size()) < *options.last) {
      user_error("'{}' has {} checkpoints, not {}; train.keep says how many are kept",
                 training.string(), found.size(), *options.last);
    }
    files.insert(files.end(), found.begin(), found.end());
  }
  average_checkpoints(files, options.output);
  for (const auto& file : files)
    fmt::print("{}\n", file.string());
  fmt::print("the mean of these {} is '{}'\n", files.size(), options.output.string());
  return Exit::kDone;
}

int export_parameters(const Options& options) {
  std::map<std::string, std::string> names;
  if (!options.names.empty()) {
    try {
      names = Value::parse(read_file(options.names)).get<decltype(names)>();
    } catch (const Value::exception&) {
      user_error("'{}' is not a JSON object whose values are names", options.names.string());
    }
  }
  const fs::path file = only_checkpoint(options);
  export_checkpoint(file, options.output, names);
  fmt::print("the parameters of '{}' are in '{}'\n", file.string(), options.output.string());
  return Exit::kDone;
}

int import(const Options& options) {
  const Value settings =
      import_fairseq({options.checkpoints.begin(), options.checkpoints.end()}, options.output);
  fmt::print(
      "# '{}' fits these settings; heads, dropout and routing cannot be read off weights\n"
      "[model]\n",
      options.output.string());
  for (const auto& [key, value] : settings.items())
    fmt::print("{} = {}\n", key, json_text(value));
  return Exit::kDone;
}

int work_on_checkpoints(const Options& options) {
  if (options.action != "average" && options.last) usage_error("--last is for average");
  if (options.action != "export" && !options.names.empty()) usage_error("--names is for export");
  if (options.action == "inspect") return inspect(options);
  if (options.json) usage_error("--json is for inspect");
  if (options.output.empty()) usage_error("name the file to write: --output FILE");
  if (options.action == "average") return average(options);
  return options.action == "export" ? export_parameters(options) : import(options);
}

XP_COMMAND(Options, work_on_checkpoints, "checkpoint", Group::kResults,
           "inspect, average, export or import checkpoints", "average convert");

}  // namespace
}  // namespace xp
