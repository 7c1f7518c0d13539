// Kills without warning, at any moment of a run: the parameters, the optimizer's state and every
// figure end the same to the bit. And what a restore that is not exact would do to that.
#include "engine/base/split_mix.h"
#include "engine/testing/user.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <map>
#include <memory>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Clock = std::chrono::steady_clock;
using Tensors = std::map<std::string, std::string>;  ///< name -> bytes

// Two ranks that save and validate so often that a kill meets every phase of a run.
const std::vector<std::string> kRun = {"run",   "experiments/smoke.toml",
                                       "--set", "exchange=scomoe-seq",
                                       "--set", "train.save_every=2",
                                       "--set", "train.validate_every=6",
                                       "--set", "train.validate_sentences=4",
                                       "--set", "train.max_updates=60",
                                       "--set", "train.keep=2"};

fs::path only_training(const User& user) {
  const auto trainings = fs::directory_iterator(user.workspace / "trainings");
  return trainings->path();
}

fs::path last_checkpoint(const User& user) {
  const fs::path folder = only_training(user) / "checkpoints";
  return checkpoint_file(folder, checkpoint_updates(folder).back());
}

Tensors tensors(const User& user) {
  const TensorFile file(last_checkpoint(user));
  file.verify();
  Tensors out;
  for (const auto& [name, tensor] : file.tensors())
    out[name] = std::string(tensor.bytes);
  return out;
}

void finish(const User& user) {
  const Finished rest = user.xp(kRun);
  INFO(rest.errors);
  REQUIRE(rest.exit_code == 0);
}

// What a calm run ends with, how long it takes, and the same run killed again and again.
struct KillTest {
  KillTest() {
    const auto start = Clock::now();
    finish(calm);
    length = Clock::now() - start;
    expected = tensors(calm);
  }

  // Kills `count` runs, each after a random time within the length of a calm one; those that end
  // before that are begun anew in a fresh workspace.
  void survive(int count, uint64_t seed) {
    SplitMix random(seed);
    auto harried = std::make_unique<User>();
    for (int kills = 0; kills < count;) {
      Background run(harried->command(kRun));
      const auto deadline = Clock::now() + random.uniform() * length;
      while (Clock::now() < deadline && !run.poll())
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (!run.poll()) {
        run.kill(SIGKILL);
        ++kills;
        continue;
      }
      check_end(*harried);
      harried = std::make_unique<User>();
    }
    finish(*harried);
    check_end(*harried);
  }

  void check_end(const User& user) const {
    CHECK(tensors(user) == expected);
    CHECK(user.figures() == calm.figures());
    CHECK(user.num_half_written() == 0);
  }

  User calm;
  std::chrono::duration<double> length{};
  Tensors expected;
};

// Stops a run after its first checkpoint, changes that one, and lets the run finish.
Tensors finished_after(
    const std::function<void(std::map<std::string, TensorBytes>&, Value&)>& change) {
  const User user;
  {
    Background run(user.command(kRun));
    while (user.num_files("update-") == 0 && !run.poll())
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    run.kill(SIGKILL);
  }
  {
    const fs::path path = last_checkpoint(user);
    const TensorFile file(path);
    auto changed = file.tensors();
    Value progress = file.metadata();
    change(changed, progress);
    write_tensor_file(path, changed, progress);
  }
  finish(user);
  return tensors(user);
}

}  // namespace

TEST_CASE_METHOD(KillTest, "a run that is killed a few times ends with the same bits", "[slow]") {
  survive(4, 1);
}

TEST_CASE_METHOD(KillTest, "a run that is killed sixty times ends with the same bits",
                 "[.][soak]") {
  survive(60, 2);
}

TEST_CASE_METHOD(KillTest, "a restore that is not exact ends with other bits", "[.][soak]") {
  CHECK(finished_after([](auto&, Value&) {}) == expected);
  CHECK(finished_after([](auto&, Value& progress) {
          progress["step"] = progress["step"].get<int64_t>() + 1;  // a batch that is left out
        }) != expected);
  const std::string zeros(1 << 20, '\0');
  CHECK(finished_after([&](auto& changed, Value&) {
          TensorBytes& square = changed.lower_bound("optimizer.square/")->second;
          square.bytes = std::string_view(zeros).substr(0, square.bytes.size());
        }) != expected);
}
