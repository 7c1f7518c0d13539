// What the command of --notify finds, and what happens if it fails.
#include "engine/cli/terminal/notify.h"

#include "engine/base/file.h"

#include <catch2/catch_test_macros.hpp>

#include <thread>

namespace xp {
namespace {

TEST_CASE("the command finds what happened in its environment") {
  const TempFolder folder;
  const std::string file = (folder.path() / "note").string();
  {
    Notifier notifier("echo \"$XP_EVENT|$XP_EXPERIMENT|$XP_DONE|$XP_FAILED|$XP_MESSAGE\" >> '" +
                      file + "'");
    notifier.notify({"end", "quick", 3, 1, "it's over"});
  }
  CHECK(read_file(file) == "end|quick|3|1|it's over\n");
}

TEST_CASE("only the first failure is notified") {
  const TempFolder folder;
  const std::string file = (folder.path() / "note").string();
  {
    Notifier notifier("echo $XP_MESSAGE >> '" + file + "'");
    notifier.notify_first_failure({"failure", "quick", 0, 1, "one"});
    notifier.notify_first_failure({"failure", "quick", 0, 2, "two"});
  }
  CHECK(read_file(file) == "one\n");
}

TEST_CASE("a command that exceeds its timeout is killed with its children") {
  const TempFolder folder;
  const fs::path file = folder.path() / "note";
  {
    Notifier notifier("(sleep 1; touch '" + file.string() + "') & wait",
                      std::chrono::milliseconds(100));
    notifier.notify({"end", "quick", 0, 0, ""});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1300));
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("without a command nothing is run") {
  Notifier notifier("");
  notifier.notify({"end", "quick", 0, 0, ""});
  notifier.poll();
}

}  // namespace
}  // namespace xp
