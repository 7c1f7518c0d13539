// The transformer: decoding piece by piece equals reading the whole sentence, and padding changes
// nothing.
#include "engine/base/error.h"
#include "engine/nn/padding.h"
#include "registry/model.h"

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <numeric>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

using Pieces = std::vector<int32_t>;

Value tiny(const std::string& exchange) {
  return {{"use", "transformer"},
          {"encoder_layers", 2},
          {"decoder_layers", 2},
          {"width", 16},
          {"ffn_width", 32},
          {"heads", 2},
          {"dropout", 0.0},
          {"moe",
           {{"every", 2},
            {"experts", 4},
            {"capacity_factor", 0.0},
            {"exchange", {{"use", exchange}}}}}};
}

std::shared_ptr<TranslationModel> build(const Value& settings) {
  ModelContext context;
  context.source_vocabulary = context.target_vocabulary = 20;
  context.groups = alone();
  context.capacity_fraction = 0;
  auto model = make_part<Model>(settings)->build(context);
  model->eval();
  return model;
}

Batch batch_of(const std::vector<std::vector<int32_t>>& sources,
               const std::vector<std::vector<int32_t>>& ins,
               const std::vector<std::vector<int32_t>>& outs) {
  Batch out;
  out.source_BS = padded(sources);
  out.target_in_BL = padded(ins);
  out.target_out_BL = padded(outs);
  out.num_sentences = static_cast<int64_t>(sources.size());
  for (const auto& row : outs)
    out.num_tokens += static_cast<int64_t>(row.size());
  return out;
}

torch::Tensor logits_of(TranslationModel& model, const Batch& batch) {
  const ModelOutput output = model.forward(batch);
  return output.h_TD.matmul(output.output_VD.t());
}

}  // namespace

TEST_CASE("decoding piece by piece equals the forward pass, dense and sparse, pre- and post-norm") {
  for (const char* exchange : {"dense", "gshard", "scomoe-seq"}) {
    for (const char* norm : {"pre", "post"}) {
      auto settings = tiny(exchange);
      settings["norm"] = norm;
      const auto model = build(settings);
      const torch::NoGradGuard no_grad;
      const auto whole =
          logits_of(*model, batch_of({{5, 6, 7, 2}}, {{2, 8, 9, 10}}, {{8, 9, 10, 2}}));
      auto state = model->start_decoding();
      const int64_t source = model->encode(*state, {{5, 6, 7, 2}}).front();
      int64_t position = 0;
      for (const int32_t piece : {2, 8, 9, 10}) {
        INFO(exchange << " " << norm << " " << position);
        // The local part of scomoe-seq depends on which tokens come together, so only its first
        // layer's rule is equal.
        const auto step = model->step(*state, {{piece, position == 0 ? -1 : 0, source}});
        CHECK((std::string(exchange) == "scomoe-seq" ||
               torch::allclose(step[0], whole[position], 1e-4, 1e-5)));
        ++position;
      }
    }
  }
}

TEST_CASE("a sentence has the same logits alone and beside a longer one") {
  for (const char* exchange : {"dense", "gshard"}) {
    const auto model = build(tiny(exchange));
    const torch::NoGradGuard no_grad;
    const auto alone_TV = logits_of(*model, batch_of({{5, 2}}, {{2, 8}}, {{8, 2}}));
    const auto both_TV = logits_of(
        *model, batch_of({{5, 2}, {6, 7, 9, 2}}, {{2, 8}, {2, 9, 9}}, {{8, 2}, {9, 9, 2}}));
    CHECK(both_TV.size(0) == 5);
    CHECK(torch::allclose(both_TV.slice(0, 0, 2), alone_TV, 1e-4, 1e-5));
  }
}

TEST_CASE("hypotheses change places, leave and share their source; sentences come and go") {
  const auto model = build(tiny("dense"));
  const torch::NoGradGuard no_grad;
  auto state = model->start_decoding();
  const auto first = model->encode(*state, {{5, 6, 2}, {7, 2}});
  model->step(*state, {{2, -1, first[0]}, {2, -1, first[1]}});
  model->step(*state, {{8, 0, first[0]}, {9, 1, first[1]}, {10, 1, first[1]}});
  model->forget(*state, first[0]);
  const auto later = model->encode(*state, {{9, 9, 9, 2}});
  // The two of the second sentence change places, and one begins.
  const auto mixed = model->step(*state, {{4, 2, first[1]}, {5, 1, first[1]}, {2, -1, later[0]}});

  const auto last_logits = [&](const Pieces& source, const Pieces& target) {
    const Batch batch = batch_of({source}, {target}, {target});
    return logits_of(*model, batch)[static_cast<int64_t>(target.size()) - 1];
  };
  CHECK(torch::allclose(mixed[0], last_logits({7, 2}, {2, 10, 4}), 1e-4, 1e-5));
  CHECK(torch::allclose(mixed[1], last_logits({7, 2}, {2, 9, 5}), 1e-4, 1e-5));
  CHECK(torch::allclose(mixed[2], last_logits({9, 9, 9, 2}, {2}), 1e-4, 1e-5));
}

TEST_CASE("a row decodes to the same bits whatever is decoded with it") {
  for (const char* exchange : {"dense", "gshard"}) {
    const auto model = build(tiny(exchange));
    REQUIRE(model->decodes_rows_independently());
    const torch::NoGradGuard no_grad;
    auto alone_state = model->start_decoding();
    const int64_t alone_source = model->encode(*alone_state, {{5, 6, 7, 2}}).front();
    const auto one = model->step(*alone_state, {{2, -1, alone_source}});
    for (const int32_t count : {2, 7, 40}) {
      auto state = model->start_decoding();
      std::vector<Pieces> sources = {{5, 6, 7, 2}};
      for (int32_t i = 1; i < count; ++i)
        sources.push_back(Pieces(static_cast<size_t>(1 + i % 9), 4 + i % 16));
      std::vector<DecodeRow> rows;
      for (const int64_t source : model->encode(*state, sources))
        rows.push_back({2, -1, source});
      INFO(exchange << " " << count);
      CHECK(model->step(*state, rows)[0].equal(one[0]));
    }
  }
}

TEST_CASE("first values depend on names and seed, not on the other experts") {
  auto few = tiny("gshard"), many = tiny("gshard");
  many["moe"]["experts"] = 8;
  std::map<std::string, torch::Tensor> of_few;
  for (const auto& parameter : build(few)->parameter_list())
    of_few[parameter.name] = parameter.tensor;
  int64_t shared_experts = 0;
  for (const auto& parameter : build(many)->parameter_list()) {
    if (!parameter.is_expert || !of_few.contains(parameter.name)) continue;
    ++shared_experts;
    CHECK(parameter.tensor.equal(of_few.at(parameter.name)));
  }
  CHECK(shared_experts == 32);  // 2 layers x 4 experts x 4 tensors
}

TEST_CASE("settings that do not fit each other are refused with the fix") {
  auto settings = tiny("dense");
  settings["heads"] = 3;
  try {
    build(settings);
    FAIL("built");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) ==
          "'width' is 16, which 3 heads cannot share equally; use a multiple of 3");
    CHECK(error.blame() == Blame::kUser);
  }
}

TEST_CASE(
    "with MoE layers last, clustered or not, decoding piece by piece equals the forward pass") {
  for (const char* exchange : {"gshard", "scomoe-seq", "scomoe-feat"}) {
    for (const bool clusters : {false, true}) {
      auto settings = tiny(exchange);
      settings["encoder_layers"] = settings["decoder_layers"] = 5;  // the odd one out is dense
      settings["moe"]["reorder_layers"] = true;
      settings["moe"]["token_cluster"]["enabled"] = clusters;
      const auto model = build(settings);
      const torch::NoGradGuard no_grad;
      const Batch batch =
          batch_of({{5, 6, 2}, {7, 8, 9, 2}}, {{2, 8, 9}, {2, 9, 4}}, {{8, 9, 2}, {9, 4, 2}});
      const auto whole = logits_of(*model, batch).view({2, 3, -1});
      auto state = model->start_decoding();
      const auto sources = model->encode(*state, {{5, 6, 2}, {7, 8, 9, 2}});
      const Pieces targets[] = {{2, 8, 9}, {2, 9, 4}};
      for (int64_t position = 0; position < 3; ++position) {
        std::vector<DecodeRow> rows;
        for (int64_t i = 0; i < 2; ++i)
          rows.push_back({targets[i][static_cast<size_t>(position)], position == 0 ? -1 : i,
                          sources[static_cast<size_t>(i)]});
        const auto step = model->step(*state, rows);
        INFO(exchange << " " << clusters << " " << position);
        CHECK(torch::allclose(step, whole.select(1, position), 1e-4, 1e-5));
      }
    }
  }
}

TEST_CASE("the shares of rows that experts got add up, in training and evaluation") {
  const auto model = build(tiny("gshard"));
  const Batch batch = batch_of({{5, 2}, {6, 7, 9, 2}}, {{2, 8}, {2, 9, 9}}, {{8, 2}, {9, 9, 2}});
  for (const bool trains : {true, false}) {
    model->train(trains);
    model->forward(batch);
    const ExpertLoads loads = model->take_loads();
    CHECK_FALSE(loads.empty());
    for (const auto& [layer, shares] : loads) {
      INFO(layer << (trains ? " training" : " evaluation"));
      CHECK(shares.size() == 4);
      CHECK(std::abs(std::accumulate(shares.begin(), shares.end(), 0.0) - 100) < 1e-9);
    }
    for (const auto& [layer, shares] : model->take_loads())
      CHECK(std::accumulate(shares.begin(), shares.end(), 0.0) == 0);
  }
  CHECK(build(tiny("dense"))->take_loads().empty());
}

TEST_CASE("the predecessor's layers train too, with pads and without") {
  auto settings = tiny("scomoe-seq");
  settings["encoder_layers"] = settings["decoder_layers"] = 4;
  settings["moe"]["compatibility"] = "seed";
  settings["moe"]["token_cluster"]["enabled"] = true;
  const auto model = build(settings);
  model->train();
  const Batch batch = batch_of({{5, 2}, {6, 7, 9, 2}}, {{2, 8}, {2, 9, 9}}, {{8, 2}, {9, 9, 2}});
  const ModelOutput output = model->forward(batch);
  (output.h_TD.sum() + output.balance).backward();
  for (const auto& parameter : model->parameter_list()) {
    INFO(parameter.name);
    if (parameter.tensor.grad().defined())
      CHECK(parameter.tensor.grad().isfinite().all().item<bool>());
  }
}
