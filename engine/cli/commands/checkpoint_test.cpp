// `xp checkpoint`, typed.
#include "engine/cli/commands/typing_fixture.h"
#include "engine/cli/parser/exit_code.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_file.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>
#include <fmt/format.h>

#include <cstring>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

// The training 12345678 with checkpoints of updates 10, 20 and 30, all values of each equal to its
// update, of which 20 is best.
struct CheckpointTest {
  TempFolder folder;
  fs::path training = folder.path() / "trainings" / "12345678";

  CheckpointTest() {
    write_atomic(training / "spec.toml", "training_id = \"12345678\"\n");
    for (const int64_t update : {10, 20, 30}) {
      const auto value = static_cast<float>(update);
      const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
      write_tensor_file(file(update),
                        {{"a", {"F32", {1}, bytes}}, {"optimizer.mean/a", {"F32", {1}, bytes}}},
                        {{"update", update}, {"best_update", 20}});
    }
    write_status(training, {State::kDone, 1, 0, 1, "", {{"updates", 30}, {"best_update", 20}}});
  }

  fs::path file(int64_t update) const { return checkpoint_file(training / "checkpoints", update); }
  fs::path output() const { return folder.path() / "out.safetensors"; }
  Typed checkpoint(std::vector<std::string> words) const {
    words.insert(words.begin(), "checkpoint");
    words.insert(words.end(), {"--workspace", folder.path().string()});
    return type(std::move(words));
  }
  float written() const {
    const TensorFile made(output());
    float out = 0;
    std::memcpy(&out, made.tensors().at("a").bytes.data(), sizeof out);
    return out;
  }
};

}  // namespace

TEST_CASE_METHOD(CheckpointTest, "inspect shows the best checkpoint of a run") {
  CHECK(checkpoint({"inspect", "1234"}).output == fmt::format(R"({}
  best_update: 20
  update: 20

tensor            type  shape
a                 F32   [1]
optimizer.mean/a  F32   [1]

4 B of parameters, 4 B of optimizer state
the checksum of every tensor matches
)",
                                                              file(20).string()));
  const Value json = Value::parse(checkpoint({"inspect", "1234", "--json"}).output);
  CHECK(json.at("metadata").at("update") == 20);
  CHECK(json.at("tensors").at("a") == Value{{"type", "F32"}, {"shape", {1}}, {"bytes", 4}});
}

TEST_CASE_METHOD(CheckpointTest, "inspect fails if a checksum does not match") {
  std::string bytes = read_file(file(20));
  bytes.back() ^= 1;
  write_atomic(file(20), bytes);
  CHECK(checkpoint({"inspect", "1234"}).exit_code == Exit::kMachine);
  CHECK(checkpoint({"inspect", file(30).string()}).exit_code == Exit::kDone);
}

TEST_CASE_METHOD(CheckpointTest, "average takes the newest of a run, or files") {
  CHECK(checkpoint({"average", "1234", "--last", "2", "-o", output().string()}).exit_code == 0);
  CHECK(written() == 25);
  CHECK(checkpoint({"average", file(10).string(), file(20).string(), "-o", output().string()})
            .exit_code == 0);
  CHECK(written() == 15);
  CHECK(checkpoint({"average", "1234", "--last", "4", "-o", output().string()}).exit_code != 0);
  CHECK(written() == 15);
}

TEST_CASE_METHOD(CheckpointTest, "export renames what the map of names lists") {
  const fs::path names = folder.path() / "names.json";
  write_atomic(names, R"({"a": "weight"})");
  CHECK(checkpoint({"export", "1234", "--names", names.string(), "-o", output().string()})
            .exit_code == 0);
  CHECK(TensorFile(output()).tensors().size() == 1);
  CHECK(TensorFile(output()).tensors().contains("weight"));
  write_atomic(names, R"(["a"])");
  CHECK(checkpoint({"export", "1234", "--names", names.string(), "-o", output().string()})
            .exit_code == Exit::kSpec);
}
