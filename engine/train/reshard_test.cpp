// A checkpoint on any layout: written by 1, 2 or 4 ranks and loaded by 1, 2 or 4.
#include "engine/data/corpus_fixture.h"
#include "engine/nn/loss.h"
#include "engine/testing/ranks.h"
#include "engine/train/model_fixture.h"
#include "engine/train/trainer.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

constexpr int64_t kUpdates = 4;
const std::vector<Topology> kWorlds = {{1, 1}, {1, 2}, {2, 1}, {2, 2}};

/// Four experts in each of two layers, Adam's state beside every parameter.
struct ReshardTest : CorpusFixture {
  ReshardTest() {
    put_many();
    corpus.emplace(opened());
    pairs.emplace(*corpus, "train");
    settings.max_updates = settings.save_every = kUpdates;
    settings.max_tokens = 200;
    settings.optimizer = {{"use", "adam"}, {"lr", 0.003}};
    settings.schedule = {{"use", "constant"}};
  }

  std::shared_ptr<TranslationModel> model(const Groups& groups) const {
    return small_model(*corpus, groups, {{"dropout", 0}, {"moe", four_experts("gshard")}});
  }

  // Trains up to kUpdates on a layout, from the checkpoint in `folder` if there is one.
  void train_on(const Topology& layout, const fs::path& checkpoints) const {
    on_ranks<int>(layout, [&](const Groups& groups) {
      TrainJob job;
      job.settings = settings;
      job.checkpoints = checkpoints;
      const auto made = model(groups);
      train(*made, *pairs, groups, job, nullptr);
      return 0;
    });
  }

  // The loss on the first 40 pairs, nats, after loading on a layout; the checkpoint is written
  // again into `copy`.
  double loss_on(const Topology& layout, const fs::path& checkpoints, const fs::path& copy) const {
    return on_ranks<double>(
               layout,
               [&](const Groups& groups) {
                 const auto made = model(groups);
                 FlatParameters parameters(*made, {"mean", "square"}, 0,
                                           settings.shard_optimizer ? groups.world.get() : nullptr);
                 Checkpoints from(checkpoints, 1, false), to(copy, 1, false);
                 const auto progress =
                     from.load(checkpoint_file(checkpoints, kUpdates), parameters, *groups.world);
                 to.save(parameters, progress, *groups.world, nullptr);
                 made->eval();
                 return loss_of_first_pairs(*made, *groups.world);
               })
        .front();
  }

  double loss_of_first_pairs(TranslationModel& made, Group& world) const {
    const torch::NoGradGuard no_grad;
    std::vector<PairId> first;
    for (int64_t i = 0; i < 40; ++i)
      first.push_back({0, i});
    const Batch batch = part_of(pairs->batch(first), world.rank(), world.size());
    const ModelOutput out = made.forward(batch);
    auto sum = cross_entropy(out.h_TD, out.output_VD, out.target_T, 0).nll.to(torch::kDouble);
    world.all_reduce_sum(sum);
    return sum.item<double>();
  }

  static std::map<std::string, std::string> tensors(const fs::path& checkpoints) {
    const TensorFile file(checkpoint_file(checkpoints, kUpdates));
    file.verify();
    std::map<std::string, std::string> out;
    for (const auto& [name, tensor] : file.tensors())
      out[name] = std::string(tensor.bytes);
    return out;
  }

  TrainSection settings;
  std::optional<PreparedCorpus> corpus;
  std::optional<Pairs> pairs;
};

TEST_CASE_METHOD(ReshardTest,
                 "a checkpoint is equal to the bit on every layout, optimizer and all") {
  for (const Topology& written : kWorlds) {
    const TempFolder own;
    train_on(written, own.path());
    const auto original = tensors(own.path());
    CHECK(original.contains("optimizer.square/target_embedding.weight"));
    std::optional<double> loss;
    for (const Topology& loaded : kWorlds) {
      INFO(written.nodes << " x " << written.ranks_per_node << " to " << loaded.nodes << " x "
                         << loaded.ranks_per_node);
      const TempFolder copy;
      const double here = loss_on(loaded, own.path(), copy.path());
      CHECK(tensors(copy.path()) == original);
      if (!loss) loss = here;
      CHECK(here == Catch::Approx(*loss).epsilon(1e-6));
    }
  }
}

TEST_CASE_METHOD(ReshardTest, "a sharded optimizer makes the same parameters and checkpoints") {
  for (const Topology& layout : kWorlds) {
    const TempFolder whole, sharded;
    settings.shard_optimizer = false;
    train_on(layout, whole.path());
    settings.shard_optimizer = true;
    train_on(layout, sharded.path());
    INFO(layout.nodes << " x " << layout.ranks_per_node);
    CHECK(tensors(sharded.path()) == tensors(whole.path()));
  }
}

TEST_CASE_METHOD(ReshardTest, "a sharded checkpoint is loaded on every layout") {
  settings.shard_optimizer = true;
  const TempFolder own;
  train_on({2, 2}, own.path());
  for (const Topology& loaded : kWorlds) {
    const TempFolder copy;
    loss_on(loaded, own.path(), copy.path());
    CHECK(tensors(copy.path()) == tensors(own.path()));
  }
}

TEST_CASE_METHOD(ReshardTest, "a rank keeps the state of its share of the shared parameters") {
  const auto sizes = on_ranks<int64_t>({1, 3}, [&](const Groups& groups) {
    ModelContext context;
    context.source_vocabulary = context.target_vocabulary = 50;
    context.groups = groups;
    const auto made = make_part<Model>({{"use", "transformer"},
                                        {"encoder_layers", 1},
                                        {"decoder_layers", 1},
                                        {"width", 8},
                                        {"ffn_width", 16},
                                        {"heads", 2},
                                        {"moe", {{"every", 0}}}})
                          ->build(context);
    const FlatParameters parameters(*made, {"mean"}, 1, groups.world.get());
    return parameters.shared.state.at("mean").numel();
  });
  CHECK(sizes == std::vector<int64_t>{646, 646, 644});
}

TEST_CASE_METHOD(ReshardTest, "a training resumes on another layout where it was") {
  const TempFolder own;
  train_on({2, 2}, own.path());
  settings.max_updates = 2 * kUpdates;
  train_on({1, 1}, own.path());
  const TensorFile file(checkpoint_file(own.path(), 2 * kUpdates));
  CHECK(file.metadata()["update"] == 2 * kUpdates);
  CHECK(file.metadata()["used"] == Value{{4, kUpdates}});
}

}  // namespace
}  // namespace xp
