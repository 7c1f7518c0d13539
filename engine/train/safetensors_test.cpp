// Tensors in files: equal after a round trip, of the shape that is asked for.
#include "engine/train/safetensors.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

fs::path written(const TempFolder& folder) {
  const fs::path path = folder.path() / "file.safetensors";
  save_safetensors(path,
                   {{"a", torch::arange(6, torch::kFloat).view({2, 3})},
                    {"b", torch::tensor({7, 8}, torch::kLong)}},
                   {{"update", 5}});
  return path;
}

}  // namespace

TEST_CASE("tensors and metadata come back equal") {
  const TempFolder folder;
  const Safetensors file(written(folder));
  auto a = torch::zeros({2, 3});
  auto b = torch::zeros({2}, torch::kLong);
  file.read("a", a);
  file.read("b", b);
  CHECK(a.equal(torch::arange(6, torch::kFloat).view({2, 3})));
  CHECK(b.equal(torch::tensor({7, 8}, torch::kLong)));
  CHECK(file.metadata() == Value{{"update", 5}});
  CHECK(file.names() == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a missing or misshapen tensor is named with both shapes") {
  const TempFolder folder;
  const fs::path path = written(folder);
  const Safetensors file(path);
  CHECK(message_of([&] { file.read("c", torch::zeros({1})); }) ==
        fmt::format("checkpoint '{}' has no tensor 'c'", path.string()));
  CHECK(message_of([&] {
          file.read("a", torch::zeros({3, 2}));
        }) == fmt::format("tensor 'a' of checkpoint '{}' is F32 [2,3], this model has F32 [3,2]",
                          path.string()));
}
