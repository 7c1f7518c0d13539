// Which of a training's checkpoints it resumes from.
#include "engine/train/checkpoint.h"

#include "engine/comm/group.h"
#include "engine/train/safetensors.h"
#include "results/runs/checkpoints.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Checkpoints of updates 5, 10 and 15.
struct Three {
  Three() {
    for (const int64_t update : {5, 10, 15}) {
      TrainProgress progress;
      progress.update = update;
      save_safetensors(file(update), {{"weight", torch::ones({4})}}, to_json(progress));
    }
  }
  fs::path file(int64_t update) const { return checkpoint_file(folder.path(), update); }
  Checkpoints::Usable usable() const {
    return Checkpoints(folder.path(), 3, false).usable(*alone().world);
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("training resumes from the newest checkpoint that is not damaged") {
  const Three three;
  CHECK(three.usable().file == three.file(15));
  fs::resize_file(three.file(15), fs::file_size(three.file(15)) - 1);
  CHECK(three.usable().file == three.file(10));
  write_atomic(three.file(10), "");
  CHECK(three.usable().file == three.file(5));
  write_atomic(three.file(5), "no checkpoint");
  CHECK(three.usable().file == std::nullopt);
}

TEST_CASE("damaged checkpoints are named, newest first") {
  const Three three;
  write_atomic(three.file(15), "");
  save_safetensors(three.file(10), {{"weight", torch::ones({4})}}, {{"update", 10}});
  CHECK(three.usable().notes ==
        std::vector<std::string>{
            fmt::format("checkpoint '{}' is truncated; using the one before it",
                        three.file(15).string()),
            fmt::format("'{}' is not a checkpoint of a training; using the one before it",
                        three.file(10).string())});
}

TEST_CASE("progress comes back equal") {
  TrainProgress progress;
  progress.update = 40;
  progress.data = {1, 2, 3, 4, {{8, 5}}};
  progress.seconds = 0.1;
  progress.best_value = -3.25;
  progress.best_update = 30;
  progress.validated_update = 40;
  progress.validation = {{"valid_loss", 1.25}};
  CHECK(to_json(progress_from_json(to_json(progress))) == to_json(progress));
  CHECK(progress_from_json(to_json(progress)).data.used.front().ranks == 8);
}
