// A whole training with and without overlap: exchanges in flight while experts compute, gradients
// summed while the backward pass runs.
#include "engine/base/turns.h"
#include "engine/comm/gather.h"
#include "engine/data/corpus_fixture.h"
#include "engine/testing/ranks.h"
#include "engine/train/model_fixture.h"
#include "engine/train/objective.h"
#include "engine/train/trainer.h"

#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

struct OverlapTest : CorpusFixture {
  OverlapTest() {
    put_many();
    corpus.emplace(opened());
    pairs.emplace(*corpus, "train");
    settings.max_updates = settings.save_every = 4;
    settings.max_tokens = 100;
    settings.accumulate = 2;
    settings.optimizer = {{"use", "adam"}, {"lr", 0.003}};
    settings.schedule = {{"use", "constant"}};
  }

  struct Outcome {
    torch::Tensor parameters;  ///< of this rank
    Value summary;
  };

  std::vector<Outcome> train_on(const Topology& layout, const std::string& exchange, bool overlap,
                                bool packs = false) const {
    const TempFolder own;
    return on_ranks<Outcome>(
        layout,
        [&](const Groups& groups) {
          TrainJob job;
          job.settings = settings;
          job.checkpoints = own.path();
          // Wide enough for the shared gradients to fill several chunks.
          const auto model =
              small_model(*corpus, groups,
                          {{"width", 64}, {"dropout", dropout}, {"moe", four_experts(exchange)}});
          Outcome out;
          out.summary = train(*model, *pairs, groups, job, nullptr).summary;
          std::vector<torch::Tensor> flat;
          for (const auto& parameter : model->parameter_list())
            flat.push_back(parameter.tensor.detach().flatten().clone());
          out.parameters = torch::cat(flat);
          return out;
        },
        overlap, /*timeout_s=*/20, packs);
  }

  std::vector<Batch> two_batches(const Groups& groups) const {
    BatchStream stream(*pairs, {settings.max_tokens, groups.world->size(), 1}, {},
                       groups.world->rank(), {},
                       [&](int64_t needed) { return largest_of_all(*groups.world, needed); });
    return {stream.next(), stream.next()};
  }

  TrainSection settings;
  double dropout = 0.1;
  std::optional<PreparedCorpus> corpus;
  std::optional<Pairs> pairs;
};

}  // namespace

TEST_CASE_METHOD(OverlapTest, "a training ends in the same bits with and without overlap") {
  for (const Topology& layout :
       {Topology{1, 1}, Topology{1, 2}, Topology{2, 1}, Topology{2, 2}, Topology{1, 4}}) {
    for (const char* exchange : {"gshard", "scomoe-seq"}) {
      INFO(exchange << " on " << layout.nodes << " x " << layout.ranks_per_node);
      const auto on = train_on(layout, exchange, true), off = train_on(layout, exchange, false);
      for (size_t rank = 0; rank < on.size(); ++rank)
        CHECK(on[rank].parameters.equal(off[rank].parameters));
      CHECK(on[0].summary["train_loss"] == off[0].summary["train_loss"]);
      CHECK(on[0].summary["inter_node_bytes"] == off[0].summary["inter_node_bytes"]);
    }
  }
}

TEST_CASE_METHOD(OverlapTest,
                 "two micro-batches that take turns end in the same bits without overlap") {
  settings.batches_in_flight = 2;
  for (const Topology& layout : {Topology{1, 1}, Topology{1, 2}, Topology{2, 1}, Topology{2, 2}}) {
    for (const char* exchange : {"gshard", "scomoe-seq", "scomoe-feat"}) {
      INFO(exchange << " on " << layout.nodes << " x " << layout.ranks_per_node);
      const auto on = train_on(layout, exchange, true), off = train_on(layout, exchange, false);
      for (size_t rank = 0; rank < on.size(); ++rank)
        CHECK(on[rank].parameters.equal(off[rank].parameters));
      CHECK(on[0].summary["train_loss"] == off[0].summary["train_loss"]);
    }
  }
}

TEST_CASE_METHOD(OverlapTest, "two micro-batches that take turns train as one after the other") {
  dropout = 0;
  const auto in_turns = [this](int64_t accumulate, int64_t batches_in_flight) {
    settings.accumulate = accumulate;
    settings.batches_in_flight = batches_in_flight;
    return train_on({2, 2}, "scomoe-seq", true);
  };
  for (const int64_t accumulate : {2, 3}) {
    INFO("micro-batches: " << accumulate);
    const auto apart = in_turns(accumulate, 1), together = in_turns(accumulate, 2);
    for (size_t rank = 0; rank < apart.size(); ++rank)
      CHECK((together[rank].parameters - apart[rank].parameters).abs().max().item<float>() < 1e-4);
    const double one = apart[0].summary["train_loss"], other = together[0].summary["train_loss"];
    CHECK(std::abs(one - other) < 1e-4);
    CHECK(together[0].summary["inter_node_bytes"] == apart[0].summary["inter_node_bytes"]);
    CHECK(together[0].summary["gradient_inter_node_bytes"] ==
          apart[0].summary["gradient_inter_node_bytes"]);
  }
}

// Which micro-batch uses each part of the model: an encoder layer and a decoder layer with what is
// before and after them. The second one of rank 1 is empty; it has no embeddings.
TEST_CASE_METHOD(OverlapTest, "micro-batches take turns where rows cross nodes") {
  const auto uses = [this](const Topology& layout) {
    return on_ranks<std::string>(layout, [&](const Groups& groups) {
      const auto model = small_model(*corpus, groups, {{"moe", four_experts("gshard")}});
      auto batches = two_batches(groups);
      if (groups.world->rank() == 1) batches[1] = {};
      std::string order;
      model->announce_uses([&](const torch::nn::Module&) { order += own_turn() == 0 ? "a" : "b"; });
      add_gradients_of(objectives_of(*model, batches, settings));
      return order;
    });
  };
  CHECK(uses({2, 1}) == std::vector<std::string>{"aabbaaabbbab", "aabaaabab"});
  CHECK(uses({1, 2}) == std::vector<std::string>{"aaaaaabbbbbb", "aaaaaabbb"});
}

TEST_CASE_METHOD(OverlapTest, "a rank that dies while micro-batches take turns is named") {
  try {
    on_ranks<int>({2, 1}, [&](const Groups& groups) {
      const int64_t rank = groups.world->rank();
      const auto model = small_model(*corpus, groups, {{"moe", four_experts("gshard")}});
      const auto batches = two_batches(groups);
      // In the middle of the second one, while rows of the first are under way.
      int uses = 0;
      model->announce_uses([&](const torch::nn::Module&) {
        if (rank == 1 && own_turn() == 1 && ++uses == 3) throw Error(Blame::kMachine, "gone");
      });
      objectives_of(*model, batches, settings);
      return 0;
    });
    FAIL("ran");
  } catch (const Error& error) {
    const std::string what = error.what();
    INFO(what);
    CHECK(what.ends_with("; rank 1 on node1 is gone"));
  }
}

TEST_CASE_METHOD(OverlapTest, "a training whose values cross nodes packed ends in the same bits") {
  for (const Topology& layout : {Topology{2, 1}, Topology{2, 2}}) {
    for (const char* exchange : {"gshard", "scomoe-feat"}) {
      INFO(exchange << " on " << layout.nodes << " x " << layout.ranks_per_node);
      const auto whole = train_on(layout, exchange, true),
                 packed = train_on(layout, exchange, true, /*packs=*/true);
      for (size_t rank = 0; rank < whole.size(); ++rank)
        CHECK(packed[rank].parameters.equal(whole[rank].parameters));
      for (const char* bytes : {"inter_node_bytes", "gradient_inter_node_bytes"}) {
        const double less = packed[0].summary[bytes], more = whole[0].summary[bytes];
        CHECK(less < more);
      }
    }
  }
}

TEST_CASE_METHOD(OverlapTest, "gradients that cross nodes as bfloat16 train nearly the same") {
  const Value exact = train_on({2, 1}, "gshard", true)[0].summary;
  settings.gradient_wire = "bf16";
  const Value rounded = train_on({2, 1}, "gshard", true)[0].summary;
  CHECK(std::abs(rounded["train_loss"].get<double>() - exact["train_loss"].get<double>()) < 0.01);
  CHECK(rounded["train_loss"] != exact["train_loss"]);
  // But for the figures that travel with the gradients.
  CHECK(rounded["gradient_inter_node_bytes"].get<double>() <
        0.51 * exact["gradient_inter_node_bytes"].get<double>());
}

}  // namespace xp
