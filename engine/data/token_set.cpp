// A sentence is found by a binary search over the first sentences of the parts.
#include "engine/data/token_set.h"

#include "engine/base/error.h"

#include <algorithm>

namespace xp {

fs::path token_part(const fs::path& stem, size_t index) {
  return fmt::format("{}.{}.tokens", stem.string(), index);
}

TokenSetWriter::TokenSetWriter(fs::path stem, int64_t vocabulary_size, int64_t sentences_per_part)
    : stem_(std::move(stem)),
      vocabulary_size_(vocabulary_size),
      sentences_per_part_(sentences_per_part) {}

void TokenSetWriter::add(std::span<const int32_t> ids) {
  if (part_ && in_part_ == sentences_per_part_) finish();
  if (!part_) {
    part_.emplace(token_part(stem_, num_parts_++), vocabulary_size_);
    in_part_ = 0;
  }
  part_->add(ids);
  ++in_part_;
}

void TokenSetWriter::finish() {
  // A set without sentences still has a part, which says so.
  if (!part_ && num_parts_ == 0) part_.emplace(token_part(stem_, num_parts_++), vocabulary_size_);
  if (part_) part_->finish();
  part_.reset();
}

TokenSet::TokenSet(const fs::path& stem) : firsts_{0} {
  parts_.emplace_back(token_part(stem, 0));
  for (size_t i = 1; fs::exists(token_part(stem, i)); ++i)
    parts_.emplace_back(token_part(stem, i));
  for (const auto& part : parts_) {
    firsts_.push_back(firsts_.back() + part.size());
    if (part.vocabulary_size() != vocabulary_size()) {
      machine_error(
          "the parts of '{}' do not belong together; delete the folder and prepare it again",
          stem.string());
    }
  }
}

int64_t TokenSet::num_tokens() const {
  int64_t sum = 0;
  for (const auto& part : parts_)
    sum += part.num_tokens();
  return sum;
}

std::pair<const TokenFile&, int64_t> TokenSet::at(int64_t i) const {
  check(i >= 0 && i < size(), "a sentence of a token set is asked by its index");
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), i);
  const auto part = static_cast<size_t>(after - firsts_.begin()) - 1;
  return {parts_[part], i - firsts_[part]};
}

uint32_t TokenSet::length(int64_t i) const {
  const auto [part, index] = at(i);
  return part.length(index);
}

std::vector<int32_t> TokenSet::sentence(int64_t i) const {
  const auto [part, index] = at(i);
  return part.sentence(index);
}

std::vector<uint32_t> TokenSet::lengths() const {
  std::vector<uint32_t> out;
  out.reserve(static_cast<size_t>(size()));
  for (const auto& part : parts_) {
    for (int64_t i = 0; i < part.size(); ++i)
      out.push_back(part.length(i));
  }
  return out;
}

void TokenSet::verify() const {
  for (const auto& part : parts_)
    part.verify();
}

}  // namespace xp
