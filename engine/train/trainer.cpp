// The loop and its bookkeeping.
#include "engine/train/trainer.h"

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/nn/loss.h"
#include "engine/train/parameters.h"
#include "registry/schedule.h"

#include <ATen/autocast_mode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_now() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Figures that ride behind the gradients through the all-reduce, so that an update needs no other
// one.
enum Figure : int64_t { kTokens, kNll, kBalance, kCpuSeconds, kSeconds, kStop, kNumFigures };

constexpr int64_t kWarmSteps = 10;     // left out of timings: caches and allocators settle
constexpr int64_t kEventUpdates = 10;  // updates between "update" events

// bfloat16 for matrix products while it lives, where asked.
class Autocast {
 public:
  explicit Autocast(bool on) : on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

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
        parameters_(model, optimizer_->state_names(), kNumFigures),
        checkpoints_(job.checkpoints, settings_.keep) {
    if (settings_.precision == "fp16") {
      user_error("'precision' is \"fp16\", which needs a GPU; use \"bf16\" or \"fp32\" on the CPU");
    }
    resume();
    const BatchRule rule{settings_.max_tokens, world_.size(),
                         seed_for(static_cast<uint64_t>(settings_.seed), "batches")};
    stream_ = std::make_unique<BatchStream>(pairs, rule, job.sampling, world_.rank(),
                                            progress_.data, [this](int64_t needed) {
                                              auto most = torch::full({1}, needed, torch::kLong);
                                              world_.all_reduce_max(most);
                                              return most.item<int64_t>();
                                            });
  }

  TrainEnd run();

 private:
  void resume();
  int64_t num_expert_parameters() const {
    return parameters_.experts.size() * world_.size() / parameters_.num_copies();
  }
  void start_event() const;
  void micro_batch();
  void add_gradients(const Batch& batch);
  void update();
  void take_figures();
  void scale_and_clip();
  void log_update();
  void log_loads();
  bool wants_stop() const { return figures_[kStop] > 0; }
  double share_done() const;
  bool is_finished() const;
  void validate();
  void save();
  Value summary();
  double slowest_median_ms();
  double link_sum(int64_t LinkBytes::*member) const;

  TranslationModel& model_;
  Group& world_;
  const TrainJob& job_;
  const TrainSection& settings_;
  EventLog* events_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<Schedule> schedule_;
  FlatParameters parameters_;
  Checkpoints checkpoints_;
  std::unique_ptr<BatchStream> stream_;
  TrainProgress progress_;
  Validation last_validation_;
  std::array<double, kNumFigures> figures_{};
  std::vector<double> step_ms_;
  LinkBytes bytes_;  // of updates, this rank, since this attempt began
  int64_t saved_update_ = -1, timed_updates_ = 0;
  double timed_tokens_ = 0, timed_seconds_ = 0, gradient_norm_ = 0, loss_ = 0, update_seconds_ = 0;
  double cpu_before_ = 0;
};

void Run::resume() {
  const auto file = checkpoints_.usable(world_);
  if (!file) return;
  progress_ = load_checkpoint(*file, parameters_);
  saved_update_ = progress_.update;
}

void Run::start_event() const {
  if (events_ == nullptr) return;
  events_->write("start", progress_.update,
                 {{"max_updates", settings_.max_updates},
                  {"parameters_shared", parameters_.shared.size()},
                  {"parameters_experts", num_expert_parameters()},
                  {"too_long", stream_->num_too_long()}});
}

void Run::micro_batch() {
  const Batch batch = stream_->next();
  for (int64_t part = 0; part < job_.micro_batch_split; ++part)
    add_gradients(part_of(batch, part, job_.micro_batch_split));
}

void Run::add_gradients(const Batch& batch) {
  if (batch.empty()) {
    const auto zero = model_.idle_forward();
    if (zero.requires_grad()) zero.backward();
    return;
  }
  torch::Tensor objective, nll;
  {
    const Autocast autocast(settings_.precision == "bf16");
    const ModelOutput output = model_.forward(batch);
    const CrossEntropy loss =
        cross_entropy(output.h_TD, output.output_VD, output.target_T, settings_.label_smoothing);
    nll = loss.nll;
    objective = loss.objective;
    if (output.balance.defined()) {
      objective = objective + output.balance * static_cast<double>(batch.num_tokens);
      parameters_.shared.tail()[kBalance] +=
          output.balance.item<double>() * static_cast<double>(batch.num_tokens);
    }
  }
  objective.backward();
  auto tail = parameters_.shared.tail();
  tail[kTokens] += static_cast<double>(batch.num_tokens);
  tail[kNll] += nll.item<double>();
}

// Sums gradients and figures over the ranks.
void Run::take_figures() {
  auto tail = parameters_.shared.tail();
  const double cpu = cpu_now();
  tail[kCpuSeconds] = cpu - cpu_before_;
  cpu_before_ = cpu;
  if (world_.rank() == 0) tail[kSeconds] = update_seconds_;
  if (job_.stop != nullptr && job_.stop->load()) tail[kStop] = 1;
  world_.all_reduce_sum(parameters_.shared.gradients);
  const auto sums = tail.to(torch::kDouble);
  std::copy_n(sums.data_ptr<double>(), kNumFigures, figures_.begin());
}

void Run::scale_and_clip() {
  gradient_norm_ = parameters_.normalise_gradients(
      world_, std::max(figures_[kTokens], 1.0),
      expert_gradient_scale(settings_.expert_gradient_scale, world_.size(),
                            parameters_.num_copies()),
      settings_.clip_norm);
  if (std::isfinite(gradient_norm_)) return;
  user_error(
      "the gradient is not finite at update {}; try a lower train.optimizer.lr or "
      "train.precision = \"fp32\"",
      progress_.update + 1);
}

void Run::update() {
  const auto start = Clock::now();
  const LinkBytes before = world_.bytes();
  // One stream of random numbers for each update and rank: resuming needs no saved generator.
  torch::manual_seed(seed_for(static_cast<uint64_t>(settings_.seed), "dropout",
                              progress_.update * world_.size() + world_.rank()));
  parameters_.zero_gradients();
  for (int64_t i = 0; i < settings_.accumulate; ++i)
    micro_batch();
  take_figures();
  {
    const torch::NoGradGuard no_grad;
    scale_and_clip();
    const int64_t number = progress_.update + 1;
    const double lr = optimizer_->lr() * schedule_->factor(number);
    optimizer_->apply(parameters_.shared.values, parameters_.shared.gradient(),
                      parameters_.shared.state, number, lr);
    optimizer_->apply(parameters_.experts.values, parameters_.experts.gradient(),
                      parameters_.experts.state, number, lr);
  }
  ++progress_.update;
  progress_.data = stream_->position();
  progress_.tokens += figures_[kTokens];
  progress_.cpu_seconds += figures_[kCpuSeconds];
  progress_.seconds += figures_[kSeconds];
  bytes_ += world_.bytes() - before;
  update_seconds_ = seconds_since(start);
  loss_ = figures_[kNll] / std::max(figures_[kTokens], 1.0);
  if (++timed_updates_ <= kWarmSteps) return;
  step_ms_.push_back(1e3 * update_seconds_);
  timed_tokens_ += figures_[kTokens];
  timed_seconds_ += update_seconds_;
}

void Run::log_update() {
  if (progress_.update % kEventUpdates != 0 && progress_.update != 1) return;
  const MoeMetrics metrics = model_.take_metrics();
  if (events_ == nullptr) return;
  Value values = {{"loss", loss_},
                  {"balance", figures_[kBalance] / std::max(figures_[kTokens], 1.0)},
                  {"gradient_norm", gradient_norm_},
                  {"lr", optimizer_->lr() * schedule_->factor(progress_.update)},
                  {"tokens", progress_.tokens},
                  {"epochs", stream_->epochs()},
                  {"share_done", share_done()},
                  {"cpu_seconds", progress_.cpu_seconds},
                  {"step_ms", 1e3 * update_seconds_}};
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
  if (events_ == nullptr || loads.empty()) return;
  Value values = Value::object();
  for (const auto& [layer, shares] : loads) {
    for (const double share : shares)
      values[layer].push_back(std::round(100 * share) / 100);
  }
  events_->write("load", progress_.update, values);
}

void Run::validate() {
  log_loads();
  model_.eval();
  {
    const torch::NoGradGuard no_grad;
    last_validation_ = job_.validate();
    model_.take_metrics();
  }
  model_.train();
  const bool by_bleu = settings_.best_metric == "bleu" && last_validation_.contains("bleu");
  const double value = by_bleu ? last_validation_.at("bleu") : -last_validation_.at("perplexity");
  const bool is_best = progress_.best_update == 0 || value > progress_.best_value;
  progress_.validations_since_best = is_best ? 0 : progress_.validations_since_best + 1;
  if (is_best) {
    progress_.best_value = value;
    progress_.best_update = progress_.update;
  }
  save();
  if (is_best && world_.rank() == 0) checkpoints_.mark_best(progress_.update);
  if (events_ != nullptr) events_->write("validation", progress_.update, last_validation_);
  cpu_before_ = cpu_now();
}

double Run::link_sum(int64_t LinkBytes::*member) const {
  auto sum = torch::full({1}, static_cast<double>(bytes_.*member), torch::kDouble);
  world_.all_reduce_sum(sum);
  return sum.item<double>();
}

void Run::save() {
  if (saved_update_ == progress_.update) return;
  progress_.inter_node_bytes += link_sum(&LinkBytes::inter_node);
  progress_.in_node_bytes += link_sum(&LinkBytes::in_node);
  bytes_ = {};
  checkpoints_.save(parameters_, progress_, world_);
  saved_update_ = progress_.update;
  if (events_ != nullptr) events_->write("checkpoint", progress_.update, Value::object());
  cpu_before_ = cpu_now();
}

// Median over updates of the slowest rank at each.
double Run::slowest_median_ms() {
  if (step_ms_.empty()) return 0;
  auto slowest = torch::tensor(step_ms_, torch::kDouble);
  world_.all_reduce_max(slowest);
  return slowest.median().item<double>();
}

Value Run::summary() {
  const double updates = static_cast<double>(std::max<int64_t>(progress_.update, 1));
  const auto& topology = world_.topology();
  // A ring all-reduce sends 2 (R - 1) / R of the buffer over each edge; one edge of each node
  // leaves it.
  const double ranks = static_cast<double>(world_.size());
  const double ring =
      topology.nodes > 1 ? static_cast<double>(topology.nodes) * 2 * (ranks - 1) / ranks : 0;
  Value out = {{"updates", progress_.update},
               {"epochs", stream_->epochs()},
               {"train_loss", loss_},
               {"tokens", progress_.tokens},
               {"cpu_seconds", progress_.cpu_seconds},
               {"train_seconds", progress_.seconds},
               {"inter_node_bytes", progress_.inter_node_bytes / updates},
               {"in_node_bytes", progress_.in_node_bytes / updates},
               {"gradient_inter_node_bytes",
                ring * static_cast<double>(parameters_.shared.gradients.nbytes())},
               {"parameters", parameters_.shared.size() + num_expert_parameters()},
               {"best_update", progress_.best_update}};
  const double step_ms = slowest_median_ms();
  if (step_ms > 0) out["step_ms"] = step_ms;
  if (timed_seconds_ > 0) out["tokens_per_second"] = timed_tokens_ / timed_seconds_;
  for (const auto& [name, value] : last_validation_) {
    const bool named = name.starts_with("valid_");
    out[named ? name : "valid_" + name] = value;
  }
  return out;
}

TrainEnd Run::run() {
  start_event();
  model_.train();
  cpu_before_ = cpu_now();
  while (!is_finished() && !wants_stop()) {
    update();
    log_update();
    const bool ends = is_finished();
    if (!ends && progress_.update % settings_.validate_every == 0) validate();
    if (!ends && progress_.update % settings_.save_every == 0) save();
  }
  const bool stopped = wants_stop() && !is_finished();
  if (stopped)
    save();
  else
    validate();
  return {stopped, summary()};
}

}  // namespace

TrainEnd train(TranslationModel& model, const Pairs& pairs, const Groups& groups,
               const TrainJob& job, EventLog* events) {
  return Run(model, pairs, groups, job, events).run();
}

}  // namespace xp
