// Saving and loading over safetensors.
#include "engine/train/checkpoint.h"

#include "engine/base/error.h"
#include "engine/base/json_text.h"
#include "engine/base/text.h"
#include "engine/comm/gather.h"
#include "engine/train/safetensors.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_mean.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <set>

// Of tcmalloc, which xp-engine links; null in other programs.
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace xp {
namespace {

using Tensors = std::map<std::string, torch::Tensor>;

// A copy in the host's memory.
torch::Tensor host_copy(const torch::Tensor& tensor) {
  return tensor.is_cpu() ? tensor.clone() : tensor.to(torch::kCPU);
}

std::string state_name(const std::string& state, const std::string& parameter) {
  return "optimizer." + state + "/" + parameter;
}

// Views of `values` and `state`, which have the layout of `buffer`.
void add(Tensors& out, const FlatBuffer& buffer, const torch::Tensor& values,
         const OptimizerState& states) {
  int64_t at = 0;
  for (const auto& parameter : buffer.parameters) {
    const auto shape = parameter.tensor.sizes();
    const int64_t end = at + parameter.tensor.numel();
    out[parameter.name] = values.slice(0, at, end).view(shape);
    for (const auto& [name, state] : states)
      out[state_name(name, parameter.name)] = state.slice(0, at, end).view(shape);
    at = end;
  }
}

// One rank's flat buffer, in the host's memory of rank 0; nothing on the others. Collective.
torch::Tensor brought_to_first(const torch::Tensor& own, int64_t from, Group& world) {
  if (world.rank() != 0) {
    if (world.rank() == from) world.transfer({{0, own}}, {});
    return {};
  }
  if (from == 0) return host_copy(own);
  const auto taken = torch::empty_like(own);  // ranks have equally many experts
  world.transfer({}, {{from, taken}});
  return taken.is_cpu() ? taken : host_copy(taken);
}

// The experts of all ranks, for rank 0: every rank sends its flat buffers and the names and shapes
// in them.
void add_experts(Tensors& out, const FlatBuffer& experts, Group& world) {
  Value layout = Value::array();
  for (const auto& parameter : experts.parameters)
    layout.push_back({parameter.name, parameter.tensor.sizes().vec()});
  const auto layouts = gather_texts(world, json_text(layout));
  OptimizerState buffers = experts.state;
  buffers[""] = experts.values;
  for (int64_t rank = 0; rank < world.size(); ++rank) {
    const Value items = Value::parse(layouts[static_cast<size_t>(rank)]);
    for (const auto& [state, own] : buffers) {
      const auto values = brought_to_first(own, rank, world);
      if (!values.defined()) continue;
      int64_t at = 0;
      for (const auto& item : items) {
        const auto shape = item.at(1).get<std::vector<int64_t>>();
        const int64_t end = at + c10::multiply_integers(shape);
        const std::string name = item.at(0).get<std::string>();
        out[state.empty() ? name : state_name(state, name)] = values.slice(0, at, end).view(shape);
        at = end;
      }
    }
  }
}

void fill(const Safetensors& file, FlatBuffer& buffer) {
  const auto [first, last] = buffer.part(buffer.share);
  OptimizerState whole;
  for (const auto& [name, own] : buffer.state)
    whole[name] = buffer.shares == 1 ? own : torch::empty_like(buffer.values);
  Tensors views;
  add(views, buffer, buffer.values, whole);
  for (auto& [name, view] : views)
    file.read(name, view);
  if (buffer.shares == 1) return;
  for (auto& [name, own] : buffer.state)
    own.copy_(whole.at(name).slice(0, first, last));
}

// "train.seed (2, here 1)": the settings below one of `sections`, or all, in which `theirs`
// differs.
std::vector<std::string> differences(const Value& theirs, const Value& ours,
                                     const std::vector<std::string>& sections = {}) {
  const auto is_wanted = [&](const std::string& path) {
    return sections.empty() ||
           std::any_of(sections.begin(), sections.end(),
                       [&](const std::string& start) { return path.starts_with(start + "."); });
  };
  std::map<std::string, std::pair<std::string, std::string>> values;
  for (const auto& [path, value] : leaves(theirs))
    values[path].first = json_text(value);
  for (const auto& [path, value] : leaves(ours))
    values[path].second = json_text(value);
  std::vector<std::string> out;
  for (const auto& [path, both] : values) {
    const auto& [there, here] = both;
    if (there == here || !is_wanted(path)) continue;
    out.push_back(fmt::format("{} ({}, here {})", path, there.empty() ? "unset" : there,
                              here.empty() ? "unset" : here));
  }
  return out;
}

void require_origin(const TensorFile& file, const Origin& origin) {
  const std::string id = file.metadata().value("training_id", "");
  if (id.empty() || origin.training_id.empty() || id == origin.training_id) return;
  const auto list =
      differences(file.metadata().value("settings", Value::object()), origin.settings);
  user_error(
      "checkpoint '{}' is of training {}, and this is training {}: {}; move it elsewhere, or "
      "start from it with train.init_from",
      file.path().string(), id, origin.training_id,
      list.empty() ? "their corpora differ" : "settings differ: " + join(list, ", "));
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
          {"loss", p.loss},
          {"step_ms", p.step_ms},
          {"tokens_per_second", p.tokens_per_second},
          {"best_value", p.best_value},
          {"best_update", p.best_update},
          {"validations_since_best", p.validations_since_best},
          {"mean_loss", p.trend.mean},
          {"lowest_mean_loss", p.trend.lowest_mean},
          {"loss_scale", p.scale.factor},
          {"loss_scale_updates", p.scale.good_updates},
          {"validated_update", p.validated_update},
          {"validation", p.validation}};
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
  // Not in checkpoints of earlier versions.
  p.loss = v.value("loss", 0.0);
  p.step_ms = v.value("step_ms", 0.0);
  p.tokens_per_second = v.value("tokens_per_second", 0.0);
  p.trend = {v.value("mean_loss", 0.0), v.value("lowest_mean_loss", 0.0)};
  p.scale = {v.value("loss_scale", LossScale{}.factor), v.value("loss_scale_updates", int64_t{0})};
  p.validated_update = v.value("validated_update", int64_t{0});
  p.validation = v.value("validation", Validation());
  return p;
}

void Checkpoints::save(const FlatParameters& parameters, const TrainProgress& progress,
                       Group& world, EventLog* events) {
  const torch::NoGradGuard no_grad;
  finish();
  // What activations left behind is in pieces too small for the copies.
  if (MallocExtension_ReleaseFreeMemory != nullptr) MallocExtension_ReleaseFreeMemory();
  // Copies: training continues while they are written.
  Tensors tensors;
  const FlatBuffer &shared = parameters.shared, &experts = parameters.experts;
  if (shared.shares > 1 || world.rank() == 0) {
    const OptimizerState state = whole_state(shared, world);
    if (world.rank() == 0) add(tensors, shared, host_copy(shared.values), state);
  }
  // Every rank knows whether there are experts at all: they are distributed evenly.
  if (world.size() == 1)
    add(tensors, experts, host_copy(experts.values), whole_state(experts, world));
  else if (experts.size() > 0)
    add_experts(tensors, experts, world);
  if (world.rank() != 0) return;
  Value metadata = to_json(progress);
  if (!origin_.training_id.empty()) {
    metadata["training_id"] = origin_.training_id;
    metadata["settings"] = origin_.settings;
  }
  saving_ = std::async(std::launch::async,
                       [this, tensors = std::move(tensors), metadata = std::move(metadata),
                        events] { write(tensors, metadata, events); });
  if (!in_background_) finish();
}

void Checkpoints::finish() {
  if (saving_.valid()) saving_.get();
}

void Checkpoints::write(const Tensors& tensors, const Value& progress, EventLog* events) const {
  const int64_t update = progress.at("update");
  if (events != nullptr) events->flush();  // what led here must not be lost if the power fails
  save_safetensors(checkpoint_file(folder_, update), tensors, progress);
  remove_old();
  if (events == nullptr) return;
  events->write("checkpoint", update, Value::object());
  spdlog::info("update {}: checkpoint saved", update);
}

void Checkpoints::remove_old() const {
  const auto updates = checkpoint_updates(folder_);
  const auto num_kept = std::min(updates.size(), static_cast<size_t>(keep_));
  std::set<int64_t> kept(updates.end() - static_cast<std::ptrdiff_t>(num_kept), updates.end());
  for (const int64_t update : std::set<int64_t>(kept)) {
    try {
      const TensorFile file(checkpoint_file(folder_, update));
      if (file.metadata().is_object()) kept.insert(file.metadata().value("best_update", update));
    } catch (const Error&) {  // a damaged one names nothing
    }
  }
  for (const int64_t update : updates) {
    if (!kept.contains(update)) fs::remove(checkpoint_file(folder_, update));
  }
}

Checkpoints::Usable Checkpoints::usable(Group& world) const {
  Usable out;
  auto update = torch::full({1}, int64_t{-1}, torch::kLong);
  if (world.rank() == 0) {
    auto updates = checkpoint_updates(folder_);
    for (; !updates.empty() && update.item<int64_t>() < 0; updates.pop_back()) {
      const fs::path path = checkpoint_file(folder_, updates.back());
      try {
        const TensorFile file(path);
        progress_from_json(file.metadata());
        file.verify();
        update.fill_(updates.back());
        require_origin(file, origin_);
      } catch (const Value::exception&) {
        out.notes.push_back(fmt::format(
            "'{}' is not a checkpoint of a training; using the one before it", path.string()));
      } catch (const Error& error) {
        if (error.blame() == Blame::kUser) throw;
        out.notes.push_back(fmt::format("{}; using the one before it", error.what()));
      }
    }
  }
  world.broadcast(update, /*from=*/0);
  const auto chosen = update.item<int64_t>();
  if (chosen >= 0) out.file = checkpoint_file(folder_, chosen);
  return out;
}

// Earlier versions kept the best checkpoint under a second name and forgot the first.
void Checkpoints::restore_name(int64_t update) const {
  const auto found = find_checkpoint(folder_, update);
  const fs::path name = checkpoint_file(folder_, update);
  if (found && *found != name) fs::rename(*found, name);
}

TrainProgress Checkpoints::load(const fs::path& path, FlatParameters& parameters,
                                Group& world) const {
  const torch::NoGradGuard no_grad;
  const Safetensors file(path);
  fill(file, parameters.shared);
  fill(file, parameters.experts);
  auto out = progress_from_json(file.metadata());
  auto has_best = torch::zeros({1}, torch::kLong);
  if (world.rank() == 0) {
    restore_name(out.best_update);
    has_best.fill_(fs::exists(checkpoint_file(folder_, out.best_update)) ? 1 : 0);
  }
  world.broadcast(has_best, /*from=*/0);
  if (has_best.item<int64_t>() == 0) out.best_update = out.validated_update = 0;
  return out;
}

void load_initial_parameters(const fs::path& path, TranslationModel& model, const Origin& origin) {
  const torch::NoGradGuard no_grad;
  const Safetensors file(path);
  std::string misfit;
  for (const auto& parameter : model.parameter_list()) {
    const auto sizes = json_text(Value(parameter.tensor.sizes().vec()));
    const std::string there =
        !file.has(parameter.name) ? "not there" : json_text(Value(file.shape(parameter.name)));
    if (there != sizes)
      misfit = fmt::format("'{}' is {}, this model has {}", parameter.name, there, sizes);
    if (!misfit.empty()) break;
  }
  if (!misfit.empty()) {
    const Value settings = file.metadata().is_object()
                               ? file.metadata().value("settings", Value::object())
                               : Value::object();
    const auto list = differences(settings, origin.settings, {"model", "corpus.vocabulary"});
    user_error("'{}' of train.init_from does not fit: {}{}", path.string(), misfit,
               settings.empty() || list.empty() ? "" : "; settings differ: " + join(list, ", "));
  }
  for (auto& parameter : model.parameter_list())
    file.read(parameter.name, parameter.tensor);
}

void load_parameters(const std::vector<fs::path>& paths, TranslationModel& model) {
  const torch::NoGradGuard no_grad;
  // The last one is opened as tensors too, which compares types and shapes with the model's.
  const Safetensors file(paths.back());
  std::vector<std::shared_ptr<const TensorFile>> files;
  if (paths.size() > 1) {
    for (const auto& path : paths)
      files.push_back(std::make_shared<TensorFile>(path));
  }
  for (auto& parameter : model.parameter_list()) {
    auto mean = torch::empty_like(parameter.tensor, torch::kCPU);
    file.read(parameter.name, mean);
    if (!files.empty()) {
      const std::string bytes = mean_of(files, parameter.name);
      std::memcpy(mean.data_ptr(), bytes.data(), bytes.size());
    }
    parameter.tensor.copy_(mean);
  }
}

}  // namespace xp
