// Files found, hashed and fetched; `file:` addresses stand for a network.
#include "engine/data/fetch.h"

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace xp {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Message;
using Catch::Matchers::MessageMatches;

struct FetchTest {
  TempFolder folder;
  CorpusPlace place;
  RemoteFile file;

  FetchTest() {
    place.downloads = folder.path() / "downloads";
    place.mirror = folder.path() / "mirror";
    place.may_fetch = true;
    write_atomic(folder.path() / "upstream" / "a.txt", "hello\n");
    file = {"a.txt",
            {"file://" + (folder.path() / "upstream" / "a.txt").string()},
            6,
            sha256("hello\n")};
  }
};

TEST_CASE_METHOD(FetchTest, "a file is downloaded once and then found") {
  CHECK(fetch(place, file) == place.downloads / "a.txt");
  fs::remove_all(folder.path() / "upstream");
  CHECK(fetch(place, file) == place.downloads / "a.txt");
}

TEST_CASE_METHOD(FetchTest, "the mirror comes first") {
  write_atomic(place.mirror / "a.txt", "hello\n");
  CHECK(fetch(place, file) == place.mirror / "a.txt");
  CHECK_FALSE(fs::exists(place.downloads / "a.txt"));
}

TEST_CASE_METHOD(FetchTest, "an interrupted download resumes where it stopped") {
  write_atomic(place.downloads / "a.txt.part", "hel");
  CHECK(read_file(fetch(place, file)) == "hello\n");
}

TEST_CASE_METHOD(FetchTest, "other bytes than declared are not kept") {
  file.sha256 = sha256("other");
  CHECK_THROWS_MATCHES(fetch(place, file), Error,
                       MessageMatches(ContainsSubstring("what came is not the file")));
  CHECK_FALSE(fs::exists(place.downloads / "a.txt"));
  CHECK_FALSE(fs::exists(place.downloads / "a.txt.part"));
}

TEST_CASE_METHOD(FetchTest, "a file that lies here under the name but has other bytes is named") {
  write_atomic(place.mirror / "a.txt", "Hello\n");
  CHECK_THROWS_MATCHES(fetch(place, file), Error,
                       Message("'" + (place.mirror / "a.txt").string() + "' is not the file of " +
                               file.addresses[0] + ": its SHA-256 is " + sha256("Hello\n") +
                               " and should be " + sha256("hello\n") + "; delete or replace it"));
  write_atomic(place.mirror / "a.txt", "hell");
  CHECK_THROWS_MATCHES(
      fetch(place, file), Error,
      Message("'" + (place.mirror / "a.txt").string() + "' is not the file of " +
              file.addresses[0] + ": it has 4 bytes and should have 6; delete or replace it"));
}

TEST_CASE_METHOD(FetchTest, "a file that cannot be had is named with address, size and folder") {
  fs::remove_all(folder.path() / "upstream");
  try {
    fetch(place, file);
    FAIL("fetched");
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::kMachine);
    CHECK_THAT(error.what(),
               ContainsSubstring("'a.txt' (6 B) cannot be had from " + file.addresses[0]));
    CHECK_THAT(error.what(), ContainsSubstring("put it into '" + place.mirror.string() + "'"));
  }
}

TEST_CASE_METHOD(FetchTest, "a local hash is remembered until the file changes") {
  const fs::path path = folder.path() / "upstream" / "a.txt";
  CHECK(local_sha256(place, path) == sha256("hello\n"));
  CHECK_THAT(read_file(place.downloads / "sha256.json"), ContainsSubstring(path.string()));
  write_atomic(path, "other\n");
  CHECK(local_sha256(place, path) == sha256("other\n"));
}

TEST_CASE_METHOD(FetchTest, "remembered hashes of another form are computed again") {
  const fs::path path = folder.path() / "upstream" / "a.txt";
  local_sha256(place, path);
  Value known = Value::parse(read_file(place.downloads / "sha256.json"));
  for (const Value& entry : {Value(3), Value{{"file", 1}, {"sha256", "x"}},
                             Value{{"file", known.front()["file"]}, {"sha256", 1}}}) {
    known.front() = entry;
    write_atomic(place.downloads / "sha256.json", json_text(known));
    CHECK(local_sha256(place, path) == sha256("hello\n"));
  }
}

TEST_CASE_METHOD(FetchTest, "planning writes nothing") {
  place.may_fetch = false;
  local_sha256(place, folder.path() / "upstream" / "a.txt");
  CHECK(find_local(place, file).empty());
  CHECK_FALSE(fs::exists(place.downloads));
}

}  // namespace
}  // namespace xp
