// Claims about files: whole or not there.
#include "engine/base/file.h"

#include "engine/base/error.h"
#include "engine/testing/message.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

size_t num_entries(const fs::path& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("an atomic write replaces the file and leaves nothing beside it") {
  const TempFolder folder;
  const fs::path file = folder.path() / "deep" / "file";
  write_atomic(file, "one");
  write_atomic(file, "two");
  CHECK(read_file(file) == "two");
  replace_file(file, "three");
  CHECK(read_file(file) == "three");
  CHECK(num_entries(file.parent_path()) == 1);
}

TEST_CASE("only a file that is there is flushed") {
  const TempFolder folder;
  CHECK_NOTHROW(flush_file(folder.path() / "absent"));
  replace_file(folder.path() / "file", "bytes");
  CHECK_NOTHROW(flush_file(folder.path() / "file"));
}

TEST_CASE("a write without space says so and keeps the old file") {
  const TempFolder folder;
  const fs::path file = folder.path() / "file";
  write_atomic(file, "old");
  const std::string_view full = "new";
  // /dev/full is a disk without space: writing through it needs a link, so the message is tested on
  // its own.
  CHECK(message_of([&] { append_file("/dev/full", full); }) ==
        "writing '/dev/full': No space left on device");
  CHECK(read_file(file) == "old");
}

TEST_CASE("reading what is not there names the path and the reason") {
  CHECK(message_of([] { read_file("/no/such/file"); }) ==
        "'/no/such/file' cannot be read: No such file or directory");
  CHECK(message_of([] { read_file("/tmp"); }) == "'/tmp' is a folder; name a file in it");
}

TEST_CASE("a folder appears whole or not at all") {
  const TempFolder folder;
  const fs::path made = folder.path() / "made";
  CHECK_THROWS_AS(make_folder_atomic(made,
                                     [](const fs::path& at) {
                                       std::ofstream(at / "half") << "x";
                                       throw Error(Blame::kMachine, "stopped");
                                     }),
                  Error);
  CHECK(num_entries(folder.path()) == 0);
  make_folder_atomic(made, [](const fs::path& at) { std::ofstream(at / "whole") << "x"; });
  CHECK(read_file(made / "whole") == "x");
  CHECK(num_entries(folder.path()) == 1);
}

TEST_CASE("a lock is held once and freed with its object") {
  const TempFolder folder;
  const fs::path file = folder.path() / "lock";
  {
    const auto held = FileLock::attempt(file);
    REQUIRE(held);
    CHECK_FALSE(FileLock::attempt(file));
  }
  CHECK(FileLock::attempt(file));
}

TEST_CASE("an empty file maps to no bytes") {
  const TempFolder folder;
  write_atomic(folder.path() / "empty", "");
  write_atomic(folder.path() / "three", "abc");
  CHECK(MappedFile(folder.path() / "empty").bytes().empty());
  CHECK(MappedFile(folder.path() / "three").bytes().size() == 3);
}
