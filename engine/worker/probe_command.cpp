// What `xp probe` predicts updates from: all ranks send at once, then all compute at once, as they
// do in a training.
#include "engine/base/cpu.h"
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/to_integer.h"
#include "engine/comm/packing.h"
#include "engine/device/accelerator.h"
#include "engine/train/objective.h"
#include "engine/train/pairs.h"
#include "engine/train/parameters.h"
#include "engine/worker/rank.h"
#include "registry/schedule.h"

#include <ATen/Parallel.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

namespace xp {
namespace {

using Clock = std::chrono::steady_clock;

/// Seconds that all ranks need for the same: the slowest one's, the median of some tries.
class Timer {
 public:
  explicit Timer(Group& world) : world_(world) {}

  double operator()(int tries, const std::function<void()>& work) const {
    std::vector<int64_t> took_us(static_cast<size_t>(tries));
    for (auto& slowest_us : took_us) {
      world_.barrier();
      const auto start = Clock::now();
      work();
      if (accelerator() != nullptr) accelerator()->synchronize();
      const std::chrono::duration<double, std::micro> own = Clock::now() - start;
      auto slowest = torch::full({1}, to_integer(own.count()) + 1, torch::kLong);
      world_.all_reduce_max(slowest);
      slowest_us = slowest.item<int64_t>();
    }
    const auto middle = took_us.begin() + tries / 2;
    std::nth_element(took_us.begin(), middle, took_us.end());
    return 1e-6 * static_cast<double>(*middle);
  }

 private:
  Group& world_;
};

/// What ranks measured, of an average one.
double mean_of_ranks(double own, Group& world) {
  auto sum = torch::full({1}, own, torch::kDouble);
  world.all_reduce_sum(sum);
  return sum.item<double>() / static_cast<double>(world.size());
}

constexpr int kTries = 5;

// Rows of 4 KiB for every other member, as many from each.
class Rows {
 public:
  Rows(Group& group, int64_t rows_each)
      : group_(group),
        counts_(static_cast<size_t>(group.size()), rows_each),
        rows_(torch::zeros({rows_each * (group.size() - 1), 1024}, computing_device())) {
    counts_[static_cast<size_t>(group.rank())] = 0;
  }
  void exchange() const { group_.all_to_all(rows_, counts_, counts_); }
  double bytes() const { return static_cast<double>(rows_.nbytes()); }

 private:
  Group& group_;
  std::vector<int64_t> counts_;
  torch::Tensor rows_;
};

// In each direction, for each member. Zeros for a group of one.
Value speed_of(Group& group, Group& world, int64_t members_of_port) {
  if (group.size() == 1)
    return {{"latency_s", 0.0}, {"bytes_per_s", 0.0}, {"processor_s_per_byte", 0.0}};
  const Timer timer(world);
  constexpr int kExchanges = 20;  // at a time: a single one says more of when ranks wake up
  const Rows single(group, 1);
  const double latency = timer(kTries,
                               [&] {
                                 for (int i = 0; i < kExchanges; ++i)
                                   single.exchange();
                               }) /
                         kExchanges;
  // A limited link lets a burst pass: enough rows for it not to count.
  constexpr int64_t kFirst = 64, kMaxRows = 16384;  // 64 MiB to all members
  constexpr double kEnough_s = 0.3;
  int64_t count = kFirst;
  auto rows = std::make_unique<Rows>(group, count);
  while (4 * count * (group.size() - 1) <= kMaxRows &&
         timer(1, [&] { rows->exchange(); }) < kEnough_s) {
    count *= 4;
    rows = std::make_unique<Rows>(group, count);
  }
  const double used_before = own_cpu_seconds();
  const double seconds = timer(kTries, [&] { rows->exchange(); });
  const double used = mean_of_ranks(own_cpu_seconds() - used_before, world) / kTries;
  return {{"latency_s", latency},
          {"bytes_per_s", rows->bytes() * static_cast<double>(members_of_port) /
                              std::max(1e-6, seconds - latency)},
          {"processor_s_per_byte", used / rows->bytes()}};
}

// Processors that a rank gets while all ranks compute, with as many threads as a training has:
// those of its products, and one for each of the two kinds of links.
double processors_of_rank(const Timer& timer) {
  constexpr double kEach_s = 0.2;  // some periods of a quota
  const int count = at::get_num_threads() + 2;
  const auto spin = [] {
    for (const double end = thread_cpu_seconds() + kEach_s; thread_cpu_seconds() < end;) {
    }
  };
  const double seconds = timer(1, [&] {
    std::vector<std::jthread> threads;
    for (int i = 0; i < count; ++i)
      threads.emplace_back(spin);
  });
  return kEach_s * count / seconds;
}

// Seconds of processors to pack and unpack what takes a byte packed.
double packing_s_per_byte(const torch::Tensor& values, PackedFormat format, Group& world) {
  std::vector<uint8_t> message(static_cast<size_t>(most_packed_bytes(values.numel(), format)));
  auto back = torch::empty_like(values);
  int64_t bytes = 0;
  world.barrier();
  const double used_before = own_cpu_seconds();
  for (int i = 0; i < kTries; ++i) {
    bytes = pack(values.data_ptr(), values.numel(), format, message.data());
    unpack(message.data(), std::ssize(message), values.numel(), format, back.data_ptr());
  }
  const double used = mean_of_ranks(own_cpu_seconds() - used_before, world) / kTries;
  return used / static_cast<double>(bytes);
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
  out["in_node"] = speed_of(*groups.node, world, 1);
  out["inter_node"] = speed_of(*groups.peers, world, groups.node->size());
  const auto values = torch::randn({1 << 20});
  out["packing_s_per_byte"] = packing_s_per_byte(values, PackedFormat::kFp32, world);
  out["bf16_packing_s_per_byte"] =
      packing_s_per_byte(values.to(torch::kBFloat16), PackedFormat::kBf16, world);
  out["processors"] = processors_of_rank(timer);
  const Batch batch = first_batch(corpus, settings, world);
  const auto batches = static_cast<double>(
      num_micro_batches(bind_settings<TrainSection>(settings.at("train")), world.size()));
  for (const auto& [exchange, key] :
       {std::pair("dense", "dense_s"), std::pair("gshard", "full_s")}) {
    Trained trained(settings, exchange, corpus);
    trained.pass(batch);  // caches and allocators warm up
    const double used_before = own_cpu_seconds();
    const double seconds = timer(kTries, [&] { trained.pass(batch); });
    const double used = mean_of_ranks(own_cpu_seconds() - used_before, world) / kTries;
    out[key] = batches * seconds;
    out["busy_processors"] = used / seconds;  // with experts, at last
    if (!out.contains("optimizer_s")) out["optimizer_s"] = timer(kTries, [&] { trained.update(); });
  }
  if (world.rank() == 0) write_atomic(arguments.folder / "probe.json", json_text(out) + "\n");
  world.barrier();
  return 0;
}

}  // namespace xp
