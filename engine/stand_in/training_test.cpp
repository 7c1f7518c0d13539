// Training on the stand-in: the figures of the CPU, for which the host waits for no update.
#include "engine/comm/device_groups.h"
#include "engine/data/corpus_fixture.h"
#include "engine/stand_in/stand_in.h"
#include "engine/testing/ranks.h"
#include "engine/train/model_fixture.h"
#include "engine/train/trainer.h"
#include "results/runs/attempts.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

namespace xp {
namespace {

using Catch::Approx;

XP_REGISTER(Tokenizer, NumberTokenizer, "numbers", "ids without text");

// Computes on the stand-in while it lives.
struct OnStandIn {
  OnStandIn() { use_accelerator(&stand_in); }
  ~OnStandIn() { use_accelerator(nullptr); }
  OnStandIn(const OnStandIn&) = delete;
  OnStandIn& operator=(const OnStandIn&) = delete;
  StandIn stand_in;
};

struct Trained {
  double loss = 0;
  torch::Tensor values;  // of all parameters, on the CPU
};

struct StandInTest : CorpusFixture {
  StandInTest() { put_many(); }

  TrainJob job(int64_t updates) const {
    TrainJob out;
    out.settings.max_updates = updates;
    out.settings.max_tokens = 400;
    out.settings.validate_every = 1000;
    out.settings.save_every = 1000;
    out.settings.optimizer = {{"use", "adam"}, {"lr", 0.003}};
    out.settings.schedule = {{"use", "constant"}};
    out.checkpoints = folder.path() / "checkpoints" / std::to_string(num_trainings);
    return out;
  }

  Trained train_on(const Groups& groups, const Value& changes, const TrainJob& with) const {
    const PreparedCorpus corpus = opened();
    const Pairs pairs(corpus, "train");
    const auto model = small_model(corpus, groups, changes, with.settings.recompute_activations);
    const TrainEnd end = train(*model, pairs, groups, with, nullptr);
    Trained out;
    out.loss =
        end.how == TrainEnd::How::kFinished ? end.summary.at("train_loss").get<double>() : -1;
    std::vector<torch::Tensor> flat;
    for (const auto& parameter : model->parameter_list())
      flat.push_back(parameter.tensor.detach().flatten().to(torch::kCPU));
    out.values = torch::cat(flat);
    return out;
  }

  // Alone on one rank.
  Trained here(const Value& changes, int64_t updates = 6) {
    ++num_trainings;
    return train_on(alone(), changes, job(updates));
  }
  Trained there(const Value& changes, int64_t updates = 6) {
    const OnStandIn on;
    take_device(0);
    return here(changes, updates);
  }
  // How often the host waited in so many updates.
  std::map<std::string, int64_t> waits(const Value& changes, int64_t updates) {
    take_host_reads();
    there(changes, updates);
    return take_host_reads();
  }

  // On ranks that share the experts.
  std::vector<Trained> on_all(const Topology& topology, const Value& changes, bool on_device,
                              int64_t updates = 4) {
    ++num_trainings;
    return on_ranks<Trained>(topology, [&](const Groups& groups) {
      if (on_device) take_device(groups.world->rank());
      return train_on(on_device ? for_devices(groups) : groups, changes, job(updates));
    });
  }

  int64_t num_trainings = 0;
};

const Value kDense = Value::object();

Value experts(const std::string& exchange, double capacity_factor) {
  Value moe = four_experts(exchange);
  moe["capacity_factor"] = capacity_factor;
  return {{"moe", moe}};
}

TEST_CASE_METHOD(StandInTest, "a dense model trains on the stand-in as on the CPU") {
  const Trained cpu = here(kDense), device = there(kDense);
  CHECK(device.loss == Approx(cpu.loss).epsilon(1e-6));
  CHECK((device.values - cpu.values).norm().item<double>() < 1e-3);
}

TEST_CASE_METHOD(StandInTest, "experts with few slots train on the stand-in as on the CPU") {
  const Trained cpu = here(experts("gshard", 1)), device = there(experts("gshard", 1));
  CHECK(device.loss == Approx(cpu.loss).epsilon(1e-6));
}

TEST_CASE_METHOD(StandInTest, "experts without a bound train on the stand-in as on the CPU") {
  const Trained cpu = here(experts("gshard", 0)), device = there(experts("gshard", 0));
  CHECK(device.loss == Approx(cpu.loss).epsilon(1e-6));
}

TEST_CASE_METHOD(StandInTest, "ranks that share experts train on the stand-in as on the CPU") {
  for (const Topology& topology : {Topology{2, 2}, Topology{2, 1}}) {  // 1 or 2 experts a rank
    for (const char* exchange : {"gshard", "scomoe-seq", "scomoe-feat"}) {
      INFO(exchange << " on " << topology.ranks() << " ranks");
      const auto changes = experts(exchange, 1);
      const auto cpu = on_all(topology, changes, false);
      std::vector<Trained> device;
      {
        const OnStandIn on;
        device = on_all(topology, changes, true);
      }
      for (size_t rank = 0; rank < cpu.size(); ++rank)
        CHECK(device[rank].loss == Approx(cpu[rank].loss).epsilon(1e-5));
    }
  }
}

TEST_CASE_METHOD(StandInTest, "16-bit products train on the stand-in near the losses of 32 bits") {
  for (const auto& changes : {kDense, experts("gshard", 1), experts("scomoe-seq", 1)}) {
    const Trained exact = here(changes);
    const OnStandIn on;
    take_device(0);
    // In float16 the first gradients are too large, and their updates are left out.
    for (const auto& [precision, tolerance] : {std::pair("bf16", 0.005), {"fp16", 0.05}}) {
      INFO(precision);
      ++num_trainings;
      TrainJob with = job(6);
      with.settings.precision = precision;
      const Trained rounded = train_on(alone(), changes, with);
      CHECK(rounded.loss == Approx(exact.loss).epsilon(tolerance));
      CHECK(rounded.loss != exact.loss);
    }
  }
}

TEST_CASE_METHOD(StandInTest, "ranks that exchange rows do not wait for an update either") {
  const OnStandIn on;
  const auto waits_of_all = [&](int64_t updates) {
    take_host_reads();
    on_all({1, 2}, experts("gshard", 1), true, updates);
    return take_host_reads();
  };
  CHECK(waits_of_all(6) == waits_of_all(3));
}

TEST_CASE_METHOD(StandInTest, "a training that is interrupted on the stand-in ends the same") {
  const auto changes = experts("gshard", 1);
  const OnStandIn on;
  take_device(0);
  const Trained whole = here(changes, 8);
  here(changes, 5);
  const Trained resumed = train_on(alone(), changes, job(8));
  CHECK(resumed.loss == whole.loss);
  CHECK(resumed.values.equal(whole.values));
}

TEST_CASE_METHOD(StandInTest, "activations that are computed again change nothing") {
  const OnStandIn on;
  take_device(0);
  TrainJob again = job(4);
  again.settings.recompute_activations = true;
  const Trained plain = here({{"dropout", 0.3}}, 4);
  CHECK(train_on(alone(), {{"dropout", 0.3}}, again).loss == Approx(plain.loss).epsilon(1e-6));
}

TEST_CASE_METHOD(StandInTest, "the host waits for no update between two lines of the log") {
  for (const auto& changes : {kDense, experts("gshard", 1)})
    CHECK(waits(changes, 19) == waits(changes, 15));
}

TEST_CASE_METHOD(StandInTest, "a line of the log is one wait, and one more for each MoE layer") {
  const auto added = [&](const Value& changes) {
    return waits(changes, 25)["copy to the host"] - waits(changes, 15)["copy to the host"];
  };
  CHECK(added(kDense) == 1);
  CHECK(added(experts("gshard", 1)) == 3);
}

TEST_CASE_METHOD(StandInTest, "without a bound the counts of many experts are read in each layer") {
  auto changes = experts("gshard", 0);
  changes["moe"]["experts"] = 64;
  const auto added =
      waits(changes, 19)["copy to the host"] - waits(changes, 15)["copy to the host"];
  CHECK(added == 4 * 2);  // updates x layers
}

}  // namespace
}  // namespace xp
