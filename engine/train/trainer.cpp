// The loop and its bookkeeping.
#include "engine/train/trainer.h"

#include "engine/base/cpu.h"
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/comm/all_to_all.h"
#include "engine/comm/gather.h"
#include "engine/device/accelerator.h"
#include "engine/nn/dropout.h"
#include "engine/train/exchange_log.h"
#include "engine/train/gradient_reduction.h"
#include "engine/train/late_update.h"
#include "engine/train/objective.h"
#include "engine/train/parameters.h"
#include "registry/schedule.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace xp {
namespace {

// Figures that are summed over ranks behind the gradients, so that they need no collective of their
// own. On a device only the losses are: the host sums what it knows itself, and reads the losses of
// several updates at once.
enum Figure : int64_t { kTokens, kNll, kBalance, kCpuSeconds, kSeconds, kStop, kNumFigures };

constexpr int64_t kWarmSteps = 10;     // left out of timings: caches and allocators warm up
constexpr int64_t kEventUpdates = 10;  // updates between "update" events

// One training under way.
class Run {
 public:
  Run(TranslationModel& model, const Pairs& pairs, const Groups& groups, const TrainJob& job,
      EventLog* events)
      : model_(model),
        world_(*groups.world),
        job_(job),
        settings_(job.settings),
        events_(events),
        optimizer_(make_part<Optimizer>(settings_.optimizer)),
        schedule_(make_part<Schedule>(settings_.schedule)),
        parameters_(model, optimizer_->state_names(), kNumFigures + GradientReduction::kOwnFigures,
                    settings_.shard_optimizer ? &world_ : nullptr),
        reduction_(parameters_.shared, groups, wire_from(settings_.gradient_wire)),
        late_update_(parameters_.shared, reduction_, *optimizer_, model, world_),
        checkpoints_(job.checkpoints, settings_.keep, settings_.save_in_background, job.origin),
        health_(settings_.health) {
    if (scales_loss() && computing_device().is_cpu()) {
      user_error("'precision' is \"fp16\", which needs a GPU; use \"bf16\" or \"fp32\" on the CPU");
    }
    resume();
    exchange_log_.emplace(world_, job_.attempt, progress_.update);
    count_too_long(pairs);
    const BatchRule rule{settings_.max_tokens, world_.size(),
                         seed_for(static_cast<uint64_t>(settings_.seed), "batches")};
    stream_ = std::make_unique<BatchStream>(
        pairs, rule, job.sampling, world_.rank(), progress_.data,
        [this](int64_t needed) { return largest_of_all(world_, needed); });
  }

  TrainEnd run();

 private:
  void resume();
  int64_t num_expert_parameters() const {
    return parameters_.experts.size() * world_.size() / parameters_.num_copies();
  }
  void count_too_long(const Pairs& pairs);
  void log_start() const;
  void add_all_gradients();
  void add_gradients(const std::vector<Batch>& batches, bool is_last);
  void update();
  void reduce_gradients();
  void apply_gradients();
  void complete_update();
  void time_update(double seconds);
  void count_pending_time();
  void log_update();
  void add_parts(const MoeMetrics& metrics, Value& values);
  int64_t num_calls() const {  // of each MoE layer in an update
    return num_micro_batches(settings_, world_.size()) * job_.micro_batch_split;
  }
  void log_loads();
  void diverge(const std::string& what, int64_t update);
  void judge(const std::vector<std::string>& findings, int64_t update);
  void read_figures();
  bool has_diverged() const { return !divergence_.empty(); }
  bool scales_loss() const { return settings_.precision == "fp16"; }
  double loss_factor() const { return scales_loss() ? progress_.scale.factor : 1; }
  bool is_stop_requested() const { return figures_[kStop] > 0; }
  double share_done() const;
  bool is_finished() const;
  bool validates_now(double epochs_before) const;
  void validate();
  void choose_best();
  bool has_finite_parameters();
  void save();
  Value summary();
  double slowest_median_ms();
  double over_ranks(int64_t own) const;

  TranslationModel& model_;
  Group& world_;
  const TrainJob& job_;
  const TrainSection& settings_;
  EventLog* events_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  FlatParameters parameters_;
  GradientReduction reduction_;
  LateUpdate late_update_;
  Checkpoints checkpoints_;
  Health health_;
  std::optional<ExchangeLog> exchange_log_;
  std::unique_ptr<BatchStream> stream_;
  TrainProgress progress_;
  double quality_ = 0;      ///< of the last validation
  std::string divergence_;  // one sentence, if the training diverged
  // What the host has not read yet of an update: gradient norm, sums of -log p and balance losses.
  struct Unread {
    int64_t update;
    double tokens;
    torch::Tensor values;
  };
  std::vector<Unread> unread_;
  std::array<double, kNumFigures> host_figures_{}, figures_{};  // of this rank; of all
  std::vector<double> step_ms_;
  LinkBytes bytes_;  // of updates, this rank, since this attempt began
  int64_t saved_update_ = -1, timed_updates_ = 0, num_too_long_ = 0, num_warnings_ = 0;
  double timed_tokens_ = 0, timed_seconds_ = 0, gradient_norm_ = 0, update_seconds_ = 0;
  double pending_seconds_ = 0;  // of the last update, not yet in the progress
  double cpu_before_ = 0;       // CPU time of this rank up to here is in the progress, or left out
  // Of this rank, since its last event of an update.
  struct Interval {
    int64_t updates = 0;
    double seconds = 0;
    double in_node_s = 0, inter_node_s = 0, exposed_s = 0;  // of sums, and waiting, when it began
  };
  Interval interval_;
};

void Run::resume() {
  const auto usable = checkpoints_.usable(world_);
  for (const auto& note : usable.notes)
    spdlog::warn(note);
  if (!usable.file) {
    if (!job_.init_from.empty()) {
      load_initial_parameters(job_.init_from, model_, job_.origin);
      if (events_ != nullptr) spdlog::info("first parameters from '{}'", job_.init_from.string());
    }
    return;
  }
  progress_ = checkpoints_.load(*usable.file, parameters_, world_);
  saved_update_ = progress_.update;
  if (events_ != nullptr)
    spdlog::info("resuming from the checkpoint of update {}", progress_.update);
  if (!has_finite_parameters())
    diverge("its checkpoint has parameters that are not finite", progress_.update);
}

// Training pairs that no batch can hold are left out; here they are counted. Collective.
void Run::count_too_long(const Pairs& pairs) {
  const auto mine = pairs.too_long(settings_.max_tokens, world_.rank(), world_.size());
  auto count = torch::full({1}, mine.count, torch::kLong);
  world_.all_reduce_sum(count);
  const int64_t longest = largest_of_all(world_, mine.longest);
  num_too_long_ = count.item<int64_t>();
  if (num_too_long_ == 0 || events_ == nullptr) return;
  spdlog::warn(
      "{} of {} training pairs are left out: with </s> and language tags they are longer than "
      "train.max_tokens = {}; the longest has {}",
      num_too_long_, pairs.size(), settings_.max_tokens, longest);
}

void Run::log_start() const {
  if (events_ == nullptr) return;
  events_->write("start", progress_.update,
                 {{"max_updates", settings_.max_updates},
                  {"parameters_shared", parameters_.shared.size()},
                  {"parameters_experts", num_expert_parameters()},
                  {"left_out_pairs", num_too_long_}});
  spdlog::info("training {} parameters for {} updates at most",
               parameters_.shared.size() + num_expert_parameters(), settings_.max_updates);
  if (!job_.validate)
    spdlog::warn("there is no validation set: the last checkpoint counts as best");
}

// The parts of all micro-batches of an update, as many at a time as are in flight together.
void Run::add_all_gradients() {
  const int64_t parts = job_.micro_batch_split,
                batches = num_micro_batches(settings_, world_.size());
  const auto together = static_cast<size_t>(settings_.batches_in_flight.value_or(1));
  std::vector<Batch> next;
  for (int64_t i = 0; i < batches; ++i) {
    const Batch batch = stream_->next();
    for (int64_t part = 0; part < parts; ++part) {
      next.push_back(part_of(batch, part, parts));
      const bool is_last = i + 1 == batches && part + 1 == parts;
      if (next.size() < together && !is_last) continue;
      add_gradients(next, is_last);
      next.clear();
    }
  }
}

// `is_last`: of the update.
void Run::add_gradients(const std::vector<Batch>& batches, bool is_last) {
  const auto objectives = objectives_of(model_, batches, settings_);
  late_update_.complete();
  if (is_last) reduction_.begin();
  add_gradients_of(objectives, loss_factor());
  const torch::NoGradGuard no_grad;
  const auto tail = parameters_.shared.tail();
  for (size_t i = 0; i < batches.size(); ++i) {
    const auto& [sum, nll, balance] = objectives[i];
    const auto tokens = static_cast<double>(batches[i].num_tokens);
    host_figures_[kTokens] += tokens;
    if (balance.defined())
      tail[kBalance].add_((balance.detach().to(torch::kDouble) * tokens).to(torch::kFloat));
    if (nll.defined()) tail[kNll].add_(nll.detach());
  }
}

void Run::reduce_gradients() {
  parameters_.complete_gradients();
  auto tail = parameters_.shared.tail();
  const double cpu = own_cpu_seconds();
  host_figures_[kCpuSeconds] = cpu - cpu_before_;
  cpu_before_ = cpu;
  if (world_.rank() == 0) host_figures_[kSeconds] = pending_seconds_;
  if (job_.stop != nullptr && job_.stop->load()) host_figures_[kStop] = 1;
  const auto own = torch::tensor(torch::ArrayRef<double>(host_figures_), torch::kDouble);
  host_figures_ = {};
  if (tail.is_cpu()) tail.slice(0, 0, kNumFigures).add_(own);
  reduction_.finish();
  auto sums = tail.is_cpu() ? tail.to(torch::kDouble) : own;
  if (!tail.is_cpu()) world_.all_reduce_sum(sums);
  std::copy_n(sums.data_ptr<double>(), kNumFigures, figures_.begin());
}

// On the CPU, leaves the parameters as they are if the gradient is not finite.
void Run::apply_gradients() {
  const torch::NoGradGuard no_grad;
  const int64_t number = progress_.update + 1;
  const auto normalised = parameters_.normalise_experts(
      world_, reduction_.square_sum(), std::max(figures_[kTokens], 1.0) * loss_factor(),
      expert_gradient_scale(settings_.expert_gradient_scale, world_.size(),
                            parameters_.num_copies()),
      settings_.clip_norm);
  auto norm = normalised.norm;
  bool is_left_out = false;
  // In float16 the host asks after every update, since the factor of the next one follows from it.
  if (norm.is_cpu() || scales_loss()) {
    gradient_norm_ = norm.item<double>();
    is_left_out = !std::isfinite(gradient_norm_) && scales_loss() && progress_.scale.fail();
    if (is_left_out) {
      gradient_norm_ = 0;
      norm = torch::zeros_like(norm);
    } else if (!std::isfinite(gradient_norm_)) {
      diverge("its gradient is not finite", number);
      return;
    } else if (scales_loss()) {
      progress_.scale.succeed();
    }
  }
  const auto tail = parameters_.shared.tail().to(torch::kDouble);
  unread_.push_back({number, figures_[kTokens], torch::stack({norm, tail[kNll], tail[kBalance]})});
  if (is_left_out) return;
  const double lr = optimizer_->lr() * schedule_->factor(number);
  apply_update(parameters_.experts, *optimizer_, number, lr, world_);
  late_update_.start(normalised.factor, number, lr);
}

// Before others than the next forward pass read parameters. It counts as time of the update.
void Run::complete_update() {
  const double start_s = steady_s();
  late_update_.complete();
  const double seconds = steady_s() - start_s;
  pending_seconds_ += seconds;
  interval_.seconds += seconds;
  if (timed_updates_ > kWarmSteps) timed_seconds_ += seconds;
}

void Run::update() {
  const double start_s = steady_s();
  const LinkBytes before = world_.bytes();
  // Streams of random numbers for each update and rank: resuming needs no saved generator.
  const auto seed = static_cast<uint64_t>(settings_.seed);
  const int64_t stream = progress_.update * world_.size() + world_.rank();
  torch::manual_seed(seed_for(seed, "draws", stream));
  seed_dropout(seed_for(seed, "dropout", stream));
  parameters_.clear_gradients();
  add_all_gradients();
  reduce_gradients();
  apply_gradients();
  if (has_diverged()) return;
  ++progress_.update;
  progress_.data = stream_->position();
  progress_.tokens += figures_[kTokens];
  progress_.cpu_seconds += figures_[kCpuSeconds];
  progress_.seconds += figures_[kSeconds];
  bytes_ += world_.bytes() - before;
  time_update(steady_s() - start_s);
  if (parameters_.shared.values.is_cpu()) read_figures();
}

// Reads the losses and gradient norms of the updates since the last time, all at once, and judges
// them one by one.
void Run::read_figures() {
  if (unread_.empty()) return;
  std::vector<torch::Tensor> values;
  for (const auto& one : unread_)
    values.push_back(one.values);
  const auto read = torch::stack(values).to(torch::kCPU);
  const auto* value = read.data_ptr<double>();
  for (const auto& [update, tokens, device_values] : std::exchange(unread_, {})) {
    gradient_norm_ = value[0];
    progress_.loss = value[1] / std::max(tokens, 1.0);
    figures_[kBalance] = value[2];
    value += 3;
    if (!std::isfinite(gradient_norm_)) return diverge("its gradient is not finite", update);
    judge(health_.check_update(progress_.loss, gradient_norm_, progress_.trend), update);
    if (has_diverged()) return;
  }
}

void Run::time_update(double seconds) {
  pending_seconds_ = update_seconds_ = seconds;
  ++interval_.updates;
  interval_.seconds += seconds;
  if (++timed_updates_ <= kWarmSteps) return;
  step_ms_.push_back(1e3 * seconds);
  timed_tokens_ += figures_[kTokens];
  timed_seconds_ += seconds;
}

// An update's time rides in the next one's all-reduce; here there may be no next one. Collective.
void Run::count_pending_time() {
  auto pending =
      torch::tensor({world_.rank() == 0 ? pending_seconds_ : 0.0, own_cpu_seconds() - cpu_before_},
                    torch::kDouble);
  world_.all_reduce_sum(pending);
  progress_.seconds += pending[0].item<double>();
  progress_.cpu_seconds += pending[1].item<double>();
  pending_seconds_ = 0;
  cpu_before_ = own_cpu_seconds();
}

void Run::diverge(const std::string& what, int64_t update) {
  divergence_ = fmt::format(
      "the training diverged at update {}: {}; try a lower train.optimizer.lr, a longer "
      "train.schedule.warmup_updates or train.precision = \"fp32\"",
      update, what);
  if (events_ != nullptr) events_->write("diverged", update, {{"gradient_norm", gradient_norm_}});
}

// Warns of what [train.health] finds, or ends the training with it.
void Run::judge(const std::vector<std::string>& findings, int64_t update) {
  for (const auto& finding : findings) {
    ++num_warnings_;
    if (events_ != nullptr) spdlog::warn("update {}: {}", update, finding);
    if (health_.stops()) divergence_ = fmt::format("stopped after update {}: {}", update, finding);
  }
}

// Means of an update since the last event: of the gradients, and of the whole. Figures of layers
// are of one call.
void Run::add_parts(const MoeMetrics& metrics, Value& values) {
  const Interval past = std::exchange(interval_, Interval{.in_node_s = reduction_.in_node_s(),
                                                          .inter_node_s = reduction_.inter_node_s(),
                                                          .exposed_s = reduction_.exposed_s()});
  const double ms = 1e3 / static_cast<double>(std::max<int64_t>(past.updates, 1));
  const auto calls = static_cast<double>(num_calls());
  const std::map<std::string, double> gradients = {
      {"in_node_ms", ms * (interval_.in_node_s - past.in_node_s)},
      {"inter_node_ms", ms * (interval_.inter_node_s - past.inter_node_s)},
      {"exposed_ms", ms * (interval_.exposed_s - past.exposed_s)}};
  for (const auto& [part, of_gradients] : gradients) {
    double sum = of_gradients;
    for (const auto& [name, value] : metrics)
      if (name.ends_with("." + part)) sum += calls * value;
    values["gradient_" + part] = of_gradients;
    values[part] = sum;
  }
  values["compute_ms"] = std::max(0.0, ms * past.seconds - values["exposed_ms"].get<double>());
  values["calls"] = calls;
}

void Run::log_update() {
  if (progress_.update % kEventUpdates != 0 && progress_.update != 1) return;
  read_figures();
  if (has_diverged()) return;
  const MoeMetrics metrics = model_.take_metrics();
  if (events_ == nullptr) return;
  Value values = {{"loss", progress_.loss},
                  {"balance", figures_[kBalance] / std::max(figures_[kTokens], 1.0)},
                  {"gradient_norm", gradient_norm_},
                  {"lr", optimizer_->lr() * schedule_->factor(progress_.update)},
                  {"tokens", progress_.tokens},
                  {"epochs", stream_->epochs()},
                  {"share_done", share_done()},
                  {"cpu_seconds", progress_.cpu_seconds},
                  {"step_ms", 1e3 * update_seconds_}};
  add_parts(metrics, values);
  if (timed_seconds_ > 0) values["tokens_per_second"] = timed_tokens_ / timed_seconds_;
  for (const auto& [name, value] : metrics)
    values[name] = value;
  events_->write("update", progress_.update, values);
}

// How much of the nearest limit is used. Every rank comes to the same answer: it depends on summed
// figures only.
double Run::share_done() const {
  const auto share = [](double used, double limit) { return limit > 0 ? used / limit : 0; };
  return std::max(
      {share(static_cast<double>(progress_.update), static_cast<double>(settings_.max_updates)),
       share(stream_->epochs(), settings_.max_epochs),
       share(progress_.cpu_seconds, settings_.max_cpu_seconds),
       share(progress_.seconds, 3600 * settings_.max_hours)});
}

bool Run::is_finished() const {
  const bool lost_patience =
      settings_.patience > 0 && progress_.validations_since_best >= settings_.patience;
  return lost_patience || share_done() >= 1;
}

void Run::log_loads() {
  const ExpertLoads loads = model_.take_loads();
  judge(health_.check_loads(loads), progress_.update);
  if (events_ == nullptr || loads.empty()) return;
  Value values = Value::object();
  for (const auto& [layer, shares] : loads) {
    for (const double share : shares)
      values[layer].push_back(std::round(100 * share) / 100);
  }
  events_->write("load", progress_.update, values);
}

bool Run::validates_now(double epochs_before) const {
  if (progress_.update % settings_.validate_every == 0) return true;
  if (!settings_.validate_epochs) return false;
  const double epochs = *settings_.validate_epochs;
  return std::floor(epochs_before / epochs) < std::floor(stream_->epochs() / epochs);
}

void Run::validate() {
  if (progress_.validated_update == progress_.update) return;  // resumed from its checkpoint
  complete_update();
  read_figures();
  if (!has_diverged()) log_loads();
  if (has_diverged()) return;
  count_pending_time();
  model_.eval();
  {
    const torch::NoGradGuard no_grad;
    const Validated found = job_.validate();
    progress_.validation = found.figures;
    quality_ = std::isnan(found.quality) ? -std::numeric_limits<double>::infinity() : found.quality;
    model_.take_metrics();
    model_.take_loads();
  }
  model_.train();
  cpu_before_ = own_cpu_seconds();
  progress_.validated_update = progress_.update;
  saved_update_ = -1;  // a checkpoint from before the validation does not hold it
  if (!std::isfinite(progress_.validation.at("valid_loss"))) {
    diverge("its validation loss is not finite", progress_.update);
    return;
  }
  choose_best();
  // Before the checkpoint: a kill in between repeats the validation, which ends the same way.
  if (events_ != nullptr) {
    events_->write("validation", progress_.update, progress_.validation);
    spdlog::info("update {}: validation {}{}", progress_.update,
                 json_text(Value(progress_.validation)),
                 progress_.best_update == progress_.update ? ", the best so far" : "");
  }
  save();
}

void Run::choose_best() {
  ++progress_.validations_since_best;
  if (progress_.best_update > 0 && quality_ <= progress_.best_value) return;
  progress_.validations_since_best = 0;
  progress_.best_value = quality_;
  progress_.best_update = progress_.update;
}

bool Run::has_finite_parameters() {
  const bool here = parameters_.shared.values.isfinite().all().item<bool>() &&
                    parameters_.experts.values.isfinite().all().item<bool>();
  return over_ranks(here ? 0 : 1) == 0;
}

double Run::over_ranks(int64_t own) const {
  auto sum = torch::full({1}, static_cast<double>(own), torch::kDouble);
  world_.all_reduce_sum(sum);
  return sum.item<double>();
}

void Run::save() {
  if (saved_update_ == progress_.update) return;
  complete_update();
  read_figures();
  if (has_diverged()) return;
  count_pending_time();
  if (!has_finite_parameters()) {
    diverge("its parameters are not finite after it", progress_.update);
    return;
  }
  progress_.inter_node_bytes += over_ranks(bytes_.inter_node);
  progress_.in_node_bytes += over_ranks(bytes_.in_node);
  progress_.gradient_inter_node_bytes += over_ranks(reduction_.take_bytes().inter_node);
  bytes_ = {};
  if (const double ms = slowest_median_ms(); ms > 0) progress_.step_ms = ms;
  if (timed_seconds_ > 0) progress_.tokens_per_second = timed_tokens_ / timed_seconds_;
  if (!job_.validate) progress_.best_update = progress_.update;
  checkpoints_.save(parameters_, progress_, world_, events_);
  saved_update_ = progress_.update;
  cpu_before_ = own_cpu_seconds();
}

// Median over updates of the slowest rank at each.
double Run::slowest_median_ms() {
  if (step_ms_.empty()) return 0;
  auto slowest = torch::tensor(step_ms_, torch::kDouble);
  world_.all_reduce_max(slowest);
  return slowest.median().item<double>();
}

Value Run::summary() {
  const auto updates = static_cast<double>(std::max<int64_t>(progress_.update, 1));
  Value out = {{"updates", progress_.update},
               {"epochs", stream_->epochs()},
               {"train_loss", progress_.loss},
               {"tokens", progress_.tokens},
               {"cpu_seconds", progress_.cpu_seconds},
               {"train_seconds", progress_.seconds},
               {"inter_node_bytes", progress_.inter_node_bytes / updates},
               {"in_node_bytes", progress_.in_node_bytes / updates},
               {"gradient_inter_node_bytes", progress_.gradient_inter_node_bytes / updates},
               {"parameters", parameters_.shared.size() + num_expert_parameters()},
               {"best_update", progress_.best_update}};
  if (num_too_long_ > 0) out["left_out_pairs"] = num_too_long_;
  if (num_warnings_ > 0) out["health_warnings"] = num_warnings_;
  if (progress_.step_ms > 0) out["step_ms"] = progress_.step_ms;
  if (progress_.tokens_per_second > 0) out["tokens_per_second"] = progress_.tokens_per_second;
  for (const auto& [name, value] : progress_.validation)
    out[name.starts_with("valid_") ? name : "valid_" + name] = value;
  return out;
}

TrainEnd Run::run() {
  log_start();
  model_.train();
  cpu_before_ = own_cpu_seconds();
  while (!has_diverged() && !is_finished() && !is_stop_requested()) {
    const double epochs_before = stream_->epochs();
    update();
    if (has_diverged()) break;
    log_update();
    if (has_diverged()) break;
    if (exchange_log_->is_due(progress_.update))
      exchange_log_->write(model_, progress_.update, num_calls());
    if (is_finished()) break;
    if (job_.validate && validates_now(epochs_before)) validate();
    if (!has_diverged() && progress_.update % settings_.save_every == 0) save();
  }
  const bool stops = is_stop_requested() && !is_finished();
  if (!has_diverged()) {
    exchange_log_->write(model_, progress_.update, num_calls());
    if (job_.validate && !stops)
      validate();
    else
      save();
  }
  complete_update();  // no rank ends while others still wait for its sums
  checkpoints_.finish();
  if (has_diverged()) return {TrainEnd::How::kDiverged, divergence_, Value::object()};
  return {stops ? TrainEnd::How::kStopped : TrainEnd::How::kFinished, "", summary()};
}

}  // namespace

TrainEnd train(TranslationModel& model, const Pairs& pairs, const Groups& groups,
               const TrainJob& job, EventLog* events) {
  return Run(model, pairs, groups, job, events).run();
}

}  // namespace xp
