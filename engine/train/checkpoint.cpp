// Saving and loading over safetensors.
#include "engine/train/checkpoint.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/comm/gather.h"
#include "engine/train/safetensors.h"

#include <algorithm>

namespace xp {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

std::string state_name(const std::string& state, const std::string& parameter) {
  return "optimizer." + state + "/" + parameter;
}

void add(Tensors& out, const FlatBuffer& buffer) {
  int64_t at = 0;
  for (const auto& parameter : buffer.parameters) {
    const int64_t end = at + parameter.tensor.numel();
    out[parameter.name] = parameter.tensor;
    for (const auto& [name, state] : buffer.state) {
      out[state_name(name, parameter.name)] =
          state.slice(0, at, end).view(parameter.tensor.sizes());
    }
    at = end;
  }
}

// The experts of all ranks: every rank sends its flat buffers and the names and shapes in them.
void add_experts(Tensors& out, const FlatBuffer& experts, Group& world) {
  Value layout = Value::array();
  for (const auto& parameter : experts.parameters)
    layout.push_back({parameter.name, parameter.tensor.sizes().vec()});
  const auto layouts = gather_texts(world, json_text(layout));
  std::map<std::string, torch::Tensor> gathered{{"", world.all_gather(experts.values)}};
  for (const auto& [name, state] : experts.state)
    gathered[name] = world.all_gather(state);
  for (int64_t rank = 0; rank < world.size(); ++rank) {
    int64_t at = 0;
    for (const auto& item : Value::parse(layouts[static_cast<size_t>(rank)])) {
      const auto shape = item.at(1).get<std::vector<int64_t>>();
      const int64_t end = at + c10::multiply_integers(shape);
      for (const auto& [state, rows] : gathered) {
        const std::string name = item.at(0).get<std::string>();
        out[state.empty() ? name : state_name(state, name)] =
            rows[rank].slice(0, at, end).view(shape);
      }
      at = end;
    }
  }
}

void fill(const Safetensors& file, FlatBuffer& buffer) {
  Tensors views;
  add(views, buffer);
  for (auto& [name, view] : views)
    file.read(name, view);
}

}  // namespace

Value to_json(const TrainProgress& p) {
  Value used = Value::array();
  for (const auto& [ranks, steps] : p.data.used)
    used.push_back({ranks, steps});
  return {{"update", p.update},
          {"epoch", p.data.epoch},
          {"window", p.data.window},
          {"step", p.data.step},
          {"ranks", p.data.ranks},
          {"used", used},
          {"seconds", p.seconds},
          {"cpu_seconds", p.cpu_seconds},
          {"tokens", p.tokens},
          {"inter_node_bytes", p.inter_node_bytes},
          {"in_node_bytes", p.in_node_bytes},
          {"gradient_inter_node_bytes", p.gradient_inter_node_bytes},
          {"best_value", p.best_value},
          {"best_update", p.best_update},
          {"validations_since_best", p.validations_since_best}};
}

TrainProgress progress_from_json(const Value& v) {
  TrainProgress p;
  p.update = v.at("update");
  p.data = {v.at("epoch"), v.at("window"), v.at("step"), v.at("ranks"), {}};
  for (const auto& item : v.at("used"))
    p.data.used.push_back({item.at(0), item.at(1)});
  p.seconds = v.at("seconds");
  p.cpu_seconds = v.at("cpu_seconds");
  p.tokens = v.at("tokens");
  p.inter_node_bytes = v.at("inter_node_bytes");
  p.in_node_bytes = v.at("in_node_bytes");
  p.gradient_inter_node_bytes = v.at("gradient_inter_node_bytes");
  p.best_value = v.at("best_value");
  p.best_update = v.at("best_update");
  p.validations_since_best = v.at("validations_since_best");
  return p;
}

fs::path Checkpoints::file(int64_t update) const {
  return folder_ / fmt::format("update-{:08}.safetensors", update);
}

std::vector<fs::path> Checkpoints::oldest_first() const {
  std::vector<fs::path> out;
  if (!fs::exists(folder_)) return out;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().filename().string().starts_with("update-")) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void Checkpoints::save(const FlatParameters& parameters, const TrainProgress& progress,
                       Group& world) const {
  const torch::NoGradGuard no_grad;
  Tensors tensors;
  add(tensors, parameters.shared);
  // Every rank knows whether there are experts at all: they are shared out evenly.
  if (parameters.experts.size() > 0) add_experts(tensors, parameters.experts, world);
  if (world.rank() != 0) return;
  save_safetensors(file(progress.update), tensors, to_json(progress));
  auto files = oldest_first();
  while (static_cast<int64_t>(files.size()) > keep_) {
    fs::remove(files.front());
    files.erase(files.begin());
  }
}

void Checkpoints::mark_best(int64_t update) const {
  link_atomic(file(update), best());
}

std::optional<fs::path> Checkpoints::last() const {
  const auto files = oldest_first();
  return files.empty() ? std::nullopt : std::optional(files.back());
}

// The update of the newest checkpoint that is whole, or -1.
int64_t Checkpoints::whole_update() const {
  auto files = oldest_first();
  for (; !files.empty(); files.pop_back()) {
    try {
      const Safetensors file(files.back());
      if (!file.metadata().is_null()) return file.metadata().at("update");
      fmt::print(stderr, "'{}' is not a checkpoint of xp; passed over\n", files.back().string());
    } catch (const Error& error) {
      fmt::print(stderr, "{}; passed over\n", error.what());
    }
  }
  return -1;
}

std::optional<fs::path> Checkpoints::usable(Group& world) const {
  auto update = torch::full({1}, int64_t{-1}, torch::kLong);
  if (world.rank() == 0) update.fill_(whole_update());
  world.broadcast(update, /*from=*/0);
  const auto chosen = update.item<int64_t>();
  return chosen < 0 ? std::nullopt : std::optional(file(chosen));
}

TrainProgress load_checkpoint(const fs::path& path, FlatParameters& parameters) {
  const torch::NoGradGuard no_grad;
  const Safetensors file(path);
  if (file.metadata().is_null()) machine_error("'{}' is not a checkpoint of xp", path.string());
  fill(file, parameters.shared);
  fill(file, parameters.experts);
  return progress_from_json(file.metadata());
}

void load_parameters(const fs::path& path, TranslationModel& model) {
  const torch::NoGradGuard no_grad;
  const Safetensors file(path);
  for (auto& parameter : model.parameter_list())
    file.read(parameter.name, parameter.tensor);
}

}  // namespace xp
