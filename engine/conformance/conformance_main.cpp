// Runs recorded cases of the predecessor with real processes over Gloo, one line a case.
//
// LibTorch is loaded once; each case forks its ranks from this process, which starts no thread.
#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/process.h"
#include "engine/conformance/cases.h"
#include "engine/device/accelerator.h"

#include <CLI/CLI.hpp>
#include <fmt/core.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace xp {
namespace {

std::string device = "cpu";  // that of --device

constexpr int64_t kTimeout_s = 60;
constexpr int64_t kRanksPerNode = 2;  // of the recordings with more than one rank

// The findings of one rank as text; empty if there are none.
std::string run_rank(const fs::path& folder, int64_t rank, int64_t ranks, int port) {
  torch::set_num_threads(1);
  Findings findings;
  try {
    choose_device(device);
    if (accelerator() != nullptr) take_device(rank % accelerator()->count());
    const Recording recording(folder, rank);
    const Value& settings = recording.settings();
    Rendezvous rendezvous;
    rendezvous.rank = rank;
    const int64_t per_node =
        std::min(ranks, recording.setting<int64_t>("gpus_per_node", kRanksPerNode));
    rendezvous.topology = {ranks / per_node, per_node};
    rendezvous.port = port;
    rendezvous.key = "conformance";
    rendezvous.timeout_s = kTimeout_s;
    const std::string kind = recording.setting<std::string>("kind", "criterion");
    if (kind == "top1" || kind == "top2") {
      run_gate_case(recording, findings);
    } else if (kind == "criterion") {
      run_criterion_case(recording, findings);
    } else {
      const Groups groups = accelerator() == nullptr
                                ? connect(rendezvous)
                                : accelerator()->connect(rendezvous, computing_device());
      if (kind == "model")
        run_model_case(recording, groups, findings);
      else if (settings.contains("token_cluster"))
        run_stack_case(recording, groups, findings);
      else
        run_layer_case(recording, groups, findings);
      groups.world->barrier();
    }
    if (findings.count() == 0) findings.add("nothing was compared");
  } catch (const std::exception& error) {
    const std::string what = error.what();
    findings.add(what.substr(0, what.find('\n')));  // LibTorch appends a stack trace
  }
  std::string out;
  for (const auto& line : findings.lines())
    out += fmt::format("  rank {}: {}\n", rank, line);
  return out;
}

std::string read_all(int descriptor) {
  std::string out;
  char buffer[4096];
  for (ssize_t got = 0; (got = ::read(descriptor, buffer, sizeof buffer)) > 0;)
    out.append(buffer, static_cast<size_t>(got));
  ::close(descriptor);
  return out;
}

// Lines of all ranks; empty if the case passes.
std::string run_case(const fs::path& folder) {
  const Value manifest = Value::parse(read_file(folder / "manifest.json"));
  const int64_t ranks = manifest.at("world_size");
  const int port = ranks > 1 ? free_port() : 0;
  std::vector<int> ends;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int ends_of_pipe[2];
    if (::pipe(ends_of_pipe) != 0) machine_error("a pipe cannot be made");
    const pid_t child = ::fork();
    if (child < 0) machine_error("a rank cannot be started");
    if (child == 0) {
      const std::string text = run_rank(folder, rank, ranks, port);
      const ssize_t written = ::write(ends_of_pipe[1], text.data(), text.size());
      ::_exit(written == static_cast<ssize_t>(text.size()) && text.empty() ? 0 : 1);
    }
    ::close(ends_of_pipe[1]);
    ends.push_back(ends_of_pipe[0]);
  }
  std::string out;
  for (const int end : ends)
    out += read_all(end);
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int status = 0;
    ::wait(&status);
    if (WIFSIGNALED(status)) out += fmt::format("  a rank died of signal {}\n", WTERMSIG(status));
    if (out.empty() && status != 0) out = "  a rank ended without a word\n";
  }
  return out;
}

int run(const fs::path& folder, const std::string& only) {
  std::vector<fs::path> cases;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (fs::exists(entry.path() / "manifest.json")) cases.push_back(entry.path());
  if (cases.empty()) {
    user_error("'{}' has no cases; name a folder of folders with manifest.json by --vectors or {}",
               folder.string(), variable::kVectors);
  }
  std::sort(cases.begin(), cases.end());
  int passed = 0, failed = 0;
  for (const auto& path : cases) {
    const std::string name = path.filename().string();
    if (name.find(only) == std::string::npos) continue;
    const std::string found = run_case(path);
    ++(found.empty() ? passed : failed);
    fmt::print("{} {}\n{}", found.empty() ? "ok    " : "FAILED", name, found);
    std::fflush(stdout);
  }
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace xp

int main(int argc, char** argv) {
  CLI::App app{"Compares every recorded case of the predecessor with what this code does."};
  std::string folder = XP_VECTORS_DEFAULT, only;
  app.add_option("--vectors", folder, "a folder with one folder for each case")
      ->envname(xp::variable::kVectors);
  app.add_option("--only", only, "cases whose name contains this");
  app.add_option("--device", xp::device, "cpu, or an accelerator whose module is beside this");
  CLI11_PARSE(app, argc, argv);
  try {
    return xp::run(folder, only);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
