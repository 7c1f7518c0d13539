// Means of checkpoints.
#include "results/runs/tensor_mean.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

#include <cstring>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct MeanTest {
  TempFolder folder;
  std::vector<std::shared_ptr<const TensorFile>> files;

  template <class T>
  void add(const std::string& type, const std::vector<T>& values) {
    const fs::path path = folder.path() / std::to_string(files.size());
    const std::string_view bytes(reinterpret_cast<const char*>(values.data()),
                                 values.size() * sizeof(T));
    write_tensor_file(path, {{"w", {type, {static_cast<int64_t>(values.size())}, bytes}}}, {});
    files.push_back(std::make_shared<TensorFile>(path));
  }
  template <class T>
  std::vector<T> mean() const {
    const std::string bytes = mean_of(files, "w");
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(MeanTest, "a mean is element by element") {
  add<float>("F32", {1, 2, -3});
  add<float>("F32", {2, 2, 3});
  add<float>("F32", {6, 5, 0});
  CHECK(mean<float>() == std::vector<float>{3, 3, 0});
}

TEST_CASE_METHOD(MeanTest, "the mean of one checkpoint is the checkpoint") {
  add<double>("F64", {0.1, 1e300});
  CHECK(mean<double>() == std::vector<double>{0.1, 1e300});
}

TEST_CASE_METHOD(MeanTest, "checkpoints of different models are refused with both shapes") {
  add<float>("F32", {1, 2});
  add<float>("F32", {1, 2, 3});
  CHECK(message_of([&] { mean_of(files, "w"); }) ==
        fmt::format("tensor 'w' is F32 [2] in '{0}/0' but F32 [3] in '{0}/1'; average checkpoints "
                    "of one model",
                    folder.path().string()));
  CHECK(message_of([&] { mean_of(files, "v"); }) ==
        fmt::format("checkpoint '{}/0' has no tensor 'v'", folder.path().string()));
}

TEST_CASE_METHOD(MeanTest, "numbers that cannot be averaged are refused") {
  add<int64_t>("I64", {1});
  CHECK(message_of([&] { mean_of(files, "w"); }) ==
        "tensor 'w' is I64; only F32 and F64 can be averaged");
  CHECK(message_of([] { mean_of({}, "w"); }) == "there is no checkpoint to average");
}
