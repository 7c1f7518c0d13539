// What `xp probe` predicts updates from: all ranks send at once, then all compute at once, as they
// do in a training.
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/to_integer.h"
#include "engine/device/accelerator.h"
#include "engine/train/objective.h"
#include "engine/train/pairs.h"
#include "engine/train/parameters.h"
#include "engine/worker/rank.h"
#include "registry/schedule.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds that all ranks need for the same: the slowest one's, of the quickest of some tries.
class Timer {
 public:
  explicit Timer(Group& world) : world_(world) {}

  double operator()(int tries, const std::function<void()>& work) const {
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < tries; ++i) {
      world_.barrier();
      const auto start = Clock::now();
      work();
      if (accelerator() != nullptr) accelerator()->synchronize();
      const auto took = std::chrono::duration<double, std::micro>(Clock::now() - start).count();
      auto slowest = torch::full({1}, to_integer(took) + 1, torch::kLong);
      world_.all_reduce_max(slowest);
      best = std::min(best, 1e-6 * static_cast<double>(slowest.item<int64_t>()));
    }
    return best;
  }

 private:
  Group& world_;
};

constexpr int kTries = 3;

// Rows of 4 KiB to every other member, as many from each.
void exchange(Group& group, int64_t rows_each) {
  std::vector<int64_t> counts(static_cast<size_t>(group.size()), rows_each);
  counts[static_cast<size_t>(group.rank())] = 0;
  const auto rows = torch::zeros({rows_each * (group.size() - 1), 1024}, computing_device());
  group.all_to_all(rows, counts, counts);
}

// In each direction, for each member. Zeros for a group of one.
Value speed_of(Group& group, const Timer& timer, int64_t members_of_port) {
  if (group.size() == 1) return {{"latency_s", 0.0}, {"bytes_per_s", 0.0}};
  constexpr int kExchanges = 20;  // at a time: a single one says more of when ranks wake up
  const double latency = timer(kTries,
                               [&] {
                                 for (int i = 0; i < kExchanges; ++i)
                                   exchange(group, 1);
                               }) /
                         kExchanges;
  // A limited link lets a burst pass: enough rows for it not to count.
  constexpr int64_t kFirst = 64, kMaxRows = 16384;  // 64 MiB to all members
  constexpr double kEnough_s = 0.3;
  int64_t rows = kFirst;
  while (4 * rows * (group.size() - 1) <= kMaxRows &&
         timer(1, [&] { exchange(group, rows); }) < kEnough_s)
    rows *= 4;
  const double seconds = timer(kTries, [&] { exchange(group, rows); });
  const auto bytes = static_cast<double>(4096 * rows * (group.size() - 1) * members_of_port);
  return {{"latency_s", latency}, {"bytes_per_s", bytes / std::max(1e-6, seconds - latency)}};
}

/// A model on this rank alone, with experts of all ranks if it has any.
class Trained {
 public:
  Trained(Value settings, const std::string& exchange, const PreparedCorpus& corpus)
      : train_(bind_settings<TrainSection>(settings.at("train"))),
        optimizer_(make_part<Optimizer>(train_.optimizer)) {
    if (settings["model"].contains("moe"))
      settings["model"]["moe"]["exchange"] = {{"use", exchange}};
    model_ = build_model(settings, corpus, groups_, nullptr);
    model_->train();
    parameters_.emplace(*model_, optimizer_->state_names(), 0);
  }
  void pass(const Batch& batch) {
    parameters_->clear_gradients();
    add_gradients_of(objectives_of(*model_, std::span(&batch, 1), train_));
    parameters_->complete_gradients();
  }
  void update() {
    const torch::NoGradGuard no_grad;
    parameters_->normalise_gradients(*groups_.world, 1, 1, train_.clip_norm);
    for (FlatBuffer* buffer : {&parameters_->shared, &parameters_->experts})
      apply_update(*buffer, *optimizer_, 1, optimizer_->lr(), *groups_.world);
  }

 private:
  TrainSection train_;
  Groups groups_ = alone();
  std::unique_ptr<Optimizer> optimizer_;
  std::shared_ptr<TranslationModel> model_;
  std::optional<FlatParameters> parameters_;
};

// A rank's first batch of the training.
Batch first_batch(const PreparedCorpus& corpus, const Value& settings, Group& world) {
  const Pairs pairs(corpus, "train");
  const auto train = bind_settings<TrainSection>(settings.at("train"));
  const BatchRule rule{train.max_tokens, world.size(),
                       seed_for(static_cast<uint64_t>(train.seed), "batches")};
  const auto sampling = bind_settings<CorpusSection>(settings.at("corpus")).sampling;
  BatchStream stream(pairs, rule, sampling, world.rank(), {}, [&world](int64_t needed) {
    auto most = torch::full({1}, needed, torch::kLong);
    world.all_reduce_max(most);
    return most.item<int64_t>();
  });
  return stream.next();
}

}  // namespace

int probe_command(const WorkerArguments& arguments) {
  const Groups groups = join_groups(arguments);
  Group& world = *groups.world;
  const Value settings = load_run_settings(arguments);
  const PreparedCorpus corpus = open_corpus(arguments.corpus, settings.at("corpus"));
  const Timer timer(world);
  Value out;
  out["in_node"] = speed_of(*groups.node, timer, 1);
  out["inter_node"] = speed_of(*groups.peers, timer, groups.node->size());
  const Batch batch = first_batch(corpus, settings, world);
  const auto batches = static_cast<double>(
      num_micro_batches(bind_settings<TrainSection>(settings.at("train")), world.size()));
  for (const auto& [exchange, key] :
       {std::pair("dense", "dense_s"), std::pair("gshard", "full_s")}) {
    Trained trained(settings, exchange, corpus);
    trained.pass(batch);  // caches and allocators warm up
    out[key] = batches * timer(kTries, [&] { trained.pass(batch); });
    if (!out.contains("optimizer_s")) out["optimizer_s"] = timer(kTries, [&] { trained.update(); });
  }
  if (world.rank() == 0) write_atomic(arguments.folder / "probe.json", json_text(out) + "\n");
  world.barrier();
  return 0;
}

}  // namespace xp
