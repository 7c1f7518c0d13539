// What `xp probe` predicts updates from: all ranks send at once, then all compute at once, as they
// do in a training.
#include "engine/base/cpu.h"
#include "engine/base/error.h"
#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/json_text.h"
#include "engine/base/to_integer.h"
#include "engine/comm/gather.h"
#include "engine/comm/hierarchical_sum.h"
#include "engine/comm/packing.h"
#include "engine/device/accelerator.h"
#include "engine/moe/experts.h"
#include "engine/train/gradient_reduction.h"
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
      slowest_us = largest_of_all(world_, to_integer(own.count()) + 1);
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
Value speed_of(Group& group, const Timer& timer, int64_t members_of_port) {
  if (group.size() == 1) return {{"latency_s", 0.0}, {"bytes_per_s", 0.0}};
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
  const double seconds = timer(kTries, [&] { rows->exchange(); });
  const double bytes = rows->bytes() * static_cast<double>(members_of_port);
  return {{"latency_s", latency}, {"bytes_per_s", bytes / std::max(1e-6, seconds - latency)}};
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

// Seconds of processors that an average rank uses for the same, a try.
double processor_s(Group& world, int tries, const std::function<void()>& work) {
  world.barrier();
  const double before = own_cpu_seconds();
  for (int i = 0; i < tries; ++i)
    work();
  return mean_of_ranks(own_cpu_seconds() - before, world) / tries;
}

// Of processors, to pack and unpack what takes a byte packed.
double packing_s_per_byte(const torch::Tensor& values, PackedFormat format, Group& world) {
  std::vector<uint8_t> message(static_cast<size_t>(most_packed_bytes(values.numel(), format)));
  auto back = torch::empty_like(values);
  int64_t bytes = 0;
  const double used = processor_s(world, kTries, [&] {
    bytes = pack(values.data_ptr(), values.numel(), format, message.data());
    unpack(message.data(), std::ssize(message), values.numel(), format, back.data_ptr());
  });
  return used / static_cast<double>(bytes);
}

int64_t all_bytes(const LinkBytes& bytes) {
  return bytes.in_node + bytes.inter_node;
}

// Of processors, for each byte of sums that a rank sends.
double sums_processor_s_per_byte(const Groups& groups) {
  if (groups.world->size() == 1) return 0;
  HierarchicalSum sum(groups, /*channel=*/1);
  const auto values = torch::zeros({kChunkValues}, computing_device());
  const double used = processor_s(*groups.world, kTries, [&] { sum.add_up(values, Wire::kExact); });
  return used * kTries / static_cast<double>(all_bytes(sum.bytes()));
}

/// A model that some ranks share, with experts of all ranks if it has any.
class Trained {
 public:
  Trained(Value settings, const std::string& exchange, const PreparedCorpus& corpus, Groups groups)
      : train_(bind_settings<TrainSection>(settings.at("train"))),
        groups_(std::move(groups)),
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
  Groups groups_;
  std::unique_ptr<Optimizer> optimizer_;
  std::shared_ptr<TranslationModel> model_;
  std::optional<FlatParameters> parameters_;
};

// Of processors, for each byte of rows that a rank sends: what a batch takes more than the
// `alone_s` of a rank that has all experts itself. 0 without experts that ranks can share.
double rows_processor_s_per_byte(const Value& settings, const PreparedCorpus& corpus,
                                 const Groups& groups, const Batch& batch, double alone_s) {
  constexpr int kPasses = 2;  // which take their time on slow links
  const int64_t ranks = groups.world->size();
  const Value& model = settings.at("model");
  if (ranks == 1 || !model.contains("moe") || !can_share(model["moe"].at("experts"), ranks))
    return 0;
  Trained trained(settings, "gshard", corpus, groups);
  trained.pass(batch);
  const LinkBytes before = groups.world->bytes();
  const double used = processor_s(*groups.world, kPasses, [&] { trained.pass(batch); });
  const auto sent = static_cast<double>(all_bytes(groups.world->bytes() - before)) / kPasses;
  return std::max(0.0, used - alone_s) / std::max(1.0, mean_of_ranks(sent, *groups.world));
}

// A rank's first batch of the training.
Batch first_batch(const PreparedCorpus& corpus, const Value& settings, Group& world) {
  const Pairs pairs(corpus, "train");
  const auto train = bind_settings<TrainSection>(settings.at("train"));
  const BatchRule rule{train.max_tokens, world.size(),
                       seed_for(static_cast<uint64_t>(train.seed), "batches")};
  const auto sampling = bind_settings<CorpusSection>(settings.at("corpus")).sampling;
  BatchStream stream(pairs, rule, sampling, world.rank(), {},
                     [&world](int64_t needed) { return largest_of_all(world, needed); });
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
  const auto values = torch::randn({1 << 20});
  out["packing_s_per_byte"] = packing_s_per_byte(values, PackedFormat::kFp32, world);
  out["bf16_packing_s_per_byte"] =
      packing_s_per_byte(values.to(torch::kBFloat16), PackedFormat::kBf16, world);
  out["processors"] = processors_of_rank(timer);
  const Batch batch = first_batch(corpus, settings, world);
  const auto batches = static_cast<double>(
      num_micro_batches(bind_settings<TrainSection>(settings.at("train")), world.size()));
  double alone_s = 0;  // of processors; with experts, at last
  for (const auto& [exchange, key] :
       {std::pair("dense", "dense_s"), std::pair("gshard", "full_s")}) {
    Trained trained(settings, exchange, corpus, alone());
    trained.pass(batch);  // caches and allocators warm up
    double seconds = 0;
    alone_s =
        processor_s(world, 1, [&] { seconds = timer(kTries, [&] { trained.pass(batch); }); }) /
        kTries;
    out[key] = batches * seconds;
    out["busy_processors"] = alone_s / seconds;
    if (!out.contains("optimizer_s")) out["optimizer_s"] = timer(kTries, [&] { trained.update(); });
  }
  out["rows_processor_s_per_byte"] =
      rows_processor_s_per_byte(settings, corpus, groups, batch, alone_s);
  out["sums_processor_s_per_byte"] = sums_processor_s_per_byte(groups);
  if (world.rank() == 0) write_atomic(arguments.folder / "probe.json", json_text(out) + "\n");
  world.barrier();
  return 0;
}

}  // namespace xp
