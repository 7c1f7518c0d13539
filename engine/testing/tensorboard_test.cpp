// Event files as TensorBoard's own reader reads them.
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace xp {
namespace {

constexpr const char* kExperiment = "experiments/smoke.toml";
constexpr const char* kReader = R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
for e in events.Scalars(sys.argv[2]):
    print(e.step, repr(e.value))
)";

// Where `scripts/setup.sh tests` puts Python's packages, and those of the machine.
Finished python(const std::vector<std::string>& words) {
  std::vector<std::string> command = {"env", "PYTHONPATH=.deps/python", "python3"};
  command.insert(command.end(), words.begin(), words.end());
  return run_program(command);
}

TEST_CASE("TensorBoard's own reader finds the curves that the events hold", "[slow]") {
  if (python({"-c", "import tensorboard"}).exit_code != 0) SKIP("no tensorboard for python3");
  const User user;
  const std::vector<std::string> one = {kExperiment, "--set", "exchange=dense", "--set",
                                        "train.max_updates=20"};
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.begin() + 1, one.begin(), one.end());
    const Finished done = user.xp(words);
    INFO(done.errors);
    REQUIRE(done.exit_code == 0);
  };
  with({"run"});
  with({"tensorboard", "--output", (user.folder.path() / "curves").string()});

  std::string losses, perplexities;
  size_t offset = 0;
  const auto runs = user.runs();
  const auto training = std::find_if(runs.begin(), runs.end(), [](const fs::path& run) {
    return run.parent_path().filename() == "trainings";
  });
  REQUIRE(training != runs.end());
  for (const Event& event : read_events(*training / "attempts/1", offset)) {
    const auto add = [&](const char* name, std::string& out) {
      if (!event.values.contains(name)) return;
      // As a float, which is what the format holds.
      const auto value = static_cast<double>(event.values.at(name).get<float>());
      out += fmt::format("{} {}\n", event.update, value);
    };
    if (event.event == "update") add("loss", losses);
    if (event.event == "validation") add("perplexity", perplexities);
  }
  fs::path curves;
  for (const auto& entry : fs::recursive_directory_iterator(user.folder.path() / "curves"))
    if (entry.is_regular_file()) curves = entry.path().parent_path();
  const auto read = [&](const char* tag) {
    return python({"-c", kReader, curves.string(), tag}).output;
  };
  CHECK(read("training/loss") == losses);
  CHECK(std::count(losses.begin(), losses.end(), '\n') == 3);
  CHECK(read("validation/perplexity") == perplexities);
  CHECK(perplexities.starts_with("20 "));
}

}  // namespace
}  // namespace xp
