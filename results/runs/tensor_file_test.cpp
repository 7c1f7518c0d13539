// Files of tensors: equal after a round trip, and no damage goes unnoticed.
#include "results/runs/tensor_file.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct TwoTensors {
  TwoTensors() {
    write_tensor_file(
        path,
        {{"a", {"U8", {2, 3}, "abcdef"}}, {"b", {"I32", {1}, std::string_view("\7\0\0\0", 4)}}},
        {{"update", 5}, {"loss", 0.1}});
  }
  TempFolder folder;
  fs::path path = folder.path() / "file.safetensors";
};

// Whether the file opens and every tensor is what was written.
bool is_accepted(const fs::path& path) {
  try {
    const TensorFile file(path);
    file.verify();
    return true;
  } catch (const Error& error) {
    return false;
  }
}

}  // namespace

TEST_CASE("tensors and metadata come back equal") {
  const TwoTensors two;
  const TensorFile file(two.path);
  CHECK(file.metadata() == Value{{"update", 5}, {"loss", 0.1}});
  CHECK(file.has_checksums());
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors().at("a").type == "U8");
  CHECK(file.tensors().at("a").shape == std::vector<int64_t>{2, 3});
  CHECK(file.tensors().at("a").bytes == "abcdef");
  CHECK(file.tensors().at("b").bytes == std::string_view("\7\0\0\0", 4));
  CHECK(is_accepted(two.path));
}

TEST_CASE("a bit that flips anywhere in the file is found") {
  const TwoTensors two;
  const std::string whole = read_file(two.path);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    replace_file(two.path, flipped);
    INFO("byte " << at << ": " << whole.substr(at, 20));
    CHECK_FALSE(is_accepted(two.path));
  }
}

TEST_CASE("a file that ends anywhere before its end is found") {
  const TwoTensors two;
  const std::string whole = read_file(two.path);
  for (size_t length = 0; length < whole.size(); ++length) {
    replace_file(two.path, std::string_view(whole).substr(0, length));
    INFO(length);
    CHECK_FALSE(is_accepted(two.path));
  }
}

TEST_CASE("the damaged tensor is named") {
  const TwoTensors two;
  std::string bytes = read_file(two.path);
  bytes.back() = 'x';
  replace_file(two.path, bytes);
  CHECK(message_of([&] { TensorFile(two.path).verify(); }) ==
        fmt::format("checkpoint '{}' is damaged: tensor 'b' has another checksum",
                    two.path.string()));
}

TEST_CASE("a file of another program has no checksums and no metadata") {
  const TempFolder folder;
  const fs::path path = folder.path() / "file.safetensors";
  const std::string header = R"({"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   )";
  replace_file(path, std::string("\x38\0\0\0\0\0\0\0", 8) + header + "hi");
  REQUIRE(header.size() == 0x38);
  const TensorFile file(path);
  CHECK(file.metadata().is_null());
  CHECK_FALSE(file.has_checksums());
  CHECK(file.tensors().at("w").bytes == "hi");
  CHECK_NOTHROW(file.verify());
}

TEST_CASE("a shape that its bytes cannot fill is refused") {
  const TempFolder folder;
  const fs::path path = folder.path() / "file.safetensors";
  write_tensor_file(path, {{"w", {"F32", {int64_t{1} << 40, int64_t{1} << 40}, "1234"}}}, {});
  CHECK(message_of([&] { const TensorFile file(path); }) ==
        fmt::format("checkpoint '{}' is damaged: tensor 'w' has 4 bytes, not those of F32 "
                    "[1099511627776,1099511627776]",
                    path.string()));
  write_tensor_file(path, {{"w", {"F32", {-1}, "1234"}}}, {});
  CHECK_THROWS_AS(TensorFile(path), Error);
}

TEST_CASE("a header whose sizes or offsets are no integers is refused") {
  const TempFolder folder;
  const fs::path path = folder.path() / "file.safetensors";
  for (const char* tensor : {R"({"dtype":"U8","shape":[1e300],"data_offsets":[0,2]})",
                             R"({"dtype":"U8","shape":[2],"data_offsets":[0,1e300]})",
                             R"({"dtype":"U8","shape":[2],"data_offsets":[-1,2]})",
                             R"({"dtype":"U8","shape":[2.0],"data_offsets":[0,2]})"}) {
    const std::string header = fmt::format(R"({{"w":{}}})", tensor);
    const uint64_t length = header.size();
    replace_file(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + "hi");
    CHECK_THROWS_AS(TensorFile(path), Error);
  }
}

TEST_CASE("a tensor without a checksum beside tensors that have one is no error of its id") {
  const TempFolder folder;
  const fs::path path = folder.path() / "file.safetensors";
  const std::string header = R"({"__metadata__":{"crc32":"{\"a\":1}","xp":"null"},)"
                             R"("w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  const uint64_t length = header.size();
  replace_file(path, std::string(reinterpret_cast<const char*>(&length), 8) + header + "hi");
  const TensorFile file(path);
  CHECK(file.content_id().size() == 64);
  CHECK_THROWS_AS(file.verify(), Error);
}
