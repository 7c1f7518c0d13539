// Programs that a rebuild does not reach.
#include "results/runs/programs.h"

#include "results/runs/garbage.h"
#include "results/runs/workspace_fixture.h"

#include <catch2/catch_test_macros.hpp>

#include <sys/stat.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

struct Build {
  Build() {
    write("bin/xp", "xp of monday");
    write("bin/xp-engine", "engine of monday");
    write("bin/components.json", "{}");
    write("other/router.so", "router");
    write("more/router.so", "another router");
    for (const char* name : {"bin/xp", "bin/xp-engine"})
      ::chmod((root() / name).c_str(), 0755);
  }
  fs::path root() const { return folder.path(); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root() / name).parent_path());
    std::ofstream(root() / name) << text;
  }
  Programs programs() const {
    return {root() / "bin/xp",
            root() / "bin/xp-engine",
            {root() / "other/router.so", root() / "more/router.so"}};
  }
  KeptPrograms keep() const { return keep_programs(workspace, programs()); }

  TempFolder folder;
  Workspace workspace{folder.path() / "w"};
};

}  // namespace

TEST_CASE("a rebuild in place does not change the programs that were kept") {
  const Build build;
  const KeptPrograms kept = build.keep();
  build.write("bin/xp-engine", "engine of tuesday");  // into the file that is there
  CHECK(read_file(kept.programs.engine) == "engine of monday");
  CHECK(read_file(kept.programs.xp) == "xp of monday");
  CHECK(read_file(kept.programs.xp.parent_path() / "components.json") == "{}");
  CHECK(::access(kept.programs.engine.c_str(), X_OK) == 0);
  CHECK(kept.programs.engine.filename() == "xp-engine");

  const KeptPrograms next = build.keep();
  CHECK(read_file(next.programs.engine) == "engine of tuesday");
  CHECK(next.programs.engine != kept.programs.engine);
}

TEST_CASE("the same build is kept once") {
  const Build build;
  CHECK(build.keep().programs.engine == build.keep().programs.engine);
}

TEST_CASE("plug-ins of one name are kept apart, in their order") {
  const Build build;
  const KeptPrograms kept = build.keep();
  REQUIRE(kept.programs.plugins.size() == 2);
  CHECK(read_file(kept.programs.plugins[0]) == "router");
  CHECK(read_file(kept.programs.plugins[1]) == "another router");
}

TEST_CASE("libraries beside the programs are found from their copies") {
  const Build build;
  build.write("lib/libtorch.so", "torch");
  const KeptPrograms kept = build.keep();
  CHECK(read_file(kept.programs.engine.parent_path() / "../lib/libtorch.so") == "torch");
}

TEST_CASE("a program that cannot be read is named") {
  const Build build;
  fs::remove(build.root() / "bin/xp-engine");
  try {
    build.keep();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.what() == fmt::format("the program '{}' cannot be read",
                                      (build.root() / "bin/xp-engine").string()));
  }
}

TEST_CASE("builds stay while a sweep runs or a job has them in its list, and are freed then") {
  const Build build;
  std::optional<KeptPrograms> kept = build.keep();
  const fs::path engine = kept->programs.engine, folder = engine.parent_path().parent_path();
  CHECK(find_garbage(build.workspace).empty());
  kept.reset();

  put_into_job(build.workspace, "trainings/aaaa", JobPhase::kQueued, "7");
  write_atomic(job_folder(build.workspace, "xp-7") / "work.json",
               Value{{"work", {{{"command", {engine.string()}}}}}}.dump());
  CHECK(find_garbage(build.workspace).empty());

  JobRecord job = read_job(build.workspace, "xp-7").value();
  job.phase = JobPhase::kEnded;
  write_job(build.workspace, job);
  const auto found = find_garbage(build.workspace);
  REQUIRE(found.size() == 1);
  CHECK(found[0].file == folder);
  CHECK(found[0].bytes == 50);
  CHECK(found[0].reason == "no job and no running sweep uses this build");
  CHECK(remove_garbage(found) == 50);
  CHECK_FALSE(fs::exists(folder));
}

TEST_CASE("a build that is used by the time it is to be freed stays") {
  const Build build;
  build.keep();
  const auto found = find_garbage(build.workspace);
  REQUIRE(found.size() == 1);
  const KeptPrograms again = build.keep();
  CHECK(remove_garbage(found) == 0);
  CHECK(fs::exists(again.programs.engine));
}
