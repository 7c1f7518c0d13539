// Facts from the build, /proc and the environment.
#include "results/runs/provenance.h"

#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "results/runs/programs.h"

#include <fmt/chrono.h>

#include <ctime>
#include <map>
#include <mutex>
#include <sched.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <xp_abi.h>
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
  for (const auto& [name, value] : own_environment()) {
    if (is_telling_variable(name) && is_valid_utf8(name) && is_valid_utf8(value)) out[name] = value;
  }
  return out;
}

int64_t cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : ::get_nprocs();
}

// The same as long as this process lives.
Value found_machine() {
  Value out = Value::object();
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
  return out;
}

const Value& machine() {
  static const Value once = found_machine();
  return once;
}

// What cmake/Diff.cmake left beside a program, "" if nothing. Read once for each build.
const std::string& diff_of(const fs::path& program) {
  static std::map<std::pair<fs::path, std::string>, std::string> known;
  static std::mutex busy;
  const std::lock_guard lock(busy);
  const auto [place, is_new] = known.try_emplace({program, program_sha256(program)});
  if (is_new && !program.empty())
    place->second = read_if_there(program.string() + ".diff").value_or("");
  return place->second;
}

void add_programs(Value& out, const fs::path& engine) {
  std::error_code code;
  const auto add = [&](const char* name, const fs::path& file, const fs::path& opened) {
    out[name] = file.string();
    if (const auto hash = program_sha256(opened); !hash.empty())
      out[std::string(name) + "_sha256"] = hash;
  };
  const fs::path running = "/proc/self/exe";  // stays what it is if a build replaces the file
  if (const fs::path self = fs::read_symlink(running, code); !code) add("binary", self, running);
  if (engine.empty()) return;
  add("engine", engine, engine);
  if (const auto& diff = diff_of(engine); !diff.empty()) out["diff_sha256"] = sha256(diff);
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

Value provenance(const std::vector<std::string>& command_line, const fs::path& engine) {
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
  if (constexpr std::string_view kLibTorch = XP_ABI_LIBTORCH; !kLibTorch.empty())
    out["libtorch"] = kLibTorch;
  out.update(machine());
  add_programs(out, engine);
  return out;
}

std::string engine_of_run(const fs::path& run_folder) {
  const auto bytes = read_if_there(run_folder / "provenance.json");
  const Value whole = Value::parse(bytes.value_or(""), nullptr, /*allow_exceptions=*/false);
  const auto found = whole.is_object() ? whole.find("engine_sha256") : whole.end();
  return found != whole.end() && found->is_string() ? found->get<std::string>() : "";
}

void write_provenance(const fs::path& run_folder, const std::vector<std::string>& command_line,
                      const fs::path& engine, const Value& more) {
  Value whole = provenance(command_line, engine);
  whole.update(more);
  const std::string& diff = diff_of(engine);
  if (!diff.empty() && diff.size() <= kMaxDiffBytes) {
    const Workspace workspace{run_folder.parent_path().parent_path()};  // ROOT/trainings/ID
    const fs::path file = workspace.source(whole["diff_sha256"]);
    std::error_code code;
    if (!fs::exists(file, code)) write_atomic(file, diff);
  }
  replace_file(run_folder / "provenance.json", json_text(whole, 2) + "\n");
}

}  // namespace xp
