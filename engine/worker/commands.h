// The commands of `xp-engine`. The launcher starts one process per rank.
//
// A run folder holds spec.toml: the resolved settings ([corpus], [model], [train], [launch], for
// evaluations [eval]) and, if the experiment has plug-ins, [plugins]: `load`, their files, and
// `sha256`, what those held when the run was planned.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace xp {

struct WorkerArguments {
  std::filesystem::path folder;    ///< the run's folder
  std::filesystem::path corpus;    ///< the prepared corpus
  std::filesystem::path training;  ///< evaluate: the folder of the training
  int64_t attempt = 1;
  std::string device = "auto";
  int channel = -1;  ///< translate, rank 0: the descriptor of the conversation with `xp`
};

/// The declarations of all components as JSON, for `xp`.
std::string describe_components();

/// Loads a plug-in and returns the declarations of its components. What the plug-in prints goes to
/// standard error. The process ends after a minute (SIGALRM) if that is not done by then. Raises
/// kUser (see load_plugin).
std::string describe_plugin(const std::filesystem::path& plugin);

struct LawArguments {
  std::filesystem::path plugin;  ///< empty: the components of this program
  std::string settings = "{}";   ///< of the components, as JSON
};

/// Checks the laws of every kind (engine/laws/laws.h) on components and prints the results. Returns
/// the exit code: 1 if a component breaks one. Raises kUser (see load_plugin).
int laws_command(const LawArguments& arguments);

/// Trains; rank 0 writes status.json at the end. Returns the exit code: 0 done, 143 stopped by a
/// signal with a checkpoint written, kDivergedExit. Raises kUser, kMachine.
int train_command(const WorkerArguments& arguments);

/// Translates and scores the subsets of [eval]; rank 0 writes hypotheses, scores.json and
/// status.json.
int evaluate_command(const WorkerArguments& arguments);

/// Translates what `xp translate` asks for (engine/launch/channel.h) until that ends. The folder
/// holds the settings of an evaluation.
int translate_command(const WorkerArguments& arguments);

/// Connects to the other ranks, exchanges rows with all of them and compares clocks; every rank
/// writes a file into `folder`. Raises kMachine naming what does not work.
int check_command(const WorkerArguments& arguments);

/// Measures what `xp probe` asks for (engine/plan/step_model.h): links between the ranks, then the
/// time of the training's first batch on each rank alone, without and with experts. Rank 0 writes
/// probe.json into the folder, which holds the settings of a training. Memory: that of a model with
/// all experts. Raises kUser, kMachine.
int probe_command(const WorkerArguments& arguments);

}  // namespace xp
