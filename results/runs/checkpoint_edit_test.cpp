// Means and exports of checkpoints.
#include "results/runs/checkpoint_edit.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_test_macros.hpp>

#include <cstring>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct EditTest {
  TempFolder folder;

  // A checkpoint of two parameters, the second with optimizer state.
  fs::path put(const std::string& name, float value) const {
    const fs::path path = folder.path() / name;
    const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
    write_tensor_file(path,
                      {{"a", {"F32", {1}, bytes}},
                       {"b.weight", {"F32", {1, 1}, bytes}},
                       {"optimizer.mean/b.weight", {"F32", {1, 1}, bytes}}},
                      {{"update", 5}});
    return path;
  }
  fs::path output() const { return folder.path() / "out.safetensors"; }
  float value(const std::string& name) const {
    const TensorFile file(output());
    float out = 0;
    std::memcpy(&out, file.tensors().at(name).bytes.data(), sizeof out);
    return out;
  }
  std::string names() const {
    std::string out;
    const TensorFile file(output());
    for (const auto& [name, tensor] : file.tensors())
      out += name + " ";
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(EditTest, "an average has the parameters and names its checkpoints") {
  average_checkpoints({put("x", 1), put("y", 4)}, output());
  CHECK(names() == "a b.weight ");
  CHECK(value("b.weight") == 2.5F);
  CHECK(TensorFile(output()).metadata() == Value{{"mean_of", {"x", "y"}}});
}

TEST_CASE_METHOD(EditTest, "an export has the parameters under the names that are asked for") {
  export_checkpoint(put("x", 3), output(), {{"b.weight", "decoder.weight"}});
  CHECK(names() == "a decoder.weight ");
  CHECK(value("decoder.weight") == 3);
  CHECK(TensorFile(output()).metadata().is_null());
}

TEST_CASE_METHOD(EditTest, "names that do not fit a checkpoint are refused") {
  const fs::path x = put("x", 3);
  CHECK(message_of([&] {
          export_checkpoint(x, output(), {{"b.wieght", "w"}});
        }) ==
        fmt::format("'{}' has no parameter 'b.wieght', did you mean 'b.weight'?", x.string()));
  CHECK(message_of([&] {
          export_checkpoint(x, output(), {{"a", "w"}, {"b.weight", "w"}});
        }) == "two parameters would be named 'w'");
  CHECK_FALSE(fs::exists(output()));
}
