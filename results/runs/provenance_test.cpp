// What a run records about its origin.
#include "results/runs/provenance.h"

#include "engine/base/hash.h"
#include "results/runs/workspace.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>

namespace xp {
namespace {

TEST_CASE("provenance names program, machine and command") {
  ::setenv("OMP_NUM_THREADS", "3", 1);
  const Value found = provenance({"xp-engine", "train", "a b"});
  CHECK(found["command"] == Value{"xp-engine", "train", "a b"});
  CHECK(found["binary_sha256"].get<std::string>().size() == 64);
  CHECK(found["environment"]["OMP_NUM_THREADS"] == "3");
  CHECK(found["cores"].get<int>() >= 1);
  for (const char* key : {"version", "revision", "compiler", "host", "kernel", "memory_bytes"})
    CHECK(found.contains(key));
  CHECK(found["time"].get<std::string>().size() == std::string("2024-05-17T09:30:00Z").size());
}

TEST_CASE("a workspace keeps the changes that a run's engine was built with") {
  const TempFolder folder;
  const Workspace workspace{folder.path() / "ws"};
  const fs::path engine = folder.path() / "engine", run = workspace.training("aaaa");
  const std::string diff = "--- a/x\n+++ b/x\n";
  write_atomic(engine, "a program");
  write_atomic(engine.string() + ".diff", diff);
  write_provenance(run, {"xp", "run"}, engine, {{"micro_batch_split", 2}});
  write_provenance(workspace.training("bbbb"), {"xp", "run"}, engine, Value::object());
  const Value found = Value::parse(read_file(run / "provenance.json"));
  CHECK(found["engine"] == engine.string());
  CHECK(found["engine_sha256"] == sha256("a program"));
  CHECK(found["micro_batch_split"] == 2);
  CHECK(found["diff_sha256"] == sha256(diff));
  CHECK(read_file(workspace.source(sha256(diff))) == diff);
  write_provenance(run, {"xp", "run"}, folder.path() / "engine of a commit", Value::object());
  CHECK_FALSE(Value::parse(read_file(run / "provenance.json")).contains("diff_sha256"));
}

TEST_CASE("changes of more than a megabyte are only named") {
  const TempFolder folder;
  const Workspace workspace{folder.path() / "ws"};
  const fs::path engine = folder.path() / "engine", run = workspace.training("aaaa");
  const std::string diff(kMaxDiffBytes + 1, '+');
  write_atomic(engine, "a program");
  write_atomic(engine.string() + ".diff", diff);
  write_provenance(run, {}, engine, Value::object());
  CHECK(Value::parse(read_file(run / "provenance.json"))["diff_sha256"] == sha256(diff));
  CHECK_FALSE(fs::exists(workspace.source(sha256(diff))));
}

TEST_CASE("variables that steer the run are kept, secrets and the rest are not") {
  CHECK(is_telling_variable("XP_WORKSPACE"));
  CHECK(is_telling_variable("SLURM_JOB_ID"));
  CHECK(is_telling_variable("LD_LIBRARY_PATH"));
  CHECK_FALSE(is_telling_variable("HOME"));
  CHECK_FALSE(is_telling_variable("XP_API_TOKEN"));
  CHECK_FALSE(is_telling_variable("SLURM_JOB_SECRET"));
}

}  // namespace
}  // namespace xp
