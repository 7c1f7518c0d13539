// The program itself, as terminals, shells and daemons start it.
#include "engine/base/process.h"
#include "engine/cli/commands/sweep_fixture.h"
#include "engine/cli/parser/arguments.h"
#include "engine/testing/user.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

TEST_CASE("standard descriptors that are closed at the start do not become files of ours") {
  const TempFolder folder;
  const std::string file = (folder.path() / "x.toml").string();
  const Finished done =
      run_program({"sh", "-c", R"("$0" init "$1" <&- >&- 2>&-)", xp_program(), file});
  CHECK(done.exit_code == 0);
  CHECK(read_file(file).find("wrote") == std::string::npos);
}

TEST_CASE("with --verbose stages and their times are logged on standard error") {
  const TempFolder folder;
  for (const auto& words : {Words{"--verbose", "status"}, Words{"status", "-v"}}) {
    Words command = {xp_program()};
    command.insert(command.end(), words.begin(), words.end());
    command.insert(command.end(), {"--workspace", folder.path().string()});
    const Finished done = run_program(command);
    CHECK(done.errors.find("folding finished runs into ") != std::string::npos);
    CHECK(done.errors.find("xp status: ") != std::string::npos);
    CHECK(done.output.find(" ms") == std::string::npos);
  }
}

/// A terminal of 80 x 24 in which a command runs.
class Tmux {
 public:
  explicit Tmux(const std::string& command) {
    tmux({"-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command});
  }
  ~Tmux() { tmux({"kill-server"}); }
  Tmux(const Tmux&) = delete;
  Tmux& operator=(const Tmux&) = delete;

  /// The screen once it contains `text`, or after 20 s.
  std::string screen_with(const std::string& text) const {
    std::string out;
    for (int i = 0; i < 200 && out.find(text) == std::string::npos; ++i) {
      out = tmux({"capture-pane", "-p"}).output;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return out;
  }

 private:
  Finished tmux(const Words& words) const {
    Words command = {"tmux", "-S", (folder_.path() / "socket").string()};
    command.insert(command.end(), words.begin(), words.end());
    return run_program(command);
  }
  TempFolder folder_;
};

TEST_CASE("watch fits a terminal of 80 x 24") {
  if (find_program("tmux").empty()) SKIP("there is no tmux");
  HalfDone half;
  const LeaseHolder holder(half.workspace.training(HalfDone::training(2)));
  write_heartbeat(half.workspace.root / HalfDone::attempt(2));
  const Tmux terminal(xp_program() + " watch experiment=quick --interval 0.2 --workspace " +
                      half.workspace.root.string() + " 2>/dev/null");
  CHECK(terminal.screen_with("q quits").starts_with(
      "quick: 5 points: 1 queued, 1 running, 1 stopped, 1 done, 1 failed\n"
      "point   state    done    rate   left\n"
      "seed=2  running  20/100  1.0/s  1 min 20 s  loss 5.50\n"
      "seed=3  queued                              job 4711: Resources\n"
      "seed=4  failed                              memory: rank 1 on node2 was killed b\n"
      "seed=5  stopped                             preempted: the scheduler wanted the\n"
      "seed=1  done                                bleu 20.5 test\n"
      "q quits; the runs continue\n"));
}

}  // namespace
}  // namespace xp
