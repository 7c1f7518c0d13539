// What becomes of a finished training that lost a checkpoint.
#include "results/runs/reopen.h"

#include "results/runs/checkpoints.h"
#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Ended after update 6, the best one being `best_update` (0: it validated nothing).
struct Trained {
  explicit Trained(const std::vector<int64_t>& updates, int64_t best_update = 0) {
    place.status("trainings", "aaaa", State::kDone,
                 {{"updates", 6}, {"best_update", best_update}, {"step_ms", 7}});
    for (const int64_t update : updates)
      write_atomic(checkpoint_file(training / "checkpoints", update), "tensors");
  }
  std::vector<int64_t> updates() const { return checkpoint_updates(training / "checkpoints"); }

  FilledWorkspace place;
  fs::path training = place.workspace.training("aaaa");
};

using Updates = std::vector<int64_t>;

}  // namespace

TEST_CASE("an evaluation reads the checkpoint of the last update, another does not stand for it") {
  CHECK(has_checkpoint(Trained({3, 6}).training, "last"));
  CHECK(has_checkpoint(Trained({3, 6}).training, "best"));  // nothing was validated
  CHECK(has_checkpoint(Trained({6}).training, ""));
  CHECK_FALSE(has_checkpoint(Trained({3}).training, "last"));
  CHECK_FALSE(has_checkpoint(Trained({6}, 3).training, "best"));
  CHECK_FALSE(has_checkpoint(Trained({}).training, ""));
}

TEST_CASE("a training without its checkpoint is one to be trained again, with its figures") {
  const Trained lost({3});
  reopen_training(lost.training, "last");
  CHECK(read_status(lost.training).state == State::kRunning);
  CHECK(read_status(lost.training).summary["step_ms"] == 7);
  CHECK(lost.updates() == Updates{3});
}

TEST_CASE("checkpoints behind the one that is needed go, those before it are resumed from") {
  const Trained lost({2, 6}, 3);
  reopen_training(lost.training, "best");
  CHECK(lost.updates() == Updates{2});
}

TEST_CASE("a training that has the checkpoint, or is not done, is left alone") {
  const Trained whole({3, 6});
  reopen_training(whole.training, "last");
  CHECK(read_status(whole.training).state == State::kDone);
  CHECK(whole.updates() == Updates{3, 6});
  const Trained failed({3});
  write_status(failed.training, {State::kFailed, 1, 0, 1, "no", {{"updates", 6}}});
  reopen_training(failed.training, "last");
  CHECK(read_status(failed.training).state == State::kFailed);
}
