// `xp doctor`: checks this machine's prerequisites, one line each with what to do.
#include "engine/base/cpu.h"
#include "engine/base/devices.h"
#include "engine/base/file.h"
#include "engine/base/json_text.h"
#include "engine/base/process.h"
#include "engine/base/text.h"
#include "engine/cli/parser/command.h"
#include "engine/cli/points/options.h"
#include "engine/cli/points/programs.h"
#include "engine/cli/terminal/text_table.h"
#include "engine/launch/gpus.h"
#include "registry/launcher.h"
#include "results/runs/provenance.h"
#include "results/store/store.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <sys/vfs.h>
#include <xp_version.h>

namespace xp {
namespace {

struct Options : WorkspaceOptions {
  fs::path mirror = ExperimentOptions().mirror;
  bool json = false;

  void declare(Arguments& arguments) {
    WorkspaceOptions::declare(arguments);
    declare_mirror(arguments, mirror);
    declare_json(arguments, json);
  }
};

struct Finding {
  std::string what, state, advice;  ///< no advice: nothing is wrong
};

std::string file_system(const fs::path& folder) {
  struct statfs about {};
  fs::path there = fs::absolute(folder);
  while (!fs::exists(there) && there.has_relative_path())
    there = there.parent_path();
  if (::statfs(there.c_str(), &about) != 0) return "an unknown file system";
  switch (static_cast<uint32_t>(about.f_type)) {
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683E:
      return "btrfs";
    case 0x01021994:
      return "tmpfs, which does not survive a restart";
    case 0x794C7630:
      return "overlay";
    case 0x6969:
      return "nfs";
    case 0x0BD00BD0:
      return "lustre";
    default:
      return fmt::format("file system {:#x}", static_cast<uint32_t>(about.f_type));
  }
}

Finding workspace_finding(const Options& options) {
  const fs::path root = options.workspace;
  const std::string where = fs::absolute(root).lexically_normal().string();
  try {
    fs::path there = fs::absolute(root);
    while (!fs::exists(there) && there.has_relative_path())
      there = there.parent_path();
    const TempFolder probe(there);
    return {"workspace",
            fmt::format("{} ({}, {} free)", where, file_system(root),
                        human_bytes(static_cast<double>(free_bytes(root)))),
            ""};
  } catch (const std::exception& error) {
    return {"workspace", where,
            fmt::format("cannot be written: {}; use --workspace", error.what())};
  }
}

Finding engine_finding() {
  const fs::path engine = engine_file();
  if (!fs::exists(engine)) return {"xp-engine", "missing", "build it: make build"};
  const Finished answer = run_program({engine.string(), "--version"});
  if (answer.exit_code != 0) {
    return {"xp-engine", engine.string(),
            fmt::format("does not answer: {}",
                        trim(answer.errors.empty() ? answer.output : answer.errors))};
  }
  return {"xp-engine", std::string(trim(answer.output)), ""};
}

Finding components_finding() {
  const size_t count = Catalog::of_build(components_file()).all().size();
  if (!fs::exists(components_file())) {
    return {"components", fmt::format("{} without xp-engine's", count),
            "models and exchanges are unknown: make build"};
  }
  return {"components", fmt::format("{} declared", count), ""};
}

Finding plugin_finding(const std::string& file, const PluginDescriber& describer) {
  try {
    std::vector<std::string> names;
    for (const auto& part : describe_plugin(file, describer).declarations)
      names.push_back(part.kind + " " + part.name);
    return {"plug-in", fmt::format("{}: {}", file, join(names, ", ")), ""};
  } catch (const Error& error) {
    return {"plug-in", file, error.what()};
  }
}

Finding bf16_finding() {
  return {"bf16",
          multiplies_bf16_faster() ? "this processor multiplies it faster than fp32" : kNoBf16, ""};
}

Finding accelerator_finding(const Value& devices) {
  const GpuReport report = gpu_report();
  if (!report.problem.empty()) {
    if (devices.empty()) return {"accelerators", "none: runs use the CPU", ""};
    return {"accelerators", json_text(devices), report.problem + "; see `nvidia-smi`"};
  }
  const bool is_built = has_accelerator(engine_file(), "cuda");
  return {"accelerators", summary(report),
          is_built ? "" : "xp-engine has no module for them: scripts/setup.sh cuda, make build"};
}

Finding store_finding() {
  try {
    Store::in_memory();
    return {"store", "SQLite " + sqlite_version(), ""};
  } catch (const std::exception& error) {
    return {"store", "broken", error.what()};
  }
}

// The schedulers that launchers speak to, by the launchers' names.
std::vector<Finding> scheduler_findings() {
  std::vector<Finding> out;
  for (const AnyEntry* entry : entries()) {
    if (std::string_view(entry->kind) != Launcher::kKind) continue;
    const auto queue = make_part<Launcher>(Value{{"use", entry->name}})->queue();
    if (!queue) continue;
    try {
      const std::string about = queue->about();
      out.push_back({entry->name, about.empty() ? "none on this machine" : about, ""});
    } catch (const Error& error) {
      // Only experiments with this launcher need it.
      out.push_back({entry->name, fmt::format("does not answer: {}", error.what()), ""});
    }
  }
  return out;
}

Finding mirror_finding(const Options& options) {
  if (options.mirror.empty()) return {"mirror", "none; corpora are downloaded", ""};
  if (!fs::is_directory(options.mirror))
    return {"mirror", options.mirror.string(), "is not a folder; fix XP_MIRROR or --mirror"};
  return {"mirror", options.mirror.string(), ""};
}

std::vector<Finding> findings(const Options& options) {
  const Value machine = provenance({});
  const auto text = [&machine](const char* key) {
    const Value value = machine.value(key, Value());
    return value.is_string() ? value.get<std::string>() : json_text(value);
  };
  std::vector<Finding> out = {
      {"xp", fmt::format("{} ({})", XP_VERSION, XP_REVISION), ""},
      {"machine", text("host") + ", " + text("kernel"), ""},
      {"cpu", fmt::format("{}, {} of {} cores", text("cpu"), text("cores"), text("cores_total")),
       ""},
      bf16_finding(),
      {"memory", human_bytes(machine.value("memory_bytes", 0.0)), ""},
      {"compiler", text("compiler"), ""}};
  out.push_back(accelerator_finding(machine.value("devices", Value::array())));
  out.push_back(engine_finding());
  out.push_back(components_finding());
  for (const auto& file : plugin_files())
    out.push_back(plugin_finding(file, plugin_describer()));
  const auto schedulers = scheduler_findings();
  out.insert(out.end(), schedulers.begin(), schedulers.end());
  out.push_back(workspace_finding(options));
  out.push_back(store_finding());
  out.push_back(mirror_finding(options));
  return out;
}

int examine(const Options& options) {
  const auto all = findings(options);
  bool is_ok = true;
  Value list = Value::array();
  std::vector<std::vector<std::string>> rows;
  for (const auto& [what, state, advice] : all) {
    is_ok = is_ok && advice.empty();
    list.push_back({{"what", what}, {"state", state}, {"advice", advice}, {"ok", advice.empty()}});
    rows.push_back(
        {advice.empty() ? "ok" : "!!", what, state + (advice.empty() ? "" : ": " + advice)});
  }
  if (options.json) {
    fmt::print("{}\n", json_text({{"schema_version", 1}, {"findings", list}}, 2));
  } else {
    fmt::print("{}", text_table(rows));
  }
  return is_ok ? Exit::kDone : Exit::kPreflight;
}

XP_COMMAND(Options, examine, "doctor", Group::kMachine, "check this machine's prerequisites");

}  // namespace
}  // namespace xp
