// No file, however damaged, makes the reader of checkpoints do anything but answer or refuse.
#include "engine/base/error.h"
#include "engine/testing/fuzz.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

FuzzTarget target() {
  return {"tensors",
          "results/runs/fuzz-tensors",
          {"__metadata__", "data_offsets", "dtype", "shape", "crc32", "xp", "F32", "BOOL", "U8"},
          [](const std::string& text) {
            static const TempFolder folder;
            const fs::path path = folder.path() / "x";
            replace_file(path, text);
            try {
              const TensorFile file(path);
              file.verify();
            } catch (const Error&) {
            }
          }};
}

TEST_CASE("the reader of checkpoints survives any file") {
  fuzz(target(), kSmokeSeconds);
}

TEST_CASE("the reader of checkpoints survives any file for long", "[.][fuzz]") {
  fuzz(target(), kFuzzSeconds);
}

TEST_CASE("the files that fuzzing starts from are checkpoints") {
  CHECK(TensorFile("results/runs/fuzz-tensors/plain").metadata().is_null());
  const TensorFile ours("results/runs/fuzz-tensors/ours");
  CHECK(ours.metadata()["update"] == 5);
  CHECK_NOTHROW(ours.verify());
}

}  // namespace
}  // namespace xp
