// Ranks as child processes of this one, all on this machine, whatever the topology says.
#include "engine/launch/ranks.h"

namespace xp {
namespace {

struct Local final : Launcher {
  struct Config {
    void describe(auto&) {}
  };
  explicit Local(const Config&) {}

  std::unique_ptr<RunningJob> start(const LaunchJob& job) const override {
    return start_here(job);
  }
};

XP_REGISTER(Launcher, Local, "local", "ranks as processes of this machine");

}  // namespace
}  // namespace xp
