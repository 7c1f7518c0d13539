// What a run records about its origin.
#include "results/provenance.h"

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
