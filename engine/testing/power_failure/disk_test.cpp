// What is left of files after a failure, and that the record of a real program is what it did.
#include "engine/testing/power_failure/disk.h"

#include "engine/base/process.h"

#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <set>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using journal::Op;

// What file "a" holds after each of many failures at the end; "-" if it is not there.
std::set<std::string> left(const std::vector<FileCall>& calls, bool keeps_flushed = true) {
  const TempFolder folder;
  std::set<std::string> out;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    const fs::path to = folder.path() / std::to_string(seed);
    restore(calls, {calls.size(), seed, true, keeps_flushed}, to);
    out.insert(read_if_there(to / "a").value_or("-"));
  }
  return out;
}

using Texts = std::set<std::string>;
const FileCall kMake{Op::kCreateFile, "a", "", "", 1, 0};
const FileCall kOld{Op::kWrite, "", "", "old", 1, 0};
const FileCall kFlush{Op::kFlushFile, "", "", "", 1, 0};
const FileCall kFlushNames{Op::kFlushFolder, ".", "", "", 0, 0};
const FileCall kMakeNew{Op::kCreateFile, "b", "", "", 2, 0};
const FileCall kNew{Op::kWrite, "", "", "new", 2, 0};
const FileCall kFlushNew{Op::kFlushFile, "", "", "", 2, 0};
const FileCall kReplace{Op::kRename, "b", "a", "", 0, 0};

}  // namespace

TEST_CASE("what was not flushed is there, empty, zeros or has no name") {
  CHECK(left({kMake, kOld}) == Texts{"-", "", "old", std::string(3, '\0')});
}

TEST_CASE("what was flushed, bytes and name, is there") {
  CHECK(left({kMake, kOld, kFlush, kFlushNames}) == Texts{"old"});
}

TEST_CASE("a file that is replaced after it was flushed is the old or the new one") {
  const std::vector<FileCall> atomic = {kMake,    kOld, kFlush,    kFlushNames,
                                        kMakeNew, kNew, kFlushNew, kReplace};
  CHECK(left(atomic) == Texts{"old", "new"});
  std::vector<FileCall> careless = atomic;
  careless.erase(careless.begin() + 6);
  CHECK(left(careless) == Texts{"old", "new", "", std::string(3, '\0')});
}

TEST_CASE("a disk that lies loses what was flushed, too") {
  CHECK(left({kMake, kOld, kFlush, kFlushNames}, false).contains("-"));
}

TEST_CASE("a folder that is moved takes along what is in it") {
  const std::vector<FileCall> calls = {{Op::kMakeFolder, ".x", "", "", 0, 0},
                                       {Op::kCreateFile, ".x/f", "", "", 1, 0},
                                       kOld,
                                       {Op::kRename, ".x", "x", "", 0, 0}};
  const TempFolder folder;
  restore(calls, {calls.size(), 0, false, true}, folder.path() / "to");
  CHECK(read_file(folder.path() / "to/x/f") == "old");
  CHECK_FALSE(fs::exists(folder.path() / "to/.x"));
}

TEST_CASE("the record of a program, replayed without a loss, makes the folder that it made") {
  const TempFolder folder;
  const fs::path root = folder.path() / "root", journal = folder.path() / "journal";
  fs::create_directory(root);
  const std::string library =
      fs::read_symlink("/proc/self/exe").parent_path() / "libxp_file_journal.so";
  const Finished made = run_program(
      {"env", "LD_PRELOAD=" + library, std::string(journal::kRootVariable) + "=" + root.string(),
       std::string(journal::kFileVariable) + "=" + journal.string(), "sh", "-c",
       "mkdir d && printf one > d/a && printf two >> d/a && mv d/a d/b && ln d/b c && "
       "ln -s c s && printf x > gone && rm gone && cp d/b copy && sync d/b"},
      root);
  INFO(made.errors);
  REQUIRE(made.exit_code == 0);
  const auto calls = read_calls(journal);
  restore(calls, {calls.size(), 0, false, true}, folder.path() / "to");
  CHECK(run_program({"diff", "-r", root.string(), (folder.path() / "to").string()}).output == "");
  CHECK(read_file(folder.path() / "to/d/b") == "onetwo");
}
