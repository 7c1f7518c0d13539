// Reads the launcher's environment; loads plug-ins; builds the model.
#include "engine/worker/rank.h"

#include "engine/base/environment.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/toml.h"
#include "engine/device/accelerator.h"
#include "engine/launch/ranks.h"
#include "engine/worker/log.h"
#include "registry/plugin.h"
#include "results/runs/workspace.h"

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

#include <charconv>
#include <cstdlib>
#include <unistd.h>

namespace xp {
namespace {

int64_t number_from(const char* name, int64_t fallback) {
  const std::string text = environment_value(name);
  if (text.empty()) return fallback;
  int64_t out = 0;
  const char* const last = text.data() + text.size();
  const auto [end, code] = std::from_chars(text.data(), last, out);
  if (code != std::errc() || end != last) user_error("{} is '{}'; must be a number", name, text);
  return out;
}

std::filesystem::path settings_file(const WorkerArguments& arguments) {
  return spec_file(arguments.folder);
}

void load_plugins(const Value& plugins) {
  const Value &files = plugins.at("load"), &hashes = plugins.at("sha256");
  for (size_t i = 0; i < files.size(); ++i) {
    const auto file = files.at(i).get<std::string>();
    if (checked_plugin(file) != hashes.at(i))
      user_error(
          "the plug-in '{}' has changed since the run was planned; start the run again with "
          "`xp run`",
          file);
    load_plugin(file);
  }
}

// A run that an earlier xp planned may have settings where this program does not look for them.
void check_paths(const Value& settings) {
  for (const AnyEntry* entry : entries()) {
    for (const auto& setting : entry->describe(*entry).evaluation) {
      if (setting.former.empty() || find_path(settings, setting.former) == nullptr) continue;
      user_error(
          "the run was planned by another xp, which wrote '{}'; start it again with `xp run`",
          setting.former);
    }
  }
}

}  // namespace

Rendezvous rendezvous_from_environment() {
  Rendezvous out;
  out.rank = number_from(variable::kRank, 0);
  out.topology = {number_from(variable::kNodes, 1), number_from(variable::kRanksPerNode, 1)};
  out.timeout_s = number_from(variable::kTimeout, 600);
  out.interface = environment_value(variable::kInterface);
  out.key = environment_value(variable::kKey);
  if (out.topology.ranks() == 1) return out;
  const std::string address = environment_value(variable::kRendezvous);
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) user_error("XP_RENDEZVOUS is '{}'; must be HOST:PORT", address);
  out.host = address.substr(0, colon);
  out.port = std::atoi(address.c_str() + colon + 1);
  return out;
}

Groups join_groups(const WorkerArguments& arguments) {
  const std::string device_note = choose_device(arguments.device);
  Rendezvous rendezvous = rendezvous_from_environment();
  rendezvous.machine = host_name();
  start_log(rendezvous.rank);
  if (const auto file = settings_file(arguments); std::filesystem::exists(file)) {
    const Value settings = load_toml(file.string());
    const Value launch = settings.value("launch", Value::object());
    rendezvous.overlap = launch.value("overlap", true);
    rendezvous.packs = launch.value("packing", false);
  }
  at::set_num_threads(static_cast<int>(number_from(variable::kThreads, 1)));
  spdlog::info("process {} on {}: one of {} ranks, {} threads", ::getpid(), host_name(),
               rendezvous.topology.ranks(), at::get_num_threads());
  if (!device_note.empty()) spdlog::warn(device_note);
  if (accelerator() == nullptr) return connect(rendezvous);
  const int64_t place = rendezvous.rank % rendezvous.topology.ranks_per_node;
  take_device(number_from(variable::kDevice, place));
  spdlog::info("computing on {}", computing_device().str());
  return accelerator()->connect(rendezvous, computing_device());
}

Value load_run_settings(const WorkerArguments& arguments) {
  Value settings = load_toml(settings_file(arguments).string());
  if (settings.contains("plugins")) load_plugins(settings.at("plugins"));
  return settings;
}

std::shared_ptr<TranslationModel> build_model(const Value& settings, const PreparedCorpus& corpus,
                                              const Groups& groups, const EvalSection* eval) {
  ModelContext context;
  context.source_vocabulary = corpus.num_ids(Side::kSource);
  context.target_vocabulary = corpus.num_ids(Side::kTarget);
  const auto train = bind_settings<TrainSection>(settings.at("train"));
  context.seed = train.seed;
  context.recomputes_activations = train.recompute_activations;
  context.groups = groups;
  if (eval != nullptr) {
    context.capacity_fraction = eval->capacity_fraction;
    context.exchange_overrides = eval->exchange;
    context.precision = precision_of(eval->precision.value_or("fp32"));
    check_paths(settings);
  }
  return make_part<Model>(settings.at("model"))->build(context);
}

int64_t peak_memory_bytes() {
  if (accelerator() != nullptr) return accelerator()->peak_memory_bytes();
  constexpr std::string_view kName = "VmHWM:";  // in KiB
  for (const auto& line : split(read_if_there("/proc/self/status").value_or(""), '\n')) {
    if (line.starts_with(kName)) return 1024 * std::atoll(line.c_str() + kName.size());
  }
  return 0;
}

}  // namespace xp
