// Facts from the build, /proc and the environment.
#include "results/provenance.h"

#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"

#include <fmt/chrono.h>

#include <ctime>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xp_version.h>

namespace xp {
namespace {

// The value of the first line `KEY   : VALUE` of a file such as /proc/cpuinfo, or "".
std::string field_of(const fs::path& path, std::string_view key) {
  std::error_code code;
  if (!fs::exists(path, code)) return "";
  for (const std::string& line : split(read_file(path), '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || trim(line.substr(0, colon)) != key) continue;
    return std::string(trim(line.substr(colon + 1)));
  }
  return "";
}

Value devices() {
  Value out = Value::array();
  std::error_code code;
  for (const auto& entry : fs::directory_iterator("/proc/driver/nvidia/gpus", code)) {
    const std::string model = field_of(entry.path() / "information", "Model");
    if (!model.empty()) out.push_back(model);
  }
  return out;
}

Value telling_environment() {
  Value out = Value::object();
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos || !is_telling_variable(text.substr(0, equals))) continue;
    if (is_valid_utf8(text)) out[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return out;
}

int64_t cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : ::get_nprocs();
}

void add_machine(Value& out) {
  struct utsname names {};
  if (::uname(&names) == 0) {
    out["host"] = names.nodename;
    out["kernel"] = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  }
  if (const auto cpu = field_of("/proc/cpuinfo", "model name"); !cpu.empty()) out["cpu"] = cpu;
  out["cores"] = cores();
  out["cores_total"] = ::get_nprocs_conf();
  struct sysinfo memory {};
  if (::sysinfo(&memory) == 0) {
    out["memory_bytes"] = static_cast<uint64_t>(memory.totalram) * memory.mem_unit;
  }
  if (Value found = devices(); !found.empty()) out["devices"] = std::move(found);
}

// Empty where a build replaced the program while it ran. Of megabytes, so hashed once.
const std::string& program_hash() {
  static const std::string hash = [] {
    try {
      return sha256_file("/proc/self/exe");
    } catch (const Error&) {
      return std::string();
    }
  }();
  return hash;
}

void add_program(Value& out) {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  if (code) return;
  out["binary"] = program.string();
  if (!program_hash().empty()) out["binary_sha256"] = program_hash();
}

}  // namespace

bool is_telling_variable(const std::string& name) {
  for (const char* secret : {"TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL"}) {
    if (name.find(secret) != std::string::npos) return false;
  }
  for (const char* prefix :
       {"XP_",        "OMP_",       "MKL_",         "KMP_",      "GOMP_",        "OPENBLAS_",
        "CUDA_",      "CUBLAS_",    "NCCL_",        "GLOO_",     "TORCH_",       "PYTORCH_",
        "DNNL_",      "ONEDNN_",    "ATEN_",        "SLURM_JOB", "SLURM_NNODES", "SLURM_NTASKS",
        "SLURM_CPUS", "SLURM_GPUS", "SLURM_CLUSTER"}) {
    if (name.starts_with(prefix)) return true;
  }
  return name == "LD_PRELOAD" || name == "LD_LIBRARY_PATH" || name == "MALLOC_ARENA_MAX";
}

Value provenance(const std::vector<std::string>& command_line) {
  Value out = {{"version", XP_VERSION},
               {"revision", XP_REVISION},
#ifdef __clang__
               {"compiler", "clang " __clang_version__},
#else
               {"compiler", "gcc " __VERSION__},
#endif
               {"environment", telling_environment()},
               {"command", command_line},
               {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
  std::error_code code;
  if (const fs::path folder = fs::current_path(code); !code) out["folder"] = folder.string();
  add_machine(out);
  add_program(out);
  return out;
}

}  // namespace xp
