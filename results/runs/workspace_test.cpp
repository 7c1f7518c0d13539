// Status, leases, attempts and events survive what machines do to files.
#include "results/runs/workspace.h"

#include "engine/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <csignal>
#include <fstream>
#include <limits>
#include <set>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace xp {
namespace {

using Catch::Matchers::Message;

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

TEST_CASE("a folder without status is new") {
  const TempFolder folder;
  CHECK(read_status(folder.path()).state == State::kNew);
  CHECK(read_status(folder.path() / "absent").attempt == 0);
}

TEST_CASE("a status of which nothing came to the disk is new") {
  const TempFolder folder;
  put(folder.path() / "status.json", "");
  CHECK(read_status(folder.path()).state == State::kNew);
}

TEST_CASE("a status comes back as it was written") {
  const TempFolder folder;
  write_status(folder.path(), {State::kFailed,
                               2,
                               10.5,
                               20.25,
                               "rank 1 ended with 137: \"oom\"",
                               {{"bleu", 21.5}, {"step_ms", 12}}});
  const Status back = read_status(folder.path());
  CHECK(back.state == State::kFailed);
  CHECK(back.attempt == 2);
  CHECK(back.started_s == 10.5);
  CHECK(back.ended_s == 20.25);
  CHECK(back.cause == "rank 1 ended with 137: \"oom\"");
  CHECK(back.summary == Value{{"bleu", 21.5}, {"step_ms", 12}});
}

TEST_CASE("what JSON cannot hold does not stop a status from being written") {
  const TempFolder folder;
  write_status(folder.path(), {State::kDone,
                               1,
                               0,
                               0,
                               "half \xC3",
                               {{"train_loss", std::numeric_limits<double>::quiet_NaN()}}});
  const Status back = read_status(folder.path());
  CHECK(back.cause == "half \xEF\xBF\xBD");
  CHECK(back.summary["train_loss"].is_null());
}

TEST_CASE("a status of which a power failure left only zeros is that of a new run") {
  const TempFolder folder;
  for (const std::string& bytes : {std::string(), std::string(160, '\0')}) {
    put(folder.path() / "status.json", bytes);
    CHECK(read_status(folder.path()).state == State::kNew);
  }
}

TEST_CASE("a damaged status is a machine's fault and names the file") {
  const TempFolder folder;
  const fs::path path = folder.path() / "status.json";
  const std::string damaged =
      "'" + path.string() + "' is damaged; delete the file to run this again";
  put(path, "{\"schema\": 1, \"state\": \"done\"");
  CHECK_THROWS_MATCHES(read_status(folder.path()), Error, Message(damaged));
  put(path, "{\"schema\": 1, \"state\": 3}");
  CHECK_THROWS_MATCHES(read_status(folder.path()), Error, Message(damaged));
  try {
    read_status(folder.path());
  } catch (const Error& error) {
    CHECK(error.blame() == Blame::kMachine);
  }
}

TEST_CASE("a status with numbers that no run has is damaged") {
  const TempFolder folder;
  const fs::path path = folder.path() / "status.json";
  const auto with = [&](const std::string& schema, const std::string& attempt,
                        const std::string& started_s) {
    put(path, fmt::format(R"({{"schema": {}, "state": "done", "attempt": {}, "started_s": {}, )"
                          R"("ended_s": 0, "cause": "", "summary": {{}}}})",
                          schema, attempt, started_s));
  };
  with("1", "2", "1.7e9");
  CHECK(read_status(folder.path()).attempt == 2);
  for (const auto& [schema, attempt, started_s] :
       {std::array{"1e300", "2", "1.7e9"}, std::array{"1", "1e300", "1.7e9"},
        std::array{"1", "2", "1e300"}, std::array{"1", "2", "-1"}}) {
    with(schema, attempt, started_s);
    CHECK_THROWS_AS(read_status(folder.path()), Error);
  }
}

TEST_CASE("a status of a newer xp is refused, not misread") {
  const TempFolder folder;
  put(folder.path() / "status.json", "{\"schema\": 2}");
  CHECK_THROWS_MATCHES(
      read_status(folder.path()), Error,
      Message("'" + (folder.path() / "status.json").string() +
              "' was written by a newer xp (schema 2, this one knows 1); use that xp"));
}

TEST_CASE("a lease has one holder and ends with it") {
  const TempFolder folder;
  CHECK_FALSE(is_held(folder.path()));
  CHECK_FALSE(fs::exists(folder.path() / "lease"));  // asking leaves no trace
  {
    const auto mine = take_lease(folder.path());
    REQUIRE(mine);
    CHECK(is_held(folder.path()));
    CHECK_FALSE(take_lease(folder.path()));
  }
  CHECK_FALSE(is_held(folder.path()));
  CHECK(take_lease(folder.path()));
}

TEST_CASE("a killed process holds no lease") {
  const TempFolder folder;
  int ready[2] = {};
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lease = take_lease(folder.path());
    if (::write(ready[1], "x", 1) != 1) ::_exit(1);
    ::pause();
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(is_held(folder.path()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_FALSE(is_held(folder.path()));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("attempts count upwards from 1 and other names do not count") {
  const TempFolder folder;
  CHECK(last_attempt(folder.path()) == 0);
  CHECK(next_attempt(folder.path()) == folder.path() / "attempts" / "1");
  fs::create_directories(folder.path() / "attempts" / "11.bak");
  fs::create_directories(folder.path() / "attempts" / "9");
  CHECK(next_attempt(folder.path()) == folder.path() / "attempts" / "10");
  CHECK(last_attempt(folder.path()) == 10);
}

TEST_CASE("attempts that begin at the same time have folders of their own") {
  const TempFolder folder;
  std::vector<std::vector<fs::path>> made(4);
  std::vector<std::thread> threads;
  for (auto& mine : made) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i)
        mine.push_back(next_attempt(folder.path()));
    });
  }
  for (auto& thread : threads)
    thread.join();
  std::set<fs::path> all;
  for (const auto& mine : made)
    all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 100);
  CHECK(last_attempt(folder.path()) == 100);
}

TEST_CASE("an attempt that cannot be made names the folder") {
  const TempFolder folder;
  put(folder.path() / "attempts", "a file");
  CHECK_THROWS_AS(next_attempt(folder.path()), Error);
}

TEST_CASE("events come back in order and only once") {
  const TempFolder folder;
  EventLog log(folder.path());
  size_t offset = 0;
  CHECK(read_events(folder.path(), offset).empty());
  log.write("start", 0, Value::object());
  log.write("update", 10, {{"loss", 4.25}});
  const auto first = read_events(folder.path(), offset);
  REQUIRE(first.size() == 2);
  CHECK(first[1].event == "update");
  CHECK(first[1].update == 10);
  CHECK(first[1].values == Value{{"loss", 4.25}});
  CHECK(first[1].seconds >= 0);
  CHECK(read_events(folder.path(), offset).empty());
  log.write("end", 20, {{"loss", std::numeric_limits<double>::infinity()}});
  const auto rest = read_events(folder.path(), offset);
  REQUIRE(rest.size() == 1);
  CHECK(rest[0].values["loss"].is_null());
}

TEST_CASE("a half written line waits, a damaged one is left out") {
  const TempFolder folder;
  const fs::path path = folder.path() / "events.jsonl";
  const std::string whole = R"({"event":"update","update":1,"seconds":0.5,"values":{}})"
                            "\n";
  const std::string huge = R"({"event":"update","update":1e300,"seconds":0.5,"values":{}})"
                           "\n";
  put(path, whole + "garbage\n\n[1]\n{\"event\":3}\n" + huge + whole + whole.substr(0, 20));
  size_t offset = 0;
  CHECK(read_events(folder.path(), offset).size() == 2);
  append_file(path, whole.substr(20));
  CHECK(read_events(folder.path(), offset).size() == 1);
}

}  // namespace
}  // namespace xp
