// The training loop: what counts as best, how a training that was interrupted ends, divergence.
#include "engine/train/trainer.h"

#include "engine/data/corpus_fixture.h"
#include "engine/testing/message.h"
#include "engine/train/model_fixture.h"
#include "registry/measure.h"
#include "results/runs/attempts.h"
#include "results/runs/checkpoints.h"
#include "results/runs/tensor_file.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace xp {
namespace {

/// Thrown by a validation, in place of a kill.
struct Killed {};

/// A small model on 600 pairs, alone on one rank.
struct TrainerTest : CorpusFixture {
  TrainerTest() {
    put_many();
    job.settings.max_updates = 12;
    job.settings.max_tokens = 400;
    job.settings.validate_every = 4;
    job.settings.save_every = 3;
    job.settings.best_metric = "bleu";
    job.settings.optimizer = {{"use", "adam"}, {"lr", 0.003}};
    job.settings.schedule = {{"use", "constant"}};
    job.checkpoints = folder.path() / "checkpoints";
  }

  std::shared_ptr<TranslationModel> model() const {
    return small_model(opened(), alone(), {{"ffn_width", ffn_width}, {"moe", moe}},
                       job.settings.recompute_activations);
  }

  // Validations answer with `bleu`, one after the other, from the one of update 4 on.
  void validates_with(std::vector<double> bleu) {
    job.validate = [this, bleu] {
      ++num_validations;
      const auto at = static_cast<size_t>(next_validation / job.settings.validate_every) - 1;
      next_validation += job.settings.validate_every;
      return Validated{{{"valid_loss", 1.5}, {"perplexity", std::exp(1.5)}, {"bleu", bleu.at(at)}},
                       bleu.at(at)};
    };
  }

  TrainEnd train_on(int64_t from_validation = 4) {
    next_validation = from_validation;
    const PreparedCorpus corpus = opened();
    const Pairs pairs(corpus, "train");
    const auto made = model();
    EventLog events(next_attempt(folder.path()));
    const TrainEnd end = train(*made, pairs, alone(), job, &events);
    values = torch::cat([&] {
      std::vector<torch::Tensor> flat;
      for (const auto& parameter : made->parameter_list())
        flat.push_back(parameter.tensor.flatten());
      return flat;
    }());
    return end;
  }

  Value progress(int64_t update) const {
    return TensorFile(checkpoint_file(job.checkpoints, update)).metadata();
  }
  std::vector<int64_t> saved() const { return checkpoint_updates(job.checkpoints); }
  // Updates of the validations that the last attempt recorded.
  std::vector<int64_t> recorded() const {
    std::vector<int64_t> out;
    size_t offset = 0;
    const auto attempt = std::to_string(last_attempt(folder.path()));
    for (const auto& event : read_events(folder.path() / "attempts" / attempt, offset)) {
      if (event.event == "validation") out.push_back(event.update);
    }
    return out;
  }

  TrainJob job;
  Value moe = {{"every", 0}};
  int64_t ffn_width = 16;
  torch::Tensor values;  // of all parameters, at the end
  int64_t num_validations = 0, next_validation = 4;
};

using Updates = std::vector<int64_t>;

TEST_CASE_METHOD(TrainerTest, "a checkpoint names the best and the validation that decided it") {
  validates_with({10, 30, 20});
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kFinished);
  CHECK(saved() == Updates{8, 12});
  CHECK(progress(8)["best_update"] == 8);
  CHECK(progress(8)["validation"]["bleu"] == 30);
  CHECK(progress(12)["best_update"] == 8);
  CHECK(progress(12)["validated_update"] == 12);
  CHECK(progress(12)["validation"]["bleu"] == 20);
  CHECK(end.summary["best_update"] == 8);
  CHECK(end.summary["valid_bleu"] == 20);
}

TEST_CASE_METHOD(TrainerTest, "an update's time is what its rank computed and what it waited") {
  moe = four_experts("gshard");
  validates_with({10, 30, 20});
  train_on();
  size_t offset = 0;
  const auto attempt = std::to_string(last_attempt(folder.path()));
  for (const auto& event : read_events(folder.path() / "attempts" / attempt, offset)) {
    if (event.event != "update" || event.update != 1) continue;
    const Value& found = event.values;
    const auto ms = [&](const char* name) { return found.at(name).get<double>(); };
    CHECK(ms("compute_ms") + ms("exposed_ms") == Catch::Approx(ms("step_ms")));
    CHECK(ms("exposed_ms") >= ms("gradient_exposed_ms"));
    CHECK(ms("inter_node_ms") == 0);  // one rank
    double layers = 0;
    for (const auto& [name, value] : found.items())
      if (name.ends_with(".layer.compute_ms")) layers += value.get<double>() * ms("calls");
    CHECK(layers > 0);
    CHECK(layers < ms("compute_ms"));
    return;
  }
  FAIL("no event of the first update");
}

TEST_CASE_METHOD(TrainerTest, "what is best according to each kept checkpoint is kept") {
  validates_with({10, 30, 40});
  job.settings.keep = 2;
  train_on();
  CHECK(saved() == Updates{8, 9, 12});
  CHECK(progress(9)["best_update"] == 8);
  CHECK(progress(12)["best_update"] == 12);
}

TEST_CASE_METHOD(TrainerTest, "a training that was killed after its last checkpoint is finished") {
  validates_with({10, 30, 20});
  const TrainEnd first = train_on();
  const auto before = values;
  num_validations = 0;
  const TrainEnd again = train_on();
  CHECK(num_validations == 0);
  CHECK(again.summary == first.summary);
  CHECK(values.equal(before));
}

TEST_CASE_METHOD(TrainerTest, "a kill between a validation and its checkpoint repeats both") {
  validates_with({10, 30, 20});
  const TrainEnd whole = train_on();
  const auto expected = values;
  fs::remove_all(job.checkpoints);
  const auto validate = job.validate;
  job.validate = [&] {
    if (next_validation == 8) throw Killed();
    return validate();
  };
  CHECK_THROWS_AS(train_on(), Killed);
  CHECK(saved() == Updates{4, 6});
  job.validate = validate;
  const TrainEnd end = train_on(8);
  CHECK(recorded() == Updates{8, 12});
  CHECK(end.summary["best_update"] == 8);
  CHECK(end.summary["train_loss"] == whole.summary["train_loss"]);
  CHECK(values.equal(expected));
}

TEST_CASE_METHOD(TrainerTest, "if the newest checkpoint is damaged the one before it is used") {
  validates_with({30, 10, 20});
  job.settings.keep = 2;
  train_on();
  const auto expected = values;
  CHECK(saved() == Updates{4, 9, 12});
  std::string bytes = read_file(checkpoint_file(job.checkpoints, 12));
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_atomic(checkpoint_file(job.checkpoints, 12), bytes);
  const TrainEnd end = train_on(12);
  CHECK(recorded() == Updates{12});
  CHECK(end.summary["best_update"] == 4);
  CHECK(values.equal(expected));
}

TEST_CASE_METHOD(TrainerTest, "a best checkpoint that is gone is chosen anew") {
  validates_with({30, 10, 20});
  train_on();
  CHECK(saved() == Updates{4, 12});
  fs::remove(checkpoint_file(job.checkpoints, 4));
  const TrainEnd end = train_on(12);
  CHECK(end.summary["best_update"] == 12);
  CHECK(progress(12)["best_update"] == 12);
}

TEST_CASE_METHOD(TrainerTest, "the second name of an earlier version's best becomes its name") {
  validates_with({30, 10, 20});
  train_on();
  fs::rename(checkpoint_file(job.checkpoints, 4), job.checkpoints / "best.safetensors");
  const TrainEnd end = train_on(12);
  CHECK(end.summary["best_update"] == 4);
  CHECK(saved() == Updates{4, 12});
}

TEST_CASE_METHOD(TrainerTest, "without a validation set the last checkpoint is the best") {
  job.validate = {};
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kFinished);
  CHECK(end.summary["best_update"] == 12);
  CHECK_FALSE(end.summary.contains("valid_loss"));
  CHECK(saved() == Updates{12});
}

TEST_CASE_METHOD(TrainerTest, "a gradient that is not finite ends the training with the update") {
  validates_with({10, 30, 20});
  job.settings.optimizer["lr"] = 1e30;
  job.settings.save_every = 1;
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kDiverged);
  CHECK(end.cause ==
        "the training diverged at update 2: its gradient is not finite; try a lower "
        "train.optimizer.lr, a longer train.schedule.warmup_updates or train.precision = \"fp32\"");
  CHECK(train_on().cause == end.cause);
}

TEST_CASE_METHOD(TrainerTest,
                 "parameters that are not finite after the last update are no result") {
  job.settings.optimizer["lr"] = 1e38;
  job.settings.optimizer["weight_decay"] = 1e38;
  job.settings.max_updates = 1;
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kDiverged);
  CHECK(end.cause.starts_with("the training diverged at update 1: its parameters are not finite"));
  CHECK(saved().empty());
}

TEST_CASE_METHOD(TrainerTest, "a validation loss that is not finite is no result") {
  job.validate = [] {
    return Validated{{{"valid_loss", std::nan("")}, {"perplexity", std::nan("")}}, std::nan("")};
  };
  job.settings.save_every = 100;
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kDiverged);
  CHECK(end.cause.starts_with("the training diverged at update 4: its validation loss is not"));
  CHECK(saved().empty());
}

TEST_CASE_METHOD(TrainerTest, "a resume from parameters that are not finite says so") {
  validates_with({10, 30, 20});
  train_on();
  const auto file = checkpoint_file(job.checkpoints, 12);
  const TensorFile opened(file);
  auto tensors = opened.tensors();
  std::string nans(tensors.begin()->second.bytes.size(), '\xff');
  tensors.begin()->second.bytes = nans;
  write_tensor_file(file, tensors, opened.metadata());
  job.settings.max_updates = 16;
  const TrainEnd end = train_on();
  CHECK(end.how == TrainEnd::How::kDiverged);
  CHECK(end.cause.starts_with(
      "the training diverged at update 12: its checkpoint has parameters that are not finite"));
}

TEST_CASE_METHOD(TrainerTest, "a limit of [train.health] warns, or stops the training") {
  job.validate = {};
  job.settings.health.max_gradient_norm = 1e-3;
  job.settings.max_updates = 4;
  const TrainEnd warned = train_on();
  CHECK(warned.how == TrainEnd::How::kFinished);
  CHECK(warned.summary["health_warnings"] == 4);
  const auto after_warnings = values;
  fs::remove_all(job.checkpoints);
  job.settings.health.max_gradient_norm = 0;
  CHECK_FALSE(train_on().summary.contains("health_warnings"));
  CHECK(values.equal(after_warnings));  // limits change no result
  fs::remove_all(job.checkpoints);
  job.settings.health = {.max_gradient_norm = 1e-3, .action = "stop"};
  const TrainEnd stopped = train_on();
  CHECK(stopped.how == TrainEnd::How::kDiverged);
  CHECK(stopped.cause.starts_with("stopped after update 1: the gradient norm is "));
  CHECK(saved().empty());
}

// As the store calls what a training logs: figures of MoE layers by their mean.
bool is_declared(const std::string& name) {
  constexpr const char* kScores[] = {"bleu", "valid_bleu"};
  if (std::find(std::begin(kScores), std::end(kScores), name) != std::end(kScores)) return true;
  const bool is_of_layer = std::count(name.begin(), name.end(), '.') == 3;
  const std::string key =
      is_of_layer ? std::string(kRouter) + name.substr(name.rfind('.') + 1) : name;
  const auto list = declared_measures();
  return std::any_of(list.begin(), list.end(), [&](const Measure& measure) {
    return measure.key == key || std::string(kValidation) + key == measure.key;
  });
}

TEST_CASE_METHOD(TrainerTest, "every figure that a training stores is a declared measure") {
  moe = {{"every", 1}, {"experts", 2}, {"exchange", {{"use", "gshard"}}}};
  job.settings.health.max_gradient_norm = 1e-3;
  job.settings.max_updates = 20;
  job.settings.validate_every = 10;
  job.settings.max_tokens = 30;  // the longest pairs are left out
  put({std::vector<int32_t>(40, 7)}, "fr-de");
  validates_with({1, 2});
  next_validation = 10;
  const TrainEnd end = train_on(10);
  std::set<std::string> names;
  for (const auto& [name, value] : end.summary.items())
    names.insert(name);
  CHECK(names.contains("health_warnings"));
  CHECK(names.contains("left_out_pairs"));
  CHECK(names.contains("step_ms"));
  size_t offset = 0;
  for (const auto& event : read_events(attempt_folder(folder.path(), 1), offset)) {
    if (event.event != "update" && event.event != "validation") continue;
    for (const auto& [name, value] : event.values.items())
      names.insert(name);
  }
  CHECK(names.contains("encoder.0.global.entropy"));
  std::vector<std::string> undeclared;
  for (const auto& name : names)
    if (!is_declared(name)) undeclared.push_back(name);
  CHECK(undeclared == std::vector<std::string>());
}

TEST_CASE_METHOD(TrainerTest, "activations that are computed again change no bit") {
  job.validate = {};
  train_on();
  const auto kept = values;
  fs::remove_all(job.checkpoints);
  job.settings.recompute_activations = true;
  train_on();
  CHECK(values.equal(kept));
}

TEST_CASE_METHOD(TrainerTest, "a training begins with the parameters of train.init_from") {
  job.validate = {};
  train_on();
  const auto trained = values;
  const fs::path first = checkpoint_file(job.checkpoints, 12);
  job.init_from = folder.path() / "first.safetensors";
  fs::rename(first, job.init_from);
  fs::remove_all(job.checkpoints);
  job.settings.max_updates = 1;
  job.settings.optimizer["lr"] = 1e-12;
  train_on();
  CHECK(values.allclose(trained));
  CHECK(progress(1)["update"] == 1);
}

TEST_CASE_METHOD(TrainerTest, "first parameters of another model are refused with what differs") {
  job.validate = {};
  job.origin = {"aaaa", {{"model", {{"width", 8}, {"ffn_width", 16}}}, {"train", {{"seed", 1}}}}};
  train_on();
  job.init_from = folder.path() / "first.safetensors";
  fs::rename(checkpoint_file(job.checkpoints, 12), job.init_from);
  fs::remove_all(job.checkpoints);
  ffn_width = 32;
  job.origin = {"bbbb", {{"model", {{"width", 8}, {"ffn_width", 32}}}, {"train", {{"seed", 2}}}}};
  CHECK(message_of([&] { train_on(); }) ==
        fmt::format("'{}' of train.init_from does not fit: 'encoder-0.wide.ffn.first.weight' is "
                    "[16,8], this model has [32,8]; settings differ: model.ffn_width (16, here 32)",
                    job.init_from.string()));
}

TEST_CASE_METHOD(TrainerTest, "a checkpoint of another training is refused with what differs") {
  job.validate = {};
  job.origin = {"aaaa", {{"model", {{"width", 8}}}, {"train", {{"seed", 1}, {"patience", 3}}}}};
  train_on();
  const fs::path file = checkpoint_file(job.checkpoints, 12);
  job.origin = {"bbbb", {{"model", {{"width", 8}}}, {"train", {{"seed", 2}}}}};
  job.settings.max_updates = 20;
  CHECK(message_of([&] { train_on(); }) ==
        fmt::format("checkpoint '{}' is of training aaaa, and this is training bbbb: settings "
                    "differ: train.patience (3, here unset), train.seed (1, here 2); move it "
                    "elsewhere, or start from it with train.init_from",
                    file.string()));
  job.origin.training_id = "aaaa";  // the same training with other settings of speed
  CHECK(train_on().summary["updates"] == 20);
}

TEST_CASE_METHOD(TrainerTest, "checkpoints are the same whether or not training waits for them") {
  job.validate = {};
  job.settings.save_every = 1;
  job.settings.keep = 100;
  const auto bytes = [&](bool in_background) {
    fs::remove_all(job.checkpoints);
    job.settings.save_in_background = in_background;
    train_on();
    std::string out;
    for (const int64_t update : saved()) {
      const TensorFile file(checkpoint_file(job.checkpoints, update));
      file.verify();
      for (const auto& [name, tensor] : file.tensors())
        out += name + std::string(tensor.bytes);
    }
    return out;
  };
  const std::string waiting = bytes(false);
  CHECK(saved().size() == 12);
  CHECK(bytes(true) == waiting);
}

TEST_CASE_METHOD(TrainerTest, "a checkpoint that cannot be written ends the training") {
  job.validate = {};
  write_atomic(job.checkpoints, "a file in place of the folder");
  CHECK_THROWS_AS(train_on(), Error);
}

TEST_CASE_METHOD(TrainerTest, "a validation follows each epoch if asked for") {
  job.validate = [] { return Validated{{{"valid_loss", 1.0}, {"perplexity", 2.7}}, -2.7}; };
  job.settings.validate_every = 1000;
  job.settings.validate_epochs = 1;
  job.settings.max_updates = 1000;
  job.settings.max_epochs = 2.5;
  train_on();
  CHECK(recorded().size() == 3);  // after the first, the second and at the end
}

TEST_CASE_METHOD(TrainerTest, "tokens per update are made of micro-batches") {
  job.validate = {};
  job.settings.max_updates = 2;
  job.settings.accumulate = 3;
  const double three = train_on().summary["tokens"];
  const auto parameters = values;
  fs::remove_all(job.checkpoints);
  job.settings.accumulate = 1;
  job.settings.tokens_per_update = 2 * job.settings.max_tokens + 1;
  CHECK(train_on().summary["tokens"] == three);
  CHECK(values.equal(parameters));
}

TEST_CASE_METHOD(TrainerTest, "the time of the last update counts") {
  job.validate = {};
  job.settings.max_updates = 1;
  CHECK(train_on().summary["train_seconds"] > 0);
}

}  // namespace
}  // namespace xp
