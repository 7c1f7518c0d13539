// Real models in every precision: the same hypotheses, to the last bit of their scores, for any
// number of sentences at once and any number of ranks; and those of a search that recomputes every
// prefix.
#include "engine/eval/decode.h"

#include "engine/nn/padding.h"
#include "engine/testing/ranks.h"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

using namespace xp;  // NOLINT: tests read better without the prefix

namespace {

constexpr int64_t kVocabulary = 40;

std::shared_ptr<TranslationModel> build(const std::string& exchange, const Groups& groups,
                                        double capacity_fraction = 0,
                                        Precision precision = Precision::kFp32) {
  ModelContext context;
  context.precision = precision;
  context.source_vocabulary = context.target_vocabulary = kVocabulary;
  context.groups = groups;
  context.capacity_fraction = capacity_fraction;
  const Value settings = {{"use", "transformer"},
                          {"encoder_layers", 2},
                          {"decoder_layers", 2},
                          {"width", 32},
                          {"ffn_width", 64},
                          {"heads", 4},
                          {"moe",
                           {{"every", 2},
                            {"experts", 4},
                            {"capacity_factor", 0.0},
                            {"exchange", {{"use", exchange}}}}}};
  auto model = make_part<Model>(settings)->build(context);
  model->eval();
  return model;
}

// Sources of 1 to 13 pieces and an end.
std::vector<SearchSource> sources_of(size_t count) {
  std::vector<SearchSource> out(count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < 1 + 5 * i % 13; ++k)
      out[i].pieces.push_back(static_cast<int32_t>(4 + (7 * i + 3 * k + i * k) % 36));
    out[i].pieces.push_back(Special::kEnd);
  }
  return out;
}

const SearchRule kRule{.beam = 4, .max_length_a = 1, .max_length_b = 4, .num_best = 2};

using Found = std::vector<std::vector<Hypothesis>>;

// The first hypothesis that is not the same to the last bit of its score; empty: all are.
std::string difference(const Found& a, const Found& b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    if (i >= a.size() || i >= b.size() || a[i].size() != b[i].size())
      return fmt::format("sentence {}: other numbers of hypotheses", i);
    for (size_t k = 0; k < a[i].size(); ++k) {
      const Hypothesis &x = a[i][k], &y = b[i][k];
      if (x.pieces != y.pieces || x.log_p != y.log_p || x.score != y.score ||
          x.aligned != y.aligned) {
        return fmt::format("sentence {}: [{}] {} and [{}] {}", i, fmt::join(x.pieces, " "), x.log_p,
                           fmt::join(y.pieces, " "), y.log_p);
      }
    }
  }
  return "";
}

constexpr Precision kPrecisions[] = {Precision::kFp32, Precision::kBf16, Precision::kInt8};

Found on_one_rank(const std::string& exchange, size_t count, int64_t max_tokens = 6000,
                  Precision precision = Precision::kFp32) {
  const Groups one = alone();
  const auto model = build(exchange, one, /*capacity_fraction=*/0, precision);
  return translate(*model, sources_of(count), {kRule, max_tokens}, *one.world);
}

// log p of what follows a prefix, by the forward pass over all of it.
torch::Tensor log_p_after(TranslationModel& model, const SearchSource& source,
                          const Pieces& prefix) {
  Pieces target = {source.begin};
  target.insert(target.end(), prefix.begin(), prefix.end());
  Batch batch;
  batch.source_BS = padded({source.pieces});
  batch.target_in_BL = batch.target_out_BL = padded({target});
  batch.num_sentences = 1;
  batch.num_tokens = static_cast<int64_t>(target.size());
  const ModelOutput output = model.forward(batch);
  return torch::log_softmax(output.h_TD[-1].matmul(output.output_VD.t()).to(torch::kDouble), 0);
}

// Beam search as a textbook has it: no caches, one hypothesis after the other.
Hypothesis reference_search(TranslationModel& model, const SearchSource& source) {
  std::vector<Hypothesis> open = {{}}, finished;
  const size_t longest = source.pieces.size() - 1 + 4;
  const auto beam = static_cast<size_t>(kRule.beam);
  while (!open.empty() && finished.size() < beam) {
    std::vector<Hypothesis> extended;
    for (const auto& hypothesis : open) {
      const auto log_p = log_p_after(model, source, hypothesis.pieces);
      for (int32_t piece = Special::kEnd; piece < kVocabulary; ++piece) {
        if (hypothesis.pieces.size() >= longest && piece != Special::kEnd) break;
        extended.push_back({hypothesis.pieces, hypothesis.log_p + log_p[piece].item<double>()});
        extended.back().pieces.push_back(piece);
      }
    }
    std::stable_sort(extended.begin(), extended.end(),
                     [](const auto& a, const auto& b) { return a.log_p > b.log_p; });
    open.clear();
    for (size_t i = 0; i < std::min(2 * beam, extended.size()) && open.size() < beam; ++i) {
      Hypothesis& next = extended[i];
      if (next.pieces.back() != Special::kEnd) {
        open.push_back(next);
      } else if (i < beam && finished.size() < beam) {
        next.score = next.log_p / static_cast<double>(next.pieces.size());
        next.pieces.pop_back();
        finished.push_back(next);
      }
    }
  }
  return *std::max_element(finished.begin(), finished.end(),
                           [](const auto& a, const auto& b) { return a.score < b.score; });
}

}  // namespace

TEST_CASE("beam search finds what a search without caches finds, dense and with experts") {
  const torch::NoGradGuard no_grad;
  for (const char* exchange : {"dense", "gshard"}) {
    const auto model = build(exchange, alone());
    const auto found = on_one_rank(exchange, 4);
    const auto sources = sources_of(4);
    for (size_t i = 0; i < sources.size(); ++i) {
      INFO(exchange << " sentence " << i);
      const Hypothesis expected = reference_search(*model, sources[i]);
      CHECK(found[i].front().pieces == expected.pieces);
      CHECK(found[i].front().score == Catch::Approx(expected.score).epsilon(1e-5));
    }
  }
}

TEST_CASE("hypotheses and scores are the same for 1 to 64 sentences at once") {
  for (const char* exchange : {"dense", "gshard"}) {
    for (const Precision precision : kPrecisions) {
      const auto together = on_one_rank(exchange, 66, 6000, precision);
      for (const int64_t sentences : {1, 3, 17, 64}) {
        INFO(exchange << " " << sentences << " precision " << static_cast<int>(precision));
        CHECK(difference(on_one_rank(exchange, 66, 14 * sentences, precision), together) == "");
      }
    }
  }
}

TEST_CASE("hypotheses and scores are the same on 1, 2 and 4 ranks") {
  struct Case {
    const char* exchange;
    size_t count;
    Precision precision;
  };
  for (const Case& one :
       {Case{"dense", 0, Precision::kFp32}, Case{"dense", 3, Precision::kFp32},
        Case{"dense", 30, Precision::kInt8}, Case{"gshard", 0, Precision::kInt8},
        Case{"gshard", 3, Precision::kFp32}, Case{"gshard", 30, Precision::kFp32},
        Case{"gshard", 30, Precision::kBf16}, Case{"gshard", 30, Precision::kInt8}}) {
    const auto expected = on_one_rank(one.exchange, one.count, 6000, one.precision);
    for (const Topology& topology : {Topology{1, 2}, Topology{2, 2}}) {
      const auto found = on_ranks<Found>(topology, [&](const Groups& groups) {
        const auto model = build(one.exchange, groups, /*capacity_fraction=*/0, one.precision);
        return translate(*model, sources_of(one.count), {kRule, 60}, *groups.world);
      });
      INFO(one.exchange << " " << one.count << " on " << topology.ranks());
      for (const auto& of_rank : found)
        CHECK(difference(of_rank, expected) == "");
    }
  }
}

// Of first values no piece is much likelier than others, and a row near the border of two experts
// may change sides: single hypotheses say little, their mean score does.
TEST_CASE("scores in bf16 and int8 are close to those in fp32") {
  const auto mean_score = [](const Found& found) {
    double sum = 0;
    for (const auto& best : found)
      sum += best.front().score;
    return sum / static_cast<double>(found.size());
  };
  for (const char* exchange : {"dense", "gshard"}) {
    const auto exact = on_one_rank(exchange, 66);
    for (const Precision precision : {Precision::kBf16, Precision::kInt8}) {
      const auto found = on_one_rank(exchange, 66, 6000, precision);
      INFO(exchange << " precision " << static_cast<int>(precision));
      CHECK(difference(found, exact) != "");
      CHECK(mean_score(found) == Catch::Approx(mean_score(exact)).epsilon(0.01));
    }
  }
}

TEST_CASE("each piece is aligned with a piece of its source, on any number of ranks") {
  SearchRule rule = kRule;
  rule.is_aligning = true;
  const auto sources = sources_of(30);
  const auto decode = [&](const Groups& groups) {
    return translate(*build("gshard", groups), sources, {rule, 60}, *groups.world);
  };
  const auto found = decode(alone());
  for (size_t i = 0; i < sources.size(); ++i) {
    for (const auto& hypothesis : found[i]) {
      CHECK(hypothesis.aligned.size() == hypothesis.pieces.size());
      for (const int32_t place : hypothesis.aligned)
        CHECK((place >= 0 && place < static_cast<int32_t>(sources[i].pieces.size())));
    }
  }
  CHECK(difference(on_ranks<Found>({1, 2}, decode)[1], found) == "");
}

TEST_CASE("rows that depend on each other are decoded in batches that do not depend on time") {
  for (const char* exchange : {"gshard", "scomoe-seq", "scomoe-feat"}) {
    const auto run = [&] {
      return on_ranks<Found>({1, 2}, [&](const Groups& groups) {
        const auto model = build(exchange, groups, /*capacity_fraction=*/0.5);
        if (model->decodes_rows_independently()) throw std::logic_error("independent");
        return translate(*model, sources_of(30), {kRule, 60}, *groups.world);
      });
    };
    const auto found = run();
    INFO(exchange);
    CHECK(found[0].size() == 30);
    CHECK(std::none_of(found[0].begin(), found[0].end(),
                       [](const auto& best) { return best.empty(); }));
    CHECK(difference(found[0], found[1]) == "");
    CHECK(difference(found[0], run()[0]) == "");
  }
}

TEST_CASE("another deal of sentences decodes all of them, always in the same way") {
  for (const Deal deal : {Deal::kDiverse, Deal::kRandom}) {
    const auto run = [&] {
      return on_ranks<Found>({1, 2}, [&](const Groups& groups) {
        const auto model = build("gshard", groups, /*capacity_fraction=*/0.5);
        return translate(*model, sources_of(30), {kRule, 60, deal}, *groups.world);
      });
    };
    const auto found = run();
    CHECK(std::none_of(found[0].begin(), found[0].end(),
                       [](const auto& best) { return best.empty(); }));
    CHECK(difference(found[0], run()[0]) == "");
  }
}

TEST_CASE("progress never falls and ends with all sentences") {
  const Groups one = alone();
  const auto model = build("dense", one);
  std::vector<int64_t> seen;
  translate(*model, sources_of(20), {kRule, 60}, *one.world, [&](int64_t done, int64_t total) {
    CHECK(total == 20);
    seen.push_back(done);
  });
  CHECK(seen.front() == 0);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == 20);
}

TEST_CASE("progress ends with all sentences if another rank translates the last") {
  const auto last = on_ranks<int64_t>({1, 2}, [](const Groups& groups) {
    const auto model = build("dense", groups);
    int64_t out = 0;
    translate(*model, sources_of(21), {kRule, 60}, *groups.world,
              [&](int64_t done, int64_t) { out = done; });
    return out;
  });
  CHECK(last == std::vector<int64_t>{21, 21});
}
