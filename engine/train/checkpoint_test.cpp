// Which of a training's checkpoints it goes on from.
#include "engine/train/checkpoint.h"

#include "engine/comm/group.h"
#include "engine/train/safetensors.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// Checkpoints of updates 5, 10 and 15.
struct Three {
  Three() {
    for (const int64_t update : {5, 10, 15})
      save_safetensors(file(update), {{"weight", torch::ones({4})}}, {{"update", update}});
  }
  fs::path file(int64_t update) const {
    return folder.path() / fmt::format("update-{:08}.safetensors", update);
  }
  std::optional<fs::path> usable() const {
    const Groups alone = connect({});
    return Checkpoints(folder.path(), 3).usable(*alone.world);
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("training goes on from the newest checkpoint that is whole") {
  const Three three;
  CHECK(three.usable() == three.file(15));
  fs::resize_file(three.file(15), fs::file_size(three.file(15)) - 1);
  CHECK(three.usable() == three.file(10));
  write_atomic(three.file(10), "");
  CHECK(three.usable() == three.file(5));
  write_atomic(three.file(5), "no checkpoint");
  CHECK(three.usable() == std::nullopt);
}
