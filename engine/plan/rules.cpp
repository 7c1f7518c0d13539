// One function for each rule; a rule is silent where a component has not the settings it is about.
#include "engine/plan/rules.h"

#include "engine/spec/codes.h"

#include <algorithm>

namespace xp {
namespace {

constexpr double kRounding = 1e-9;  // shares are sums of decimal fractions

// The nearest counts that `ranks` can share: each rank has the same number of experts, at least
// one.
std::string legal_counts(int64_t experts, int64_t ranks) {
  const int64_t below = experts / ranks * ranks;
  return below == 0 ? fmt::format("{}", ranks) : fmt::format("{} or {}", below, below + ranks);
}

}  // namespace

Place Rules::place_of(const std::vector<std::string>& paths) const {
  for (const auto& path : paths) {
    for (const auto& axis : spec_.sweep.axes) {
      if (std::find(axis.keys.begin(), axis.keys.end(), path) != axis.keys.end()) return axis.place;
    }
  }
  for (const auto& path : paths) {
    if (spec_.source.keys.contains(path)) return spec_.source.place_of(path);
  }
  return spec_.source.place_of("");
}

void Rules::find(const char* code, const std::vector<std::string>& paths,
                 const std::string& message) {
  const Place place = place_of(paths);
  for (auto& known : findings_) {
    const bool same = known.code == code && known.place.file == place.file &&
                      known.place.line == place.line && known.place.column == place.column;
    if (!same) continue;
    ++known.count;
    return;
  }
  findings_.push_back({place, code, message, *name_, number_, 1});
}

void Rules::report(size_t points) {
  for (const auto& finding : findings_) {
    std::string where;
    if (points > 1) {
      where = fmt::format(", at point {} of {} ({})", finding.number, points, finding.name);
      if (finding.count > 1) where += fmt::format(" and {} more", finding.count - 1);
    }
    problems_.add(finding.place, finding.code, finding.message + where);
  }
  findings_.clear();
}

void Rules::check(const Value& settings, const std::string& name, size_t number) {
  settings_ = &settings;
  name_ = &name;
  number_ = number;
  check_shares("model.moe.exchange");
  check_shares("eval");
  check_experts();
  check_heads();
  check_batch();
}

void Rules::check_shares(const std::string& table) {
  const Value *alpha = at(table + ".alpha"), *beta = at(table + ".beta");
  if (alpha == nullptr || beta == nullptr) return;
  const double sum = alpha->get<double>() + beta->get<double>();
  if (sum <= 1 + kRounding) return;
  find(code::kShares, {table + ".alpha", table + ".beta"},
       fmt::format("alpha + beta in [{}] is {} + {}; must be at most 1", table, show(*alpha),
                   show(*beta)));
}

void Rules::check_experts() {
  const Value *experts = at("model.moe.experts"), *every = at("model.moe.every");
  const Value* exchange = at("model.moe.exchange.use");
  const Value *nodes = at("launch.nodes"), *per_node = at("launch.ranks_per_node");
  if (experts == nullptr || nodes == nullptr || per_node == nullptr) return;
  if ((every != nullptr && *every == 0) || (exchange != nullptr && *exchange == "dense")) return;
  const int64_t count = *experts, ranks = nodes->get<int64_t>() * per_node->get<int64_t>();
  if (count < 1 || count % ranks == 0) return;
  find(code::kExperts, {"model.moe.experts", "launch.ranks_per_node", "launch.nodes"},
       fmt::format("'experts' is {}, which {} ranks cannot share equally; the nearest that they "
                   "can is {}",
                   count, ranks, legal_counts(count, ranks)));
}

void Rules::check_heads() {
  const Value *heads = at("model.heads"), *width = at("model.width");
  if (heads == nullptr || width == nullptr) return;
  const int64_t count = *heads, size = *width;
  if (count < 1 || size % count == 0) return;
  find(code::kHeads, {"model.heads", "model.width"},
       fmt::format("'heads' is {}, which does not divide 'width' {}", count, size));
}

void Rules::check_batch() {
  const Value *length = at("corpus.max_length"), *tokens = at("train.max_tokens");
  if (length == nullptr || tokens == nullptr) return;
  if (tokens->get<int64_t>() > length->get<int64_t>()) return;
  find(code::kBatch, {"train.max_tokens", "corpus.max_length"},
       fmt::format("'max_tokens' in [train] is {}, but a sentence may have {} pieces and </s>; "
                   "raise it to at least {} or lower 'max_length' in [corpus]",
                   tokens->get<int64_t>(), length->get<int64_t>(), length->get<int64_t>() + 1));
}

}  // namespace xp
