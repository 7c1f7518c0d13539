// libxp_cuda.so beside xp-engine on a machine without a driver: it loads, and says what is missing.
#include "engine/base/file.h"
#include "engine/base/own_program.h"
#include "engine/base/process.h"
#include "engine/base/text.h"

#include <catch2/catch_test_macros.hpp>

#include <dlfcn.h>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr const char* kNoDriver =
    "device \"cuda\": there is no NVIDIA driver on this machine; install one (580.65 or later), or "
    "set device = \"cpu\" in [launch]";

fs::path build_folder() {
  return own_program().parent_path().parent_path();
}

// The check of a run's ranks, here of one rank.
Finished checked(const fs::path& engine, const std::string& device) {
  const TempFolder folder;
  return run_program({engine.string(), "check", folder.path().string(), "--device", device});
}

std::string last_line(const Finished& finished) {
  const std::string_view text = trim(finished.errors);
  return std::string(text.substr(text.rfind('\n') + 1));
}

void skip_if_driver() {
  if (::dlopen("libcuda.so.1", RTLD_LAZY) != nullptr) SKIP("this machine has an NVIDIA driver");
}

}  // namespace

TEST_CASE("without a driver the module loads and names the driver that it needs") {
  skip_if_driver();
  const Finished finished = checked(build_folder() / "xp-engine", "cuda");
  CHECK(finished.exit_code == 1);
  CHECK(last_line(finished).ends_with(kNoDriver));
}

TEST_CASE("auto computes on the CPU if no driver answers, and says why") {
  skip_if_driver();
  const Finished finished = checked(build_folder() / "xp-engine", "auto");
  INFO(finished.errors);
  CHECK(finished.exit_code == 0);
  CHECK(
      (finished.output + finished.errors).find(std::string("computing on the CPU: ") + kNoDriver) !=
      std::string::npos);
}

TEST_CASE("a module that was built with another LibTorch is refused before it is loaded") {
  const TempFolder folder;
  const fs::path engine = folder.path() / "xp-engine", module = folder.path() / "libxp_cuda.so";
  fs::copy_file(build_folder() / "xp-engine", engine);
  std::string bytes = read_file(build_folder() / "libxp_cuda.so");
  const std::string own = "LibTorch=2.11.0", other = "LibTorch=2.10.0";
  const size_t at = bytes.find(own);
  REQUIRE(at != std::string::npos);
  write_atomic(module, bytes.replace(at, own.size(), other));
  const Finished finished = checked(engine, "cuda");
  CHECK(finished.exit_code == 3);
  CHECK(last_line(finished).ends_with(
      "'" + module.string() +
      "' was built with LibTorch 2.10.0; this xp has LibTorch 2.11.0; build it again with this xp: "
      "`scripts/setup.sh cuda`"));
}
