// Logs that grow, rotate and shrink.
#include "engine/cli/points/log_tail.h"

#include <catch2/catch_test_macros.hpp>

#include <fstream>

namespace xp {
namespace {

struct Log {
  void put(const std::string& text) { std::ofstream(path) << text; }
  void add(const std::string& text) { append_file(path, text); }
  TempFolder folder;
  fs::path path = folder.path() / "rank-0.log";
};

TEST_CASE("the last lines of a log are whole, whether or not the last one is ended") {
  Log log;
  CHECK(last_lines(log.path, 2).empty());
  log.put("");
  CHECK(last_lines(log.path, 2).empty());
  log.put("one\n");
  CHECK(last_lines(log.path, 2) == "one\n");
  log.put("one\ntwo\nthree\n");
  CHECK(last_lines(log.path, 2) == "two\nthree\n");
  log.put("one\ntwo\nthree");
  CHECK(last_lines(log.path, 2) == "two\nthree");
  CHECK(last_lines(log.path, 0).empty());
}

TEST_CASE("lines longer than what is read at once are found") {
  Log log;
  const std::string wide(200'000, 'x');
  log.put("one\n" + wide + "\nlast\n");
  CHECK(last_lines(log.path, 2) == wide + "\nlast\n");
  CHECK(last_lines(log.path, 3) == "one\n" + wide + "\nlast\n");
}

TEST_CASE("a followed log gives each byte once") {
  Log log;
  LogFollower follower(log.path, 1);
  CHECK(follower.poll().empty());  // not there yet
  log.put("a\nb\n");
  CHECK(follower.poll() == "b\n");
  CHECK(follower.poll().empty());
  log.add("c");
  log.add("d\n");
  CHECK(follower.poll() == "cd\n");
}

TEST_CASE("a rotated log is read to its end before the new one") {
  Log log;
  log.put("a\n");
  LogFollower follower(log.path, 10);
  CHECK(follower.poll() == "a\n");
  log.add("b\n");
  fs::rename(log.path, log.folder.path() / "rank-0.log.1");
  CHECK(follower.poll().empty());  // between the two
  log.put("c\n");
  CHECK(follower.poll() == "b\nc\n");
}

TEST_CASE("a log that became shorter begins anew") {
  Log log;
  log.put("aaaa\n");
  LogFollower follower(log.path, 10);
  CHECK(follower.poll() == "aaaa\n");
  log.put("b\n");
  CHECK(follower.poll() == "b\n");
}

}  // namespace
}  // namespace xp
