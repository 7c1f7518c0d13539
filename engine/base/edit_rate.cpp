// Edit distances in a band around the diagonal; a shift redoes only the rows behind its first word.
#include "engine/base/edit_rate.h"

#include "engine/base/to_integer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

namespace xp {
namespace {

using Words = std::vector<uint32_t>;

constexpr size_t kMaxShiftWords = 10, kMaxShiftDistance = 50;
constexpr int64_t kMaxShifts = 1000;
constexpr double kBand = 25;
constexpr int32_t kInfinite = 1 << 30;

enum class Edit : uint8_t { kNone, kKeep, kReplace, kInsert, kDelete };

struct Cell {
  int32_t cost = kInfinite;
  Edit edit = Edit::kNone;
};

// The matrix of edit distances between the beginnings of a hypothesis and of the reference.
class Distances {
 public:
  Distances(std::span<const uint32_t> reference, size_t hypothesis_size)
      : reference_(reference), width_(reference.size() + 1), height_(hypothesis_size) {
    const auto size = static_cast<double>(reference.size());
    if (height_ > 0) ratio_ = size / static_cast<double>(height_);
    band_ = to_integer(kBand < ratio_ / 2 ? std::ceil(ratio_ / 2 + kBand) : kBand);
    cells_.resize(width_ * (height_ + 1));
    for (size_t j = 0; j < width_; ++j)
      cells_[j] = {static_cast<int32_t>(j), Edit::kInsert};
  }

  int32_t cost() const { return cells_.back().cost; }

  /// Computes all rows for this hypothesis.
  void fill(const Words& hypothesis) {
    for (size_t i = 1; i <= height_; ++i)
      fill_row(i, hypothesis[i - 1], row(i - 1), row(i));
  }

  /// The distance of a hypothesis that differs from the one of `fill` from word `begin` on.
  int32_t cost_of(const Words& hypothesis, size_t begin) {
    if (begin >= height_) return cost();
    std::span<Cell> above = row(begin);
    for (size_t i = begin + 1; i <= height_; ++i) {
      auto& here = spare_[i % 2];
      here.assign(width_, Cell{});
      fill_row(i, hypothesis[i - 1], above, here);
      above = here;
    }
    return above.back().cost;
  }

  /// The edits from the beginning on that make the reference of the hypothesis.
  std::vector<Edit> edits() const {
    std::vector<Edit> out;
    for (size_t i = height_, j = width_ - 1; i > 0 || j > 0;) {
      Edit edit = cells_[i * width_ + j].edit;
      if (edit == Edit::kNone) edit = j > 0 ? Edit::kInsert : Edit::kDelete;  // outside of the band
      if (i == 0) edit = Edit::kInsert;
      if (j == 0) edit = Edit::kDelete;
      out.push_back(edit);
      if (edit != Edit::kInsert) --i;
      if (edit != Edit::kDelete) --j;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  std::span<Cell> row(size_t i) { return std::span(cells_).subspan(i * width_, width_); }

  void fill_row(size_t i, uint32_t word, std::span<const Cell> above, std::span<Cell> here) const {
    const auto diagonal = to_integer(static_cast<double>(i) * ratio_);
    const auto first = static_cast<size_t>(std::max<int64_t>(0, diagonal - band_));
    const auto last =
        i == height_ ? width_ : std::min(width_, static_cast<size_t>(diagonal + band_));
    std::fill(here.begin(), here.end(), Cell{});
    for (size_t j = first; j < last; ++j) {
      if (j == 0) {
        here[0] = {above[0].cost + 1, Edit::kDelete};
        continue;
      }
      const bool is_same = word == reference_[j - 1];
      Cell best;
      const auto offer = [&](int32_t cost, Edit edit) {
        if (cost < best.cost) best = {cost, edit};
      };
      offer(above[j - 1].cost + (is_same ? 0 : 1), is_same ? Edit::kKeep : Edit::kReplace);
      offer(above[j].cost + 1, Edit::kDelete);
      offer(here[j - 1].cost + 1, Edit::kInsert);
      here[j] = best;
    }
  }

  std::span<const uint32_t> reference_;
  size_t width_, height_;
  double ratio_ = 1;
  int64_t band_ = 0;
  std::vector<Cell> cells_;
  std::vector<Cell> spare_[2];
};

// Where words of the reference stand in the hypothesis, and which words of both are wrong.
struct Alignment {
  std::vector<int64_t> place;  ///< by word of the reference; -1 = before all
  std::vector<bool> is_reference_wrong, is_hypothesis_wrong;
};

Alignment alignment_of(const std::vector<Edit>& edits) {
  Alignment out;
  int64_t at = -1;
  for (const Edit edit : edits) {
    const bool is_wrong = edit != Edit::kKeep;
    if (edit != Edit::kInsert) {
      ++at;
      out.is_hypothesis_wrong.push_back(is_wrong);
    }
    if (edit != Edit::kDelete) {
      out.place.push_back(at);
      out.is_reference_wrong.push_back(is_wrong);
    }
  }
  return out;
}

bool has_wrong(const std::vector<bool>& wrong, size_t begin, size_t count) {
  const auto first = wrong.begin() + static_cast<std::ptrdiff_t>(begin);
  return std::find(first, first + static_cast<std::ptrdiff_t>(count), true) !=
         first + static_cast<std::ptrdiff_t>(count);
}

// `words` with `count` of them from `start` moved to before `target`.
Words shifted(const Words& words, size_t start, size_t count, size_t target) {
  Words out = words;
  const auto at = [&](size_t i) { return out.begin() + static_cast<std::ptrdiff_t>(i); };
  if (target < start) {
    std::rotate(at(target), at(start), at(start + count));
  } else if (target > start + count) {
    std::rotate(at(start), at(start + count), at(target));
  } else {
    std::rotate(at(start), at(start + count), at(std::min(out.size(), count + target)));
  }
  return out;
}

struct Shift {
  int32_t gain;
  size_t count, start, target;
  Words words;
  // The larger gain, then the longer phrase, then the earlier one, then the earlier target.
  auto rank() const {
    return std::tuple(gain, static_cast<int64_t>(count), -static_cast<int64_t>(start),
                      -static_cast<int64_t>(target));
  }
};

class Search {
 public:
  Search(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference)
      : words_(hypothesis.begin(), hypothesis.end()),
        reference_(reference),
        distances_(reference, hypothesis.size()) {}

  int64_t edits() {
    int64_t shifts = 0;
    while (true) {
      distances_.fill(words_);
      alignment_ = alignment_of(distances_.edits());
      best_.reset();
      try_all();
      if (num_tried_ >= kMaxShifts || !best_ || best_->gain <= 0) break;
      words_ = std::move(best_->words);
      ++shifts;
    }
    return shifts + distances_.cost();
  }

 private:
  // Phrases that both have, in another place.
  void try_all() {
    for (size_t i = 0; i < words_.size(); ++i) {
      for (size_t j = 0; j < reference_.size(); ++j) {
        if (std::max(i, j) - std::min(i, j) > kMaxShiftDistance) continue;
        for (size_t count = 0; count < kMaxShiftWords && i + count < words_.size() &&
                               j + count < reference_.size() &&
                               words_[i + count] == reference_[j + count];) {
          try_phrase(i, j, ++count);
          if (is_exhausted_) return;
        }
      }
    }
  }

  void try_phrase(size_t start, size_t start_in_reference, size_t count) {
    if (!has_wrong(alignment_.is_hypothesis_wrong, start, count)) return;
    if (!has_wrong(alignment_.is_reference_wrong, start_in_reference, count)) return;
    const int64_t place = alignment_.place[start_in_reference];
    const auto first = static_cast<int64_t>(start);
    if (first <= place && place < first + static_cast<int64_t>(count)) return;
    int64_t last_target = -1;
    for (size_t offset = 0; offset <= count; ++offset) {  // behind the word before, behind each
      const size_t behind = start_in_reference + offset;
      if (behind > alignment_.place.size()) break;
      const int64_t target = behind == 0 ? 0 : alignment_.place[behind - 1] + 1;
      if (target == last_target) continue;
      last_target = target;
      try_shift(start, count, static_cast<size_t>(target));
    }
    is_exhausted_ = num_tried_ >= kMaxShifts;
  }

  void try_shift(size_t start, size_t count, size_t target) {
    Shift shift{0, count, start, target, shifted(words_, start, count, target)};
    shift.gain = distances_.cost() - distances_.cost_of(shift.words, std::min(start, target));
    ++num_tried_;
    if (!best_ || shift.rank() > best_->rank()) best_ = std::move(shift);
  }

  Words words_;
  std::span<const uint32_t> reference_;
  Distances distances_;
  Alignment alignment_;
  std::optional<Shift> best_;
  int64_t num_tried_ = 0;
  bool is_exhausted_ = false;
};

}  // namespace

int64_t translation_edits(std::span<const uint32_t> hypothesis,
                          std::span<const uint32_t> reference) {
  if (reference.empty()) return static_cast<int64_t>(hypothesis.size());
  return Search(hypothesis, reference).edits();
}

}  // namespace xp
