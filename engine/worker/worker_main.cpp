// xp-engine: one rank of a run. Started by `xp`, not by hand; see engine/worker/commands.h.
#include "engine/base/error.h"
#include "engine/base/standard_streams.h"
#include "engine/launch/fork_server.h"
#include "engine/worker/commands.h"
#include "engine/worker/log.h"
#include "registry/outcome.h"

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <xp_abi.h>
#include <xp_version.h>

namespace {

int run(int argc, char** argv) {
  CLI::App app{"One rank of a run; started by `xp`.", "xp-engine"};
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("xp-engine {} ({}), LibTorch {}", XP_VERSION,
                                                XP_REVISION, XP_ABI_LIBTORCH));
  xp::WorkerArguments arguments;
  std::string plugin;
  auto* describe = app.add_subcommand("describe", "print every component's declaration as JSON");
  describe->add_option("--plugin", plugin, "only those of this shared object");
  describe->callback([&plugin] {
    fmt::print("{}", plugin.empty() ? xp::describe_components() : xp::describe_plugin(plugin));
  });
  xp::LawArguments laws;
  auto* trials = app.add_subcommand("laws", "check the laws of every component's kind");
  trials->add_option("--plugin", laws.plugin, "check the components of this shared object");
  trials->add_option("--settings", laws.settings, "of the components, as a JSON object");
  trials->callback([&laws] {
    if (const int code = xp::laws_command(laws); code != 0) throw CLI::RuntimeError(code);
  });
  const auto add = [&](const char* name, const char* help,
                       int (*command)(const xp::WorkerArguments&)) {
    auto* sub = app.add_subcommand(name, help);
    sub->add_option("folder", arguments.folder, "the run's folder")->required();
    sub->add_option("--attempt", arguments.attempt, "number of this attempt")->required();
    sub->add_option("--corpus", arguments.corpus, "the prepared corpus")->required();
    sub->add_option("--training", arguments.training, "the training's folder");
    sub->add_option("--device", arguments.device, "cpu, cuda or auto");
    sub->callback([&arguments, command] {
      if (const int code = command(arguments); code != 0) throw CLI::RuntimeError(code);
    });
  };
  add("train", "train a model", &xp::train_command);
  add("evaluate", "translate and score with a trained model", &xp::evaluate_command);
  auto* translate = app.add_subcommand("translate", "translate the sentences that `xp` sends");
  translate->add_option("folder", arguments.folder, "holds the settings")->required();
  translate->add_option("--corpus", arguments.corpus, "the prepared corpus")->required();
  translate->add_option("--training", arguments.training, "the training's folder")->required();
  translate->add_option("--channel", arguments.channel, "rank 0: the descriptor to `xp`")
      ->required();
  translate->add_option("--device", arguments.device, "cpu, cuda or auto");
  translate->callback([&arguments] { xp::translate_command(arguments); });
  auto* probe = app.add_subcommand("probe", "measure links and compute");
  probe->add_option("folder", arguments.folder, "holds the settings")->required();
  probe->add_option("--corpus", arguments.corpus, "the prepared corpus")->required();
  probe->add_option("--device", arguments.device, "cpu, cuda or auto");
  probe->callback([&arguments] { xp::probe_command(arguments); });
  auto* check = app.add_subcommand("check", "connect all ranks and exchange rows between them");
  check->add_option("folder", arguments.folder, "where each rank writes a file")->required();
  check->add_option("--device", arguments.device, "cpu, cuda or auto");
  check->callback([&arguments] { xp::check_command(arguments); });
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
}

}  // namespace

namespace {

int guarded(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const xp::Error& error) {
    const bool is_bug = error.blame() == xp::Blame::kBug;
    xp::log_failure(fmt::format("{}{}", is_bug ? "this is a bug in xp: " : "", error.what()));
    return is_bug ? xp::kBugExit : xp::exit_code(error);
  } catch (const std::filesystem::filesystem_error& error) {
    xp::log_failure(error.what());
    return 1;
  } catch (const c10::Error& error) {
    // Its stack first: the launcher reports the last line of the log.
    fmt::print(stderr, "{}\n", error.what());
    xp::log_failure(error.what_without_backtrace());
    return xp::kBugExit;
  } catch (const std::exception& error) {
    xp::log_failure(error.what());
    return xp::kBugExit;
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Tensors of 2 MiB and more lie in huge pages: a step of training takes 5 to 10 % less.
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
  xp::open_standard_descriptors();
  xp::tolerate_full_standard_error();
  const bool serves = argc == 3 && std::string_view(argv[1]) == xp::kServeWord;
  if (!serves) return guarded(argc, argv);
  try {
    return xp::serve_forks(std::atoi(argv[2]), guarded);
  } catch (const xp::Error& error) {
    xp::log_failure(error.what());
    return xp::exit_code(error);
  }
}
