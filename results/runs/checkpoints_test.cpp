// Names of checkpoints, and which of them counts.
#include "results/runs/checkpoints.h"

#include "results/runs/tensor_file.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Training {
  TempFolder folder;
  fs::path checkpoints = folder.path() / "checkpoints";

  void put(const std::string& name, int64_t update) const {
    write_tensor_file(checkpoints / name, {}, {{"update", update}});
  }
  void ends(int64_t updates, int64_t best_update) const {
    write_status(folder.path(),
                 {State::kDone, 1, 0, 1, "", {{"updates", updates}, {"best_update", best_update}}});
  }
};

}  // namespace

TEST_CASE("checkpoints are found by their update, in order") {
  const Training training;
  CHECK(checkpoint_updates(training.checkpoints).empty());
  for (const int64_t update : {20, 5, 123456789})
    training.put(checkpoint_file("", update).string(), update);
  training.put("best.safetensors", 5);
  training.put("update-x.safetensors", 7);
  CHECK(checkpoint_updates(training.checkpoints) == std::vector<int64_t>{5, 20, 123456789});
  CHECK(checkpoint_file("f", 20) == "f/update-00000020.safetensors");
}

TEST_CASE("best and last of a finished training are what its status says") {
  const Training training;
  training.put("update-00000010.safetensors", 10);
  training.put("update-00000020.safetensors", 20);
  training.ends(20, 10);
  CHECK(finished_checkpoint(training.folder.path(), "best") ==
        training.checkpoints / "update-00000010.safetensors");
  CHECK(finished_checkpoint(training.folder.path(), "last") ==
        training.checkpoints / "update-00000020.safetensors");
  fs::remove(training.checkpoints / "update-00000020.safetensors");
  CHECK(finished_checkpoint(training.folder.path(), "last") == std::nullopt);
}

TEST_CASE("an average is of the newest checkpoints, oldest first") {
  const Training training;
  for (const int64_t update : {5, 10, 15, 20})
    training.put(checkpoint_file("", update).string(), update);
  training.ends(20, 5);
  const auto names = [&](int64_t average) {
    std::string out;
    for (const auto& file : evaluated_checkpoints(training.folder.path(), "best", average))
      out += file.stem().string().substr(13) + " ";
    return out;
  };
  CHECK(names(0) == "05 ");
  CHECK(names(1) == "20 ");
  CHECK(names(3) == "10 15 20 ");
  CHECK(names(9) == "05 10 15 20 ");
}

TEST_CASE("the best checkpoint of an earlier version is found by its second name") {
  const Training training;
  training.put("update-00000020.safetensors", 20);
  training.put("best.safetensors", 10);
  training.ends(20, 10);
  CHECK(finished_checkpoint(training.folder.path(), "best") ==
        training.checkpoints / "best.safetensors");
  training.ends(20, 15);  // the second name is of another model
  CHECK(finished_checkpoint(training.folder.path(), "best") == std::nullopt);
}
